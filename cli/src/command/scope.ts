/** The options that say where: kubectl's habits, with clusters as contexts. */
import type { ApiStatus } from '@driftline/proto';
import type { Query } from '../api-client.ts';
import { CliError, exitCode } from '../exit-code.ts';
import { escapeQuoted, hasUnprintable } from '../output/text.ts';
import { type CommandContext, type OptionConfig, type OptionValues, text } from './command.ts';

export const scopeOptions = {
  namespace: { type: 'string', short: 'n' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  context: { type: 'string' },
} as const satisfies OptionConfig;

export const scopeHelp = [
  ['-n, --namespace NAME', 'only this namespace (default: all)'],
  ['-A, --all-namespaces', 'all namespaces'],
  ['--context NAME', 'only this cluster (default: all)'],
] as const;

export const selectorOptions = { selector: { type: 'string', short: 'l' } } as const satisfies OptionConfig;
export const selectorHelp = [['-l, --selector QUERY', 'label selector: app=web, env in (a,b), !legacy']] as const;

export const outputOptions = { output: { type: 'string', short: 'o' } } as const satisfies OptionConfig;
export const outputHelp = [['-o, --output FORMAT', 'json, yaml or wide (default: for people)']] as const;

export type OutputFormat = 'people' | 'wide' | 'json' | 'yaml';

export function outputFormat(values: OptionValues): OutputFormat {
  const format = text(values, 'output');
  if (format === undefined || format === 'table') return 'people';
  if (format === 'wide' || format === 'json' || format === 'yaml') return format;
  throw new CliError(exitCode.usage, `unknown output format '${format}': use json, yaml or wide`);
}

export function scopeQuery(values: OptionValues): Query {
  if (values['all-namespaces'] === true && values.namespace !== undefined) {
    throw new CliError(exitCode.usage, 'use either --namespace or --all-namespaces');
  }
  return { cluster: text(values, 'context'), namespace: text(values, 'namespace'), selector: text(values, 'selector') };
}

/**
 * For an empty answer: a cluster that nobody knows must not pass for one where nothing changed and nothing is wrong.
 * Exit 4 when `--context` names none.
 */
export async function requireKnownCluster(context: CommandContext): Promise<void> {
  const wanted = text(context.values, 'context');
  if (wanted === undefined || wanted === '') return;
  const { agents } = await context.api().get<ApiStatus>('status');
  const known = agents.map(({ cluster }) => cluster);
  if (known.includes(wanted)) return;
  throw new CliError(
    exitCode.notFound,
    `no cluster '${wanted}' in the timeline${known.length === 0 ? ', and no other' : `; there are: ${known.join(', ')}`}`,
  );
}

/** For commands that take options only. */
export function refuseArguments({ positionals }: CommandContext): void {
  if (positionals.length > 0) throw new CliError(exitCode.usage, `too many arguments: ${positionals.join(' ')}`);
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

/** Prints items one by one for people, or all together as JSON or YAML `{items: […]}`. */
export async function printItems<T>(
  context: CommandContext,
  items: AsyncIterable<T>,
  people: (item: T) => void,
): Promise<number> {
  const format = outputFormat(context.values);
  if (format === 'people' || format === 'wide') {
    let count = 0;
    for await (const item of items) {
      people(item);
      count += 1;
    }
    return count;
  }
  const all = await Array.fromAsync(items);
  await printData(context, { items: all });
  return all.length;
}

/** What a terminal would obey is escaped in both formats; a parser reads the same values. */
export async function printData(context: CommandContext, data: unknown): Promise<void> {
  if (outputFormat(context.values) === 'yaml') {
    const { stringify } = await import('yaml');
    const text = stringify(data);
    const quoted = { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'QUOTE_DOUBLE', lineWidth: 0 } as const;
    context.print((hasUnprintable(text) ? escapeQuoted(stringify(data, quoted)) : text).trimEnd());
    return;
  }
  context.print(escapeQuoted(JSON.stringify(data, null, 2)));
}
