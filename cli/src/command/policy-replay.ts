/** `driftline policy replay FOLDER…`: what these policies would have found over the recorded timeline, had they been in force. */
import type { ApiStatus } from '@driftline/proto';
import type { Bundle } from '@driftline/policy';
import { CliError, type ExitCode, exitCode } from '../exit-code.ts';
import { parseMoment, parsePastMoment } from '../moment.ts';
import { localTime, printable, shortenStart, table } from '../output/text.ts';
import { readRecording, type RecordingEntry } from '../replay/recording.ts';
import type { Difference, Span } from '../replay/compare-findings.ts';
import type { ReplayedCluster } from '../replay/replay.ts';
import { type Severity, severities } from '../severity.ts';
import { type CommandContext, text } from './command.ts';
import { outputFormat, printData, severityOption, wholeNumber } from './scope.ts';

export const replayOptions = {
  since: { type: 'string' },
  until: { type: 'string' },
  context: { type: 'string' },
  from: { type: 'string' },
  save: { type: 'string' },
  limit: { type: 'string' },
  'fail-on': { type: 'string' },
  'fail-on-lost': { type: 'string' },
} as const;

export const replayHelp = [
  ['--since, --until MOMENT', 'replay: as if in force since then (default: all of the timeline)'],
  ['--context NAME', 'replay: only this cluster (default: all)'],
  ['--save FILE', 'replay: keep what was read of the timeline; it holds whole (redacted) objects'],
  ['--from FILE', 'replay: judge what --save kept, without a collector'],
  ['--limit N', 'replay: at most N differences for people (default: 100; all with -o json and yaml)'],
  ['--fail-on LEVEL', 'replay: exit 1 when it finds what was not recorded, of at least this severity'],
  ['--fail-on-lost LEVEL', 'replay: exit 1 when it does not find what was recorded'],
] as const;

const peopleLimit = 100;
const pathWidth = 40;

export async function replayPolicies(context: CommandContext, bundle: Bundle): Promise<ExitCode> {
  const { values } = context;
  const gates = { new: severityOption(values, 'fail-on'), lost: severityOption(values, 'fail-on-lost') };
  const format = outputFormat(values);
  const limit = wholeNumber(values, 'limit', peopleLimit);
  const entries = await entriesOf(context);
  // The engine is loaded for the commands that judge.
  const { replay } = await import('../replay/replay.ts');
  const clusters: ReplayedCluster[] = [];
  for await (const cluster of replay(entries, bundle)) clusters.push(cluster);
  const gate = clusters.some((cluster) => isStopped(cluster, gates)) ? exitCode.failed : exitCode.ok;
  context.settle(gate);
  if (format === 'json' || format === 'yaml')
    await printData(context, { bundle: bundle.version, items: clusters.map(toData) });
  else for (const cluster of clusters) printCluster(context, bundle, { cluster, limit, isWide: format === 'wide' });
  return gate;
}

async function entriesOf(context: CommandContext): Promise<AsyncIterable<RecordingEntry>> {
  const { values } = context;
  const { readRecordingFile, saved } = await import('../replay/recording-file.ts');
  const [from, save] = [text(values, 'from'), text(values, 'save')];
  if (from === undefined) {
    const entries = recorded(context, await clustersAsked(context));
    return save === undefined ? entries : saved(entries, save);
  }
  const beside = ['save', 'since', 'until', 'context'].find((name) => values[name] !== undefined);
  if (beside !== undefined)
    throw new CliError(exitCode.usage, `--from judges what was saved, as it is: leave out --${beside}`);
  return readRecordingFile(from);
}

async function* recorded(context: CommandContext, clusters: readonly string[]): AsyncGenerator<RecordingEntry, void> {
  const range = rangeOf(context);
  for (const cluster of clusters) yield* readRecording(context.api(), cluster, range);
}

async function clustersAsked(context: CommandContext): Promise<readonly string[]> {
  const { agents } = await context.api().get<ApiStatus>('status');
  const known = agents.map(({ cluster }) => cluster);
  const wanted = text(context.values, 'context');
  if (known.length === 0) throw new CliError(exitCode.notFound, 'the timeline is empty: no agent has connected yet');
  if (wanted === undefined) return known;
  if (known.includes(wanted)) return [wanted];
  throw new CliError(exitCode.notFound, `no cluster '${wanted}' in the timeline; there are: ${known.join(', ')}`);
}

function rangeOf({ values, now }: CommandContext) {
  const [since, until] = [text(values, 'since'), text(values, 'until')];
  const range = {
    since: since === undefined ? null : parsePastMoment(since, now()),
    until: until === undefined ? now().toISOString() : parseMoment(until, now()),
  };
  if (range.since !== null && Date.parse(range.since) >= Date.parse(range.until))
    throw new CliError(exitCode.usage, `--since ${since ?? ''} is not before --until: nothing lies between`);
  return range;
}

function isStopped(
  { comparison, changes }: ReplayedCluster,
  gates: Readonly<Record<'new' | 'lost', Severity | undefined>>,
): boolean {
  return (['new', 'lost'] as const).some((verdict) => {
    const level = gates[verdict];
    if (level === undefined) return false;
    const stopping = severities.slice(severities.indexOf(level));
    return [comparison.counts, changes.counts].some((counts) =>
      stopping.some((severity) => (counts[verdict][severity] ?? 0) > 0),
    );
  });
}

function toData({ comparison, changes, ...cluster }: ReplayedCluster) {
  const { differences, left, same, counts } = comparison;
  const { left: notListed, ...ofChanges } = changes;
  const found = { same, counts, notListed: left, differences: ordered(differences) };
  return { ...cluster, ...found, changes: { ...ofChanges, notListed } };
}

/** Most severe first, then by place. */
function ordered(differences: readonly Difference[]): readonly Difference[] {
  const rank = ({ severity }: Difference): number => -severities.indexOf(severity);
  const place = ({ finding: { object, control, path } }: Difference): string =>
    [object.namespace, object.kind, object.name, control, path].join('\n');
  return differences.toSorted((a, b) => rank(a) - rank(b) || (place(a) < place(b) ? -1 : 1));
}

type Shown = { readonly cluster: ReplayedCluster; readonly limit: number; readonly isWide: boolean };

function printCluster(context: CommandContext, bundle: Bundle, { cluster, limit, isWide }: Shown) {
  const { print, columns, paint } = context;
  const { differences, left, same, counts } = cluster.comparison;
  const range = `${cluster.since === null ? 'the beginning' : localTime(cluster.since)} to ${localTime(cluster.until)}`;
  print(
    paint.bold(
      `${printable(cluster.cluster)}, ${range}: ${cluster.objects} objects and ${cluster.versions} versions after, as if bundle ${bundle.version} had been in force`,
    ),
  );
  const shown = ordered(differences).slice(0, limit);
  if (shown.length > 0)
    print(
      `\n${table(
        ['', 'SEVERITY', 'CONTROL', 'OBJECT', 'WHERE', 'WOULD BE OPEN', 'RECORDED AS OPEN'],
        shown.map(row(isWide)),
        {
          columns: isWide ? undefined : columns,
          flexible: [3, 4],
        },
      )}`,
    );
  const more = differences.length - shown.length + left;
  if (more > 0) print(paint.dim(`… and ${more} more (--limit N, or -o json)`));
  print(
    `\n${total(counts.new)} that were not recorded, ${total(counts.lost)} recorded that it does not find, ${total(counts.shifted)} at other times, ${same} the same. Posture at the end: ${cluster.score.score.toFixed(1)}.`,
  );
  printChanges(context, { cluster, limit, isWide });
  const notes = [
    ...(cluster.gaps === 0 ? [] : [`${cluster.gaps} gaps reach into this time: what happened in them is not judged`]),
    ...(cluster.unanswered === 0 ? [] : [`${cluster.unanswered} verdicts are missing at the end (not assessable)`]),
    ...(cluster.otherControls.length === 0
      ? []
      : [`recorded findings of ${cluster.otherControls.length} controls that it does not have are not compared`]),
    ...(cluster.changes.unanswered === 0
      ? []
      : [`${cluster.changes.unanswered} verdicts about changes are missing: mostly, nobody knows who asked`]),
  ];
  for (const note of notes) print(paint.dim(`Note: ${note}.`));
}

/** Violations by changes, in the order in which they happened. */
function printChanges({ print, columns, paint }: CommandContext, { cluster, limit, isWide }: Shown): void {
  const { judged, differences, left, same, counts } = cluster.changes;
  if (judged === 0 && differences.length === 0) return;
  const shown = differences.slice(0, limit);
  if (shown.length > 0)
    print(
      `\n${table(
        ['', 'SEVERITY', 'CONTROL', 'CHANGED', 'WHEN', 'WHO', 'WHY'],
        shown.map(({ verdict, severity, control, object, at, user, reason }) => [
          verdict,
          severity,
          control,
          objectText(object),
          localTime(at),
          user === '' ? '-' : user,
          reason,
        ]),
        { columns: isWide ? undefined : columns, flexible: [3, 5, 6] },
      )}`,
    );
  const more = differences.length - shown.length + left;
  if (more > 0) print(paint.dim(`… and ${more} more (--limit N, or -o json)`));
  print(
    `\n${judged} changes were judged: ${total(counts.new)} violations that were not recorded, ${total(counts.lost)} recorded that it does not find, ${same} the same.`,
  );
}

function objectText({ kind, namespace, name }: Pick<Difference['finding']['object'], 'kind' | 'namespace' | 'name'>) {
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
}

function total(counts: Readonly<Partial<Record<Severity, number>>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

const row =
  (isWide: boolean) =>
  ({ verdict, severity, finding, candidate, recorded: then }: Difference): readonly string[] => {
    return [
      verdict,
      severity,
      finding.control,
      objectText(finding.object),
      isWide ? finding.path : shortenStart(finding.path, pathWidth),
      spanText(candidate),
      spanText(then),
    ];
  };

function spanText(span: Span | null): string {
  if (span === null) return '-';
  const { openedAt, resolvedAt, times } = span;
  const again = times === 1 ? '' : ` (${times} times)`;
  if (openedAt === null) return `${resolvedAt === null ? 'all the time' : `until ${localTime(resolvedAt)}`}${again}`;
  return `${localTime(openedAt)} ${resolvedAt === null ? 'on' : `to ${localTime(resolvedAt)}`}${again}`;
}
