/** The options that say where: kubectl's habits, with clusters as contexts. */
import type { ApiPage, ApiStatus } from '@driftline/proto';
import type { Query } from '../api-client.ts';
import { isSeverity, severities, type Severity } from '../severity.ts';
import { CliError, exitCode, isNotFound } from '../exit-code.ts';
import { dataText } from '../output/data.ts';
import { type CommandContext, type OptionConfig, type OptionValues, text } from './command.ts';

export const clusterOptions = { context: { type: 'string' } } as const satisfies OptionConfig;
export const clusterHelp = [['--context NAME', 'only this cluster (default: all)']] as const;

export const scopeOptions = {
  namespace: { type: 'string', short: 'n' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  ...clusterOptions,
} as const satisfies OptionConfig;

export const scopeHelp = [
  ['-n, --namespace NAME', 'only this namespace (default: all)'],
  ['-A, --all-namespaces', 'all namespaces'],
  ...clusterHelp,
] as const;

export const selectorOptions = { selector: { type: 'string', short: 'l' } } as const satisfies OptionConfig;
export const selectorHelp = [['-l, --selector QUERY', 'label selector: app=web, env in (a,b), !legacy']] as const;

export const outputOptions = { output: { type: 'string', short: 'o' } } as const satisfies OptionConfig;
export const outputHelp = [['-o, --output FORMAT', 'json, yaml or wide (default: for people)']] as const;

/** Of commands that list objects. */
export const objectOutputHelp = [['-o, --output FORMAT', 'json, yaml, wide or name (default: for people)']] as const;

export type OutputFormat = 'people' | 'wide' | 'json' | 'yaml';

/** @param others what the command knows beside these */
export function outputFormat<Other extends string = never>(
  values: OptionValues,
  others: readonly Other[] = [],
): OutputFormat | Other {
  const format = text(values, 'output');
  if (format === undefined || format === 'table') return 'people';
  if (format === 'wide' || format === 'json' || format === 'yaml') return format;
  const other = others.find((one) => one === format);
  if (other !== undefined) return other;
  const known = ['json', 'yaml', ...others].join(', ');
  throw new CliError(exitCode.usage, `unknown output format '${format}': use ${known} or wide`);
}

export function scopeQuery(values: OptionValues): Query {
  if (values['all-namespaces'] === true && values.namespace !== undefined) {
    throw new CliError(exitCode.usage, 'use either --namespace or --all-namespaces');
  }
  return { cluster: text(values, 'context'), namespace: text(values, 'namespace'), selector: text(values, 'selector') };
}

/**
 * For an empty answer: a cluster or a namespace that nobody knows must not pass for one where nothing changed and
 * nothing is wrong. Exit 4 when `--context` or `--namespace` names none.
 */
export async function requireKnownScope(context: CommandContext): Promise<void> {
  const cluster = text(context.values, 'context');
  if (cluster !== undefined && cluster !== '') await requireKnownCluster(context, cluster);
  const namespace = text(context.values, 'namespace');
  if (namespace === undefined || namespace === '') return;
  const query = { cluster, namespace, snapshots: true, limit: 1 };
  const inside = await context.api().get<ApiPage<unknown>>('log', query);
  if (inside.items.length > 0 || (await isNamespace(context, cluster, namespace))) return;
  throw new CliError(
    exitCode.notFound,
    `no namespace '${namespace}' in the timeline${cluster === undefined ? '' : ` of ${cluster}`}`,
  );
}

async function requireKnownCluster(context: CommandContext, wanted: string): Promise<void> {
  const { agents } = await context.api().get<ApiStatus>('status');
  const known = agents.map(({ cluster }) => cluster);
  if (known.includes(wanted)) return;
  throw new CliError(
    exitCode.notFound,
    `no cluster '${wanted}' in the timeline${known.length === 0 ? ', and no other' : `; there are: ${known.join(', ')}`}`,
  );
}

/** Namespaces without anything in them count, where the agent may see namespaces. */
async function isNamespace(context: CommandContext, cluster: string | undefined, name: string): Promise<boolean> {
  try {
    const query = { cluster, kind: 'namespaces', name, snapshots: true, limit: 1 };
    return (await context.api().get<ApiPage<unknown>>('log', query)).items.length > 0;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** For commands that take options only. */
export function refuseArguments({ positionals }: CommandContext): void {
  if (positionals.length > 0) throw new CliError(exitCode.usage, `too many arguments: ${positionals.join(' ')}`);
}

export function severityOption(values: OptionValues, name: string): Severity | undefined {
  const value = text(values, name);
  if (value === undefined || isSeverity(value)) return value;
  throw new CliError(exitCode.usage, `--${name} takes ${severities.join(', ')}, not '${value}'`);
}

export function wholeNumber(values: OptionValues, name: string, fallback: number): number {
  const value = text(values, name);
  if (value === undefined) return fallback;
  if (!/^[1-9]\d{0,6}$/.test(value))
    throw new CliError(exitCode.usage, `--${name} takes a whole number from 1 to 9999999, not '${value}'`);
  return Number(value);
}

/** `deploy/web`, or `deploy web`, or `deploy`. */
export function kindAndName(positionals: readonly string[]): {
  readonly kind: string | undefined;
  readonly name: string | undefined;
} {
  const [first, second, ...rest] = positionals;
  if (rest.length > 0) throw new CliError(exitCode.usage, `too many arguments: ${rest.join(' ')}`);
  if (first === undefined) return { kind: undefined, name: undefined };
  const slash = first.indexOf('/');
  if (slash === 0 || slash === first.length - 1 || first === '' || second === '')
    throw new CliError(exitCode.usage, `'${positionals.join(' ')}' names no object: use KIND, KIND/NAME or KIND NAME`);
  if (slash < 0) return { kind: first, name: second };
  if (second !== undefined)
    throw new CliError(exitCode.usage, `'${first}' already names an object; unexpected '${second}'`);
  return { kind: first.slice(0, slash), name: first.slice(slash + 1) };
}

export type Wanted = { readonly kind: string; readonly name: string | undefined };

/** What `kubectl get all` lists. */
const kindsOfAll = [
  'pods',
  'replicationcontrollers',
  'services',
  'daemonsets.apps',
  'deployments.apps',
  'replicasets.apps',
  'statefulsets.apps',
  'horizontalpodautoscalers.autoscaling',
  'cronjobs.batch',
  'jobs.batch',
] as const;

/** As after `kubectl get`: `deploy`, `deploy,svc`, `all`, `deploy web api`, or `deploy/web svc/web`. */
export function wantedObjects(positionals: readonly string[]): readonly Wanted[] {
  const [first = '', ...names] = positionals;
  if (positionals.some((each) => each.includes('/')))
    return positionals.map((each) => {
      const { kind, name } = kindAndName([each]);
      if (kind === undefined || name === undefined)
        throw new CliError(exitCode.usage, `'${each}' names no object: after KIND/NAME comes KIND/NAME`);
      return { kind, name };
    });
  if (positionals.includes('')) throw new CliError(exitCode.usage, 'an empty name names no object');
  const kinds = first === 'all' ? kindsOfAll : first.split(',').filter((kind) => kind !== '');
  if (first === 'all' && names.length > 0)
    throw new CliError(exitCode.usage, "'all' takes no names: say a kind, such as deploy");
  const named = names.length === 0 ? [undefined] : names;
  return kinds.flatMap((kind) => named.map((name) => ({ kind, name })));
}

/** One document of a command that does not list, in the machine format asked for. */
export async function printData(context: CommandContext, data: unknown): Promise<void> {
  context.print(await dataText(outputFormat(context.values) === 'yaml' ? 'yaml' : 'json', data));
}

/** The value of --min-score. */
export function minimumScore(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const score = Number(value);
  if (value.trim() === '' || !(score >= 0 && score <= 100))
    throw new CliError(exitCode.usage, `--min-score takes a number from 0 to 100, not '${value}'`);
  return score;
}
