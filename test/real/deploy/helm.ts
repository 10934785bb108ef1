/** Helm, compiled from Go modules once per version, and what it renders of this project's charts. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { cached, digestOf } from '../cache.ts';

const helmVersion = 'v3.22.0';
/** Of the control plane the rendered manifests are applied to. */
const kubeVersion = '1.36.0';
const charts = join(import.meta.dirname, '../../../deploy/charts');

export const namespace = 'driftline';

/** JSON as tests read it: any path, any shape; the assertion on the value is the check. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any;

/** Path of the binary; builds it when no build of this version by this Go is cached (a minute or two cold). */
export function helmBinary(): string {
  const go = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (go.status !== 0) throw new Error('the real suite needs Go to compile helm: install Go 1.26 or newer');
  const folder = cached('helm', digestOf([], helmVersion, go.stdout.trim()), (target) => {
    console.error('compiling helm from Go modules (once per version) …');
    execFileSync('go', ['install', '-trimpath', '-ldflags=-s -w', `helm.sh/helm/v3/cmd/helm@${helmVersion}`], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, CGO_ENABLED: '0', GOBIN: target, GOFLAGS: '' },
    });
  });
  return join(folder, 'helm');
}

export type Chart = 'driftline-agent' | 'driftline-collector';
/** `--set` paths; a value that is not text is given as JSON. */
export type Values = Readonly<Record<string, unknown>>;

/** Rendered YAML. Throws with helm's message when the values are not usable. */
export function renderChart(chart: Chart, values: Values = {}): string {
  const settings = Object.entries(values).flatMap(([path, value]) =>
    typeof value === 'string'
      ? ['--set-string', `${path}=${value}`]
      : ['--set-json', `${path}=${JSON.stringify(value)}`],
  );
  const common = ['--namespace', namespace, '--kube-version', kubeVersion];
  const run = spawnSync(helmBinary(), ['template', 'driftline', join(charts, chart), ...common, ...settings], {
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(run.stderr.trim());
  return run.stdout;
}

/** The objects of rendered YAML, read as kubectl reads it. */
export function objectsOf(yaml: string): readonly Loose[] {
  return parseAllDocuments(yaml, { version: '1.1' }).map((document) => document.toJS() as Loose);
}

export const renderObjects = (chart: Chart, values: Values = {}): readonly Loose[] =>
  objectsOf(renderChart(chart, values));
