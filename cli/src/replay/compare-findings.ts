/**
 * Findings of two histories side by side: as the candidate policies would have found them, and as they were recorded. An
 * episode lasts as long as either of the two has the finding open; what is held are the open episodes and those that
 * differ, not the agreement. Pure.
 */
import type { FindingKey, Severity } from '@driftline/policy';
import type { JudgedMove } from './judge-again.ts';

export type Side = 'candidate' | 'recorded';

/** When one of the two had the finding open in an episode. */
export type Span = {
  /** RFC 3339; null: at the beginning of the range already. */
  readonly openedAt: string | null;
  readonly openedBy: string | null;
  /** null: open at the end. */
  readonly resolvedAt: string | null;
  /** How often it was opened. */
  readonly times: number;
};

/**
 * new: the candidate finds what was not recorded. lost: it does not find what was. shifted: both, at other times.
 */
export type Difference = {
  readonly verdict: 'new' | 'lost' | 'shifted';
  readonly finding: FindingKey;
  readonly severity: Severity;
  readonly title: string;
  readonly reason: string;
  readonly candidate: Span | null;
  readonly recorded: Span | null;
  readonly onlyCandidateMs: number;
  readonly onlyRecordedMs: number;
};

export type Comparison = {
  /** Ordered as they ended. */
  readonly differences: readonly Difference[];
  /** Differences beyond `keptDifferences`, by verdict; their severities are counted in `worst`. */
  readonly left: number;
  /** Episodes that both agree on to the microsecond. */
  readonly same: number;
  /** All differences by verdict and severity, those that were not kept included. */
  readonly counts: Readonly<Record<Difference['verdict'], Readonly<Partial<Record<Severity, number>>>>>;
};

/** Differences that are kept one by one. */
export const keptDifferences = 50_000;

type OpenSpan = { -readonly [K in keyof Span]: Span[K] } & { isOpen: boolean };
type Episode = Pick<Difference, 'finding'> & {
  severity: Severity;
  title: string;
  reason: string;
  readonly spans: Record<Side, OpenSpan | undefined>;
  readonly onlyUs: Record<Side, number>;
  lastUs: number;
};

export type FindingComparison = {
  /** `isBefore`: it says how things stood at the beginning. */
  move(side: Side, move: JudgedMove, isBefore?: boolean): void;
  end(atUs: number): Comparison;
};

export function createFindingComparison(toText: (atUs: number) => string): FindingComparison {
  const open = new Map<string, Episode>();
  const differences: Difference[] = [];
  const counts: Record<Difference['verdict'], Partial<Record<Severity, number>>> = { new: {}, lost: {}, shifted: {} };
  let [same, left] = [0, 0];

  const settle = (episode: Episode): void => {
    const { spans, onlyUs, finding, severity, title, reason } = episode;
    const verdict = verdictOf(episode);
    if (verdict === 'same') {
      same += 1;
      return;
    }
    counts[verdict][severity] = (counts[verdict][severity] ?? 0) + 1;
    if (differences.length >= keptDifferences) {
      left += 1;
      return;
    }
    differences.push({
      verdict,
      finding,
      severity,
      title,
      reason,
      candidate: spanOf(spans.candidate),
      recorded: spanOf(spans.recorded),
      onlyCandidateMs: Math.round(onlyUs.candidate / 1_000),
      onlyRecordedMs: Math.round(onlyUs.recorded / 1_000),
    });
  };

  return {
    move(side, move, isBefore = false) {
      const key = findingText(move.finding);
      const known = open.get(key);
      if (known === undefined && !move.isOpen) return;
      const episode = known ?? episodeOf(move);
      open.set(key, episode);
      pass(episode, move.atUs);
      moveSpan(episode, side, { move, at: toText(move.atUs), isBefore });
      if (episode.spans.candidate?.isOpen === true || episode.spans.recorded?.isOpen === true) return;
      open.delete(key);
      settle(episode);
    },
    end(atUs) {
      for (const episode of open.values()) {
        pass(episode, atUs);
        settle(episode);
      }
      open.clear();
      return { differences, left, same, counts };
    },
  };
}

function episodeOf({ finding, severity, title, reason, atUs }: JudgedMove): Episode {
  const spans = { candidate: undefined, recorded: undefined };
  return { finding, severity, title, reason, spans, onlyUs: { candidate: 0, recorded: 0 }, lastUs: atUs };
}

/** Time in which only one of the two had it open. */
function pass(episode: Episode, atUs: number): void {
  const { spans, onlyUs, lastUs } = episode;
  const passedUs = Math.max(0, atUs - lastUs);
  const [candidate, recorded] = [spans.candidate?.isOpen === true, spans.recorded?.isOpen === true];
  if (candidate && !recorded) onlyUs.candidate += passedUs;
  if (recorded && !candidate) onlyUs.recorded += passedUs;
  episode.lastUs = Math.max(lastUs, atUs);
}

function moveSpan(
  episode: Episode,
  side: Side,
  { move, at, isBefore }: { readonly move: JudgedMove; readonly at: string; readonly isBefore: boolean },
): void {
  const span = episode.spans[side];
  if (!move.isOpen) {
    if (span?.isOpen !== true) return;
    span.isOpen = false;
    span.resolvedAt = at;
    return;
  }
  // The candidate's words count: the recorded ones are what it is compared with.
  if (side === 'candidate' || episode.spans.candidate === undefined) {
    episode.severity = move.severity;
    episode.title = move.title;
    episode.reason = move.reason;
  }
  if (span === undefined) {
    const [openedAt, openedBy] = isBefore ? [null, null] : [at, move.changeId];
    episode.spans[side] = { openedAt, openedBy, resolvedAt: null, times: 1, isOpen: true };
  } else if (!span.isOpen) {
    span.isOpen = true;
    span.resolvedAt = null;
    span.times += 1;
  }
}

function verdictOf({ spans, onlyUs }: Episode): Difference['verdict'] | 'same' {
  if (spans.recorded === undefined) return 'new';
  if (spans.candidate === undefined) return 'lost';
  return onlyUs.candidate + onlyUs.recorded === 0 ? 'same' : 'shifted';
}

function spanOf(span: OpenSpan | undefined): Span | null {
  if (span === undefined) return null;
  const { openedAt, openedBy, resolvedAt, times } = span;
  return { openedAt, openedBy, resolvedAt, times };
}

function findingText({ control, object, uid, path }: FindingKey): string {
  return JSON.stringify([control, object.group, object.kind, object.namespace, object.name, uid, path]);
}
