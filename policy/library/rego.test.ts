import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import { createEngine, objectKeyOf, problemText, runCases } from '@driftline/policy';
import { readLibrary } from './read-library.ts';

const compiled = join(import.meta.dirname, '../src/language/rego/testing/labels.tar.gz');
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, maxRetries: 10 });
});

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-rego-'));
  folders.push(folder);
  mkdirSync(join(folder, 'controls'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const control = (entrypoint: string) => `apiVersion: driftline.dev/v1
kind: Control
id: XX-LAB-001
title: Labels are in small letters
severity: low
weight: 1
category: governance
rationale: They are compared.
remediation: { summary: Write them so., fields: [metadata.labels], impact: None. }
references: [https://example.org]
frameworks: {}
match: { kinds: [{ group: '', kind: Pod }] }
rego: { bundle: labels.tar.gz, entrypoint: ${entrypoint} }
cases:
  - { name: small, expect: pass, objects: [{ apiVersion: v1, kind: Pod, metadata: { name: a, labels: { app: web } } }] }
  - name: large
    expect: fail
    violations: [metadata.labels.app]
    objects: [{ apiVersion: v1, kind: Pod, metadata: { name: a, labels: { app: Web, tier: db } } }]
`;

test('a control in compiled Rego passes its cases, with the path that the rule gives', async () => {
  const folder = folderWith({ 'controls/c.yaml': control('labels/deny') });
  cpSync(compiled, join(folder, 'controls/labels.tar.gz'));
  const loaded = await readLibrary({ folders: [folder] });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  assert.deepEqual(
    runCases(loaded.bundle, Date.parse).map(({ ok, difference }) => [ok, difference]),
    [
      [true, ''],
      [true, ''],
    ],
  );
});

test('an entrypoint or a bundle that is not there, and a file that is no bundle', async () => {
  const folder = folderWith({ 'controls/c.yaml': control('labels/allow') });
  const problems = async () => {
    const loaded = await readLibrary({ folders: [folder] });
    return loaded.ok ? 'loaded' : loaded.problems.map(problemText).join();
  };
  assert.match(await problems(), /c\.yaml:13:\d+: there is no bundle controls\/labels\.tar\.gz/);
  cpSync(compiled, join(folder, 'controls/labels.tar.gz'));
  assert.match(await problems(), /no entrypoint labels\/allow; it has k8srequiredlabels\/violation, labels\/deny/);
  writeFileSync(join(folder, 'controls/labels.tar.gz'), 'not gzip');
  await assert.rejects(problems(), /labels\.tar\.gz: /);
});

const template = (rego: string): JsonObject => ({
  apiVersion: 'templates.gatekeeper.sh/v1',
  kind: 'ConstraintTemplate',
  metadata: { name: 'k8srequiredlabels' },
  spec: {
    crd: { spec: { names: { kind: 'K8sRequiredLabels' } } },
    targets: [{ target: 'admission.k8s.gatekeeper.sh', rego }],
  },
});

const constraint: JsonObject = {
  apiVersion: 'constraints.gatekeeper.sh/v1beta1',
  kind: 'K8sRequiredLabels',
  metadata: { name: 'owner' },
  spec: {
    match: { kinds: [{ apiGroups: [''], kinds: ['Namespace'] }] },
    parameters: { labels: ['owner', 'team'] },
  },
};

test("a Gatekeeper template's Rego runs where its compiled bundle is given", async () => {
  const folder = folderWith({
    't.yaml': JSON.stringify(template('package k8srequiredlabels\nviolation[{}] { true }')),
    'c.yaml': JSON.stringify(constraint),
  });
  const without = await readLibrary({ folders: [folder] });
  assert.match(
    without.ok ? '' : without.problems.map(problemText).join(),
    /opa build -t wasm -e k8srequiredlabels\/violation/,
  );
  cpSync(compiled, join(folder, 'labels.tar.gz'));
  const loaded = await readLibrary({ folders: [folder] });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const engine = createEngine({ controls: loaded.bundle.controls.map((one) => one.control) });
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } };
  const told = engine.apply([{ key: objectKeyOf(namespace), uid: '1', after: namespace }], 0);
  assert.deepEqual(
    told.map(({ finding, reason }) => [finding.control, reason]),
    [['gatekeeper/K8sRequiredLabels/owner', 'needs the labels ["owner"]']],
  );
  writeFileSync(join(folder, 't.yaml'), JSON.stringify(template('package a\nviolation[{}] { data.inventory.x }')));
  const referential = await readLibrary({ folders: [folder] });
  assert.match(referential.ok ? '' : referential.problems.map(problemText).join(), /data\.inventory is not supported/);
});
