/**
 * The judgement: what etcd saw against what the timeline tells. Pure, so that its own test can plant every kind of lie.
 *
 * Each run of an object (history.ts) is recorded exactly once and in order, or lies in a gap record whose cause, kind and
 * interval the faults of the schedule allow. A gap excuses only what began and ended inside it: what still held when it
 * closed was there to be read.
 */
import type { ObjectHistory, Run } from './history.ts';

/** A row of the timeline; the array's order is the timeline's. */
export type RecordedVersion = {
  readonly key: string;
  readonly epochOrdinal: number;
  readonly sequence: number;
  readonly index: number;
  readonly op: string;
  readonly synthesised: boolean;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly body: string;
};

export type RecordedGap = {
  /** '' is every kind. */
  readonly kind: string;
  readonly epochOrdinal: number;
  readonly cause: string;
  readonly detail: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly fromSequence: number;
  readonly toSequence: number;
};

/** What a fault may cost: versions of these kinds, from a revision (not itself) to another, in gaps with one of the causes. */
export type Allowance = {
  readonly fault: string;
  readonly causes: readonly string[];
  /** undefined is every kind. */
  readonly kinds: readonly string[] | undefined;
  readonly fromRevision: number;
  readonly toRevision: number;
};

export type Evidence = {
  readonly histories: readonly ObjectHistory[];
  readonly recorded: readonly RecordedVersion[];
  readonly gaps: readonly RecordedGap[];
  readonly allowances: readonly Allowance[];
  /** Where the agent had looked at everything for the first time. What was over before is not the timeline's to tell. */
  readonly firstLookRevision: number;
};

export type ProblemCode =
  | 'missing'
  | 'duplicate'
  | 'reordered'
  | 'invented'
  | 'altered'
  | 'needless-gap'
  | 'wide-gap'
  | 'vague-gap'
  | 'wrong-link';

export type Problem = { readonly code: ProblemCode; readonly where: string; readonly what: string };

export type Verdict = {
  readonly problems: readonly Problem[];
  readonly runs: number;
  /** Runs that lie in gaps. */
  readonly excused: number;
};

type Skipped = {
  readonly history: ObjectHistory;
  readonly run: Run;
  readonly before: RecordedVersion | undefined;
  readonly after: RecordedVersion | undefined;
  readonly lastForm: string | undefined;
};

export function check(evidence: Evidence): Verdict {
  const problems: Problem[] = [];
  const byKey = Map.groupBy(evidence.recorded, ({ key }) => key);
  const skipped: Skipped[] = [];
  for (const history of evidence.histories) {
    const { found, passed } = walk(history, byKey.get(history.key) ?? [], evidence.firstLookRevision);
    problems.push(...found);
    skipped.push(...passed);
    byKey.delete(history.key);
  }
  for (const [key, rows] of byKey) {
    problems.push({
      code: 'invented',
      where: key,
      what: `${rows.length} versions recorded, etcd never saw the object`,
    });
  }
  const excused = excuse(skipped, evidence, problems);
  problems.push(...evidence.gaps.flatMap((gap) => judgeGap(gap, evidence)));
  const runs = evidence.histories.reduce((sum, history) => sum + history.runs.length, 0);
  return { problems, runs, excused };
}

/** Lays the recorded versions of one object along its runs. */
function walk(
  history: ObjectHistory,
  rows: readonly RecordedVersion[],
  firstLookRevision: number,
): { readonly found: readonly Problem[]; readonly passed: readonly Skipped[] } {
  const { key, runs } = history;
  const found: Problem[] = [];
  const passed: Skipped[] = [];
  const taken = new Set<number>();
  let at = -1;
  let before: RecordedVersion | undefined;
  const skip = (to: number, after: RecordedVersion | undefined): void => {
    for (const run of runs.slice(at + 1, to)) {
      // Until the first look, what is over is over; what never existed afterwards need not be told as deleted.
      const isHistory = before === undefined && (run.endRevision ?? Infinity) <= firstLookRevision;
      const isNothing = before === undefined && run.form === undefined && (run.revisions[0] ?? 0) <= firstLookRevision;
      if (!isHistory && !isNothing) passed.push({ history, run, before, after, lastForm: formAt(runs, at) });
    }
  };
  for (const row of rows) {
    const place = placeOf(row, runs);
    const where = `${key} ${row.epochOrdinal}:${row.sequence} (${row.op}, version ${row.resourceVersion})`;
    if (place === undefined) found.push({ code: 'invented', where, what: 'etcd saw no such version of this object' });
    else if (taken.has(place)) found.push({ code: 'duplicate', where, what: 'the timeline tells this version again' });
    else if (place < at) found.push({ code: 'reordered', where, what: 'told after a version that came later' });
    else {
      const form = runs[place]?.form ?? '';
      if (form !== row.body) found.push({ code: 'altered', where, what: firstDifference(row.body, form) });
      skip(place, row);
      at = place;
      // An end that was inferred is told when its successor shows: it says nothing of when what came between was told.
      if (!(row.op === 'deleted' && row.synthesised && before !== undefined)) before = row;
    }
    if (place !== undefined) taken.add(place);
  }
  skip(runs.length, undefined);
  return { found, passed };
}

const formAt = (runs: readonly Run[], at: number): string | undefined => (at < 0 ? undefined : runs[at]?.form);

/** A deletion that a list showed has the list's version, so it is found by the uid of what was deleted. */
function placeOf(row: RecordedVersion, runs: readonly Run[]): number | undefined {
  const isDeletion = row.op === 'deleted';
  const place = runs.findIndex((run) =>
    isDeletion
      ? run.form === undefined && run.uid === row.uid
      : run.form !== undefined && run.revisions.includes(Number(row.resourceVersion)),
  );
  if (place === -1) return undefined;
  const deletedAt = runs[place]?.revisions[0];
  const isReported = isDeletion && !row.synthesised;
  return isReported && deletedAt !== Number(row.resourceVersion) ? undefined : place;
}

/** Counts the runs that a gap excuses; the others are problems. */
function excuse(skipped: readonly Skipped[], { gaps, allowances }: Evidence, problems: Problem[]): number {
  const room = new Map(gaps.map((gap) => [gap, gap.toSequence - gap.fromSequence + 1]));
  let excused = 0;
  for (const item of skipped) {
    const { run, history } = item;
    // Those of versions first: they have room for all that they cover.
    const covering = gaps
      .filter((gap) => covers(gap, item) && (!isOfSequences(gap) || (room.get(gap) ?? 0) > 0))
      .toSorted((a, b) => Number(isOfSequences(a)) - Number(isOfSequences(b)));
    const gap = covering.find(({ cause }) =>
      allowances.some((allowance) => allows(allowance, history.kind, cause) && isWithin(run, allowance)),
    );
    if (gap !== undefined) {
      room.set(gap, (room.get(gap) ?? 0) - 1);
      excused += 1;
      continue;
    }
    const [first] = run.revisions;
    const why =
      covering.length === 0
        ? 'no gap covers it'
        : `only gaps that no fault explains: ${covering.map(label).join(', ')}`;
    const what = `revision ${first}${run.form === undefined ? ' (deleted)' : ''}, until ${run.endRevision ?? 'now'}: ${why}`;
    problems.push({ code: 'missing', where: history.key, what });
  }
  return excused;
}

function covers(gap: RecordedGap, { history, run, before, after, lastForm }: Skipped): boolean {
  if (gap.kind !== '' && gap.kind !== history.kind) return false;
  const isOver = run.endRevision !== undefined || run.form === lastForm;
  if (isOfSequences(gap)) {
    const isBehind =
      before === undefined || before.epochOrdinal < gap.epochOrdinal || before.sequence < gap.fromSequence;
    const isAhead = after === undefined || after.epochOrdinal > gap.epochOrdinal || after.sequence > gap.toSequence;
    return isOver && isBehind && isAhead;
  }
  const [from, to] = [Number(gap.fromVersion), Number(gap.toVersion)];
  const [first = 0] = run.revisions;
  return from < first && first <= to && ((run.endRevision ?? Infinity) <= to || run.form === lastForm);
}

/** Gaps of the spool know sequences, those of the API server versions. */
const isOfSequences = (gap: RecordedGap): boolean => gap.toSequence > 0 && gap.toVersion === '';

const allows = ({ causes, kinds }: Allowance, kind: string, cause: string): boolean =>
  causes.includes(cause) && (kinds === undefined || kind === '' || kinds.includes(kind));

const isWithin = ({ revisions: [first = 0] }: Run, { fromRevision, toRevision }: Allowance): boolean =>
  fromRevision < first && first <= toRevision;

/** A gap must say what it is about, be expected, and be no wider than it must. */
function judgeGap(gap: RecordedGap, evidence: Evidence): readonly Problem[] {
  const { allowances, recorded } = evidence;
  const where = label(gap);
  if (gap.cause === '' || (gap.toVersion === '' && gap.toSequence === 0)) {
    return [{ code: 'vague-gap', where, what: 'it names no cause or no interval' }];
  }
  const fitting = allowances.filter((allowance) => allows(allowance, gap.kind, gap.cause));
  if (fitting.length === 0) return [{ code: 'needless-gap', where, what: 'no fault of the schedule explains it' }];
  if (isOfSequences(gap)) {
    const isTold = recorded.some(
      ({ epochOrdinal, sequence }) =>
        epochOrdinal === gap.epochOrdinal && gap.fromSequence <= sequence && sequence <= gap.toSequence,
    );
    return isTold ? [{ code: 'wide-gap', where, what: 'it holds sequences that were recorded' }] : [];
  }
  const [from, to] = [Number(gap.fromVersion), Number(gap.toVersion)];
  const reasons = fitting.map((allowance) => tooWide({ from, to, gap }, allowance, evidence));
  return reasons.includes('') ? [] : [{ code: 'wide-gap', where, what: reasons.join('; ') }];
}

/** Why the interval goes beyond the allowance; '' when it does not. Before it there may be quiet, but no version. */
function tooWide(
  { from, to, gap }: { readonly from: number; readonly to: number; readonly gap: RecordedGap },
  { fault, fromRevision, toRevision }: Allowance,
  { histories, firstLookRevision }: Evidence,
): string {
  if (to > toRevision) return `${fault} ended at ${toRevision}`;
  // What a new epoch's agent knows of the time before it is nothing, and a collector that never had the object does not
  // know since when it lacks it: they cannot say where the gap begins.
  if (gap.fromVersion === '' && (gap.cause === 'epoch_start' || gap.cause === 'undecodable')) return '';
  const needless = histories
    .filter(({ kind }) => gap.kind === '' || kind === gap.kind)
    .flatMap(({ key, runs }) => runs.map(({ revisions: [first = 0] }) => ({ key, first })))
    .find(({ first }) => Math.max(from, firstLookRevision) < first && first <= Math.min(to, fromRevision));
  return needless === undefined
    ? ''
    : `${needless.key} changed at ${needless.first}, before ${fault} at ${fromRevision}`;
}

const label = (gap: RecordedGap): string =>
  `${gap.cause} of ${gap.kind === '' ? 'every kind' : gap.kind} ` +
  (isOfSequences(gap)
    ? `${gap.epochOrdinal}:${gap.fromSequence}–${gap.toSequence}`
    : `(${gap.fromVersion}, ${gap.toVersion}]`);

function firstDifference(told: string, happened: string): string {
  let at = 0;
  while (at < told.length && told[at] === happened[at]) at++;
  const from = Math.max(0, at - 60);
  return `told …${told.slice(from, at + 120)}… instead of …${happened.slice(from, at + 120)}…`;
}
