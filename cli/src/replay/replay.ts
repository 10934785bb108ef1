/** Policies put in force over a recording, cluster by cluster: what they would have found, compared with what was. */
import type { ApiRecord } from '@driftline/proto';
import { type Bundle, exceptControls, type ScoreCard } from '@driftline/policy';
import { type Comparison, createFindingComparison, type FindingComparison } from './compare-findings.ts';
import { compareVerdicts, type ComparingVerdicts, type VerdictComparison } from './compare-verdicts.ts';
import { createSecondJudge, type JudgedMove, microseconds, type SecondJudge } from './judge-again.ts';
import type { Beginning, RecordingEntry } from './recording.ts';

export type ReplayedCluster = Pick<Beginning, 'cluster' | 'since' | 'until' | 'gaps'> & {
  /** Versions that were judged after the beginning, and objects that were there at it. */
  readonly versions: number;
  readonly objects: number;
  readonly comparison: Comparison;
  /** Controls with recorded findings that the candidate does not have: they are not compared. */
  readonly otherControls: readonly string[];
  /** What controls about changes say. */
  readonly changes: VerdictComparison;
  /** Verdicts that the candidate does not have at the end: unjudged or not assessable. */
  readonly unanswered: number;
  readonly score: ScoreCard['cluster'];
};

export async function* replay(
  entries: AsyncIterable<RecordingEntry>,
  bundle: Bundle,
): AsyncGenerator<ReplayedCluster, void> {
  let run: Run | undefined;
  for await (const entry of entries) {
    if (entry.type === 'begin') run = new Run(entry, bundle);
    else if (entry.type === 'state') run?.take(entry.record);
    else if (entry.type === 'record') run?.record(entry.record);
    else if (run !== undefined) yield run.end();
  }
}

class Run {
  readonly #beginning: Beginning;
  readonly #known: ReadonlySet<string>;
  readonly #judge: SecondJudge;
  readonly #comparison: FindingComparison;
  readonly #others = new Set<string>();
  readonly #verdicts: ComparingVerdicts;
  #hasBegun = false;
  #versions = 0;
  #objects = 0;

  constructor(beginning: Beginning, { controls, exceptions }: Bundle) {
    this.#beginning = beginning;
    const judging = controls.map(({ control }) => control);
    this.#known = new Set(judging.map(({ meta }) => meta.id));
    this.#verdicts = compareVerdicts(this.#known, (control) => void this.#others.add(control));
    this.#judge = createSecondJudge(exceptControls(judging, exceptions, beginning.cluster));
    this.#comparison = createFindingComparison(momentText);
  }

  /** As it was at the beginning. */
  take(record: ApiRecord): void {
    if (record.type === 'transition') this.#recorded(record, true);
    else if (record.type !== 'rejected') this.#judge.take(record);
    if (record.type === 'version') this.#objects += 1;
  }

  record(record: ApiRecord): void {
    this.#begin();
    if (record.type === 'version') {
      this.#versions += 1;
      this.#verdicts.change(record, this.#judge.judgeChange(record));
    }
    if (record.type === 'transition') this.#recorded(record, false);
    else if (record.type !== 'rejected') this.#candidate(this.#judge.judge(record));
  }

  end(): ReplayedCluster {
    this.#begin();
    const { cluster, since, until, gaps } = this.#beginning;
    const untilUs = microseconds(until);
    this.#candidate(this.#judge.waitUntil(untilUs));
    const { engine } = this.#judge;
    return {
      cluster,
      since,
      until,
      gaps,
      versions: this.#versions,
      objects: this.#objects,
      comparison: this.#comparison.end(untilUs),
      otherControls: [...this.#others].sort(),
      changes: this.#verdicts.end(),
      unanswered: engine.unanswered().length,
      score: engine.score().cluster,
    };
  }

  #begin(): void {
    const { since } = this.#beginning;
    if (this.#hasBegun || since === null) return;
    this.#hasBegun = true;
    this.#candidate(this.#judge.begin(microseconds(since)), true);
  }

  #candidate(moves: readonly JudgedMove[], isBefore = false): void {
    for (const move of moves) this.#comparison.move('candidate', move, isBefore);
  }

  #recorded(record: Extract<ApiRecord, { type: 'transition' }>, isBefore: boolean): void {
    const { control, state, severity, title, reason, path, object } = record;
    if (!this.#known.has(control)) {
      this.#others.add(control);
      return;
    }
    const { group, kind, namespace, name, uid } = object;
    const move: JudgedMove = {
      finding: { control, object: { group, kind, namespace, name }, uid, path },
      isOpen: state !== 'resolved' && state !== 'excepted',
      severity,
      title,
      reason,
      atUs: isBefore ? microseconds(this.#beginning.since ?? record.at) : microseconds(record.at),
      changeId: record.cause === 'change' ? `${record.epoch}:${record.order[1]}` : null,
    };
    this.#comparison.move('recorded', move, isBefore);
  }
}

/** RFC 3339 with microseconds, as the API has it. */
function momentText(atUs: number): string {
  const second = Math.floor(atUs / 1_000_000);
  const text = new Date(second * 1_000).toISOString();
  return `${text.slice(0, 19)}.${String(atUs - second * 1_000_000).padStart(6, '0')}Z`;
}
