/** `driftline policy export --vap`: controls as ValidatingAdmissionPolicies, for an API server that holds what they fail. */
import type { Bundle, ExportResult, LoadedControl, ValidationAction } from '@driftline/policy';
import { CliError, type ExitCode, exitCode } from '../exit-code.ts';
import { printable } from '../output/text.ts';
import { type CommandContext, text, texts } from './command.ts';
import { engine } from './policies.ts';
import { outputFormat, printData } from './scope.ts';

export const exportOptions = {
  vap: { type: 'boolean' },
  control: { type: 'string', multiple: true },
  action: { type: 'string' },
  cluster: { type: 'string' },
} as const;

export const exportHelp = [
  ['--vap', 'export: as ValidatingAdmissionPolicy and binding, YAML (or a List with -o json)'],
  ['--control ID', 'export: only this control; can be given again; exit 1 when it cannot be exported'],
  ['--action WHAT,…', 'export: Audit (default), Warn, Deny; Deny and Warn exclude each other'],
  ['--cluster NAME', 'export: whose exceptions hold; without it, those for certain clusters do not'],
] as const;

const actions: readonly ValidationAction[] = ['Audit', 'Warn', 'Deny'];

type Exported = Extract<ExportResult, { ok: true }>;

export async function exportPolicies(context: CommandContext, bundle: Bundle): Promise<ExitCode> {
  const { values, now } = context;
  if (values.vap !== true) throw new CliError(exitCode.usage, 'say as what: driftline policy export --vap');
  const wanted = texts(values, 'control');
  const controls = wanted.length === 0 ? bundle.controls : wanted.map((id) => controlNamed(bundle, id));
  const { exportControl, holdsIn } = await engine();
  const cluster = text(values, 'cluster') ?? '';
  const options = {
    exceptions: bundle.exceptions.filter((one) => holdsIn(one, cluster) && one.isAboutCluster(cluster)),
    actions: actionsIn(text(values, 'action') ?? 'Audit'),
    version: bundle.version,
    nowMs: now().getTime(),
  };
  const results = controls.map((control) => ({ id: control.control.meta.id, result: exportControl(control, options) }));
  const refused = results.flatMap(({ id, result }) => (result.ok ? [] : [{ id, reason: result.reason }]));
  const exported = results.flatMap(({ result }) => (result.ok ? [result] : []));
  const gate = wanted.length > 0 && refused.length > 0 ? exitCode.failed : exitCode.ok;
  context.settle(gate);
  await printPolicies(context, exported);
  sayRefused(context, refused);
  sayEnds(context, exported);
  return gate;
}

function controlNamed({ controls }: Bundle, id: string): LoadedControl {
  const found = controls.find(({ control }) => control.meta.id === id);
  if (found === undefined) throw new CliError(exitCode.notFound, `there is no control '${id}' in these policies`);
  return found;
}

function actionsIn(value: string): readonly ValidationAction[] {
  const asked = value.split(',').map((part) => {
    const action = actions.find((one) => one.toLowerCase() === part.trim().toLowerCase());
    if (action !== undefined) return action;
    throw new CliError(exitCode.usage, `--action takes ${actions.join(', ')}, not '${part.trim()}'`);
  });
  if (asked.includes('Deny') && asked.includes('Warn'))
    throw new CliError(exitCode.usage, '--action Deny and Warn exclude each other: who is denied is told why anyway');
  return [...new Set(asked)];
}

async function printPolicies(context: CommandContext, exported: readonly Exported[]): Promise<void> {
  const documents = exported.flatMap(({ policy, binding }) => [policy, binding]);
  if (outputFormat(context.values) === 'json') {
    await printData(context, { apiVersion: 'v1', kind: 'List', items: documents });
    return;
  }
  const { stringify } = await import('yaml');
  for (const document of documents) context.print(`---\n${stringify(document, { lineWidth: 0 }).trimEnd()}`);
}

type Refused = { readonly id: string; readonly reason: string };

function sayRefused({ warn }: CommandContext, refused: readonly Refused[]): void {
  for (const [reason, same] of Map.groupBy(refused, (one) => one.reason)) {
    const ids = same.map(({ id }) => id).join(', ');
    warn(`not exported: ${printable(reason)}: ${printable(ids)}`);
  }
}

function sayEnds({ warn }: CommandContext, exported: readonly Exported[]): void {
  const ended = [...new Set(exported.flatMap((one) => one.ended))];
  if (ended.length > 0) warn(`exceptions that have ended are left out: ${ended.join(', ')}`);
  const ends = exported.flatMap(({ expiresMs }) => expiresMs ?? []);
  if (ends.length > 0)
    warn(
      `export again before ${new Date(Math.min(...ends)).toISOString()}: from then on an exception in it does not hold, which updates are not told`,
    );
}
