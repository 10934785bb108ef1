/** How each tool is asked about a folder of manifests, and what it answers: which check flags which object. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Json, JsonObject } from '@driftline/proto';
import type { ToolName } from './checks.ts';
import type { Manifest } from './manifests.ts';
import { checkovPython, goTool, peerVersions } from './peers.ts';

/** Answers as the tools print them: the shape is theirs. */
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;

/** What is flagged: a check by the tool's name for it, and the file of the object. */
export type Flag = { readonly check: string; readonly file: string };

export type Tool = {
  readonly name: ToolName;
  readonly version: string;
  /** What it was asked, in a few words. */
  readonly rules: string;
  readonly command: readonly string[];
  readonly flags: (printed: string) => readonly Flag[];
};

export type Setting = {
  /** Where policies are written to. */
  readonly folder: string;
  readonly corpora: string;
  readonly manifestFolder: string;
  readonly manifests: readonly Manifest[];
  readonly driftline: { readonly version: string; readonly controls: number };
};

const cli = join(import.meta.dirname, '../../../cli/bin/driftline.mjs');

export function toolsFor(setting: Setting): readonly Tool[] {
  const fileOf = new Map(setting.manifests.map(({ object, file }) => [object, basename(file)]));
  const known = (check: string, object: string): readonly Flag[] => {
    const file = fileOf.get(object);
    return file === undefined ? [] : [{ check, file }];
  };
  return [
    driftline(setting),
    kubeScore(setting),
    checkov(setting),
    gator(setting, known),
    kyverno(setting, known),
    opa(setting),
  ];
}

function driftline({ manifestFolder, driftline: { version, controls } }: Setting): Tool {
  return {
    name: 'driftline',
    version,
    rules: `${controls} controls, credentials`,
    command: [process.execPath, cli, 'scan', manifestFolder, '--output', 'json'],
    flags: (printed) =>
      (JSON.parse(printed) as Loose).items.map((item: Loose) => ({ check: item.control, file: basename(item.file) })),
  };
}

function kubeScore({ manifests }: Setting): Tool {
  return {
    name: 'kube-score',
    version: peerVersions['kube-score'],
    rules: 'its default checks',
    command: [goTool('kube-score'), 'score', '-o', 'json', ...manifests.map(({ file }) => file)],
    flags: (printed) =>
      (JSON.parse(printed) as Loose[]).flatMap(({ file_name: file, checks }) =>
        // 10 is its best grade, 7 "almost ok".
        (checks as Loose[])
          .filter(({ grade, skipped }) => !skipped && grade < 7)
          .map(({ check }) => ({ check: check.id as string, file: basename(file) })),
      ),
  };
}

function checkov({ manifestFolder }: Setting): Tool {
  const options = ['--framework', 'kubernetes', '-o', 'json', '--compact', '--quiet', '--skip-download'];
  return {
    name: 'checkov',
    version: peerVersions.checkov,
    rules: 'its Kubernetes checks',
    command: [checkovPython(), '-m', 'checkov.main', '-d', manifestFolder, ...options],
    flags: (printed) =>
      (JSON.parse(printed) as Loose).results.failed_checks.map((one: Loose) => ({
        check: one.check_id,
        file: basename(one.file_path),
      })),
  };
}

type Known = (check: string, object: string) => readonly Flag[];

function gator({ folder, corpora, manifestFolder }: Setting, known: Known): Tool {
  const cases = linesOf(join(corpora, 'gatekeeper', 'cases.jsonl'));
  const documents = cases.flatMap(({ template, constraint }) => [template, constraint] as Loose[]);
  const policies = writePolicies(join(folder, 'gatekeeper'), documents);
  return {
    name: 'gator',
    version: peerVersions.gator,
    rules: `${policies.count} templates and constraints (CEL)`,
    command: [goTool('gator'), 'test', '-f', manifestFolder, '-f', policies.folder, '-o', 'json'],
    flags: (printed) =>
      (JSON.parse(printed) as Loose[]).flatMap(({ constraint, violatingObject: { kind, metadata } }) =>
        known(constraint.kind, `${kind}/${metadata.namespace ?? 'default'}/${metadata.name}`),
      ),
  };
}

/** Policies that validate, of the two folders that are about pods in general; those that need a cluster are none of them. */
const kyvernoFolders = /^(?:pod-security|best-practices)\/(?!.*\/\.)/;

function kyverno({ folder, corpora, manifestFolder }: Setting, known: Known): Tool {
  const documents = linesOf(join(corpora, 'kyverno', 'files.jsonl'))
    .filter(({ file }) => kyvernoFolders.test(typeof file === 'string' ? file : ''))
    .flatMap((file) => file['documents'] as Loose[])
    .filter(({ kind, spec }) => kind === 'ClusterPolicy' && spec.rules.some((rule: Loose) => rule.validate));
  const policies = writePolicies(join(folder, 'kyverno'), documents);
  const report = ['--policy-report', '--output-format', 'json'];
  return {
    name: 'kyverno',
    version: peerVersions.kyverno,
    rules: `${policies.count} policies`,
    command: [goTool('kyverno'), 'apply', policies.folder, '--resource', manifestFolder, ...report],
    flags: (printed) =>
      ((JSON.parse(printed.slice(printed.indexOf('\n{') + 1)) as Loose).results as Loose[])
        .filter(({ result }) => result === 'fail')
        .flatMap(({ policy, resources }) =>
          (resources as Loose[]).flatMap(({ kind, namespace, name }) =>
            known(policy, `${kind}/${namespace || 'default'}/${name}`),
          ),
        ),
  };
}

function opa({ folder, manifestFolder }: Setting): Tool {
  const policies = join(folder, 'rego');
  mkdirSync(policies, { recursive: true });
  copyFileSync(join(import.meta.dirname, 'checks.rego'), join(policies, 'checks.rego'));
  return {
    name: 'opa',
    version: peerVersions.opa,
    rules: '5 rules written for this bench',
    command: [goTool('opa'), 'exec', '--decision', 'bench/found', '-b', policies, '--format', 'json', manifestFolder],
    flags: (printed) =>
      ((JSON.parse(printed) as Loose).result as Loose[]).flatMap(({ path, result }) =>
        ((result ?? []) as string[]).map((check) => ({ check, file: basename(path) })),
      ),
  };
}

function writePolicies(
  folder: string,
  documents: readonly Loose[],
): { readonly folder: string; readonly count: number } {
  mkdirSync(folder, { recursive: true });
  const byName = new Map<string, Json>(documents.map((one) => [`${one.kind}-${one.metadata.name}`.toLowerCase(), one]));
  for (const [name, document] of byName) writeFileSync(join(folder, `${name}.yaml`), JSON.stringify(document));
  return { folder, count: byName.size };
}

function linesOf(file: string): readonly JsonObject[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as JsonObject);
}
