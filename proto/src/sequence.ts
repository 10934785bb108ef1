import type { Batch } from './message.ts';

/** What to do with a batch, given the last sequence already taken from its stream (0: none). */
export type SequenceVerdict =
  | { readonly verdict: 'accept' }
  /** Wholly at or below the last sequence: acknowledge and skip. */
  | { readonly verdict: 'duplicate' }
  /** Sequences are missing before it; ask for them from `fromSequence`. */
  | { readonly verdict: 'hole'; readonly fromSequence: number; readonly toSequence: number }
  /** Boundaries that no honest stream has: reversed, below 1, or straddling the last sequence. */
  | { readonly verdict: 'invalid'; readonly reason: string };

/**
 * The gapless rule. A batch keeps its boundaries for ever, so one that overlaps the last sequence without lying wholly
 * below it was not made by the stream that made its predecessors.
 */
export function judgeSequence(
  lastSequence: number,
  batch: Pick<Batch, 'firstSequence' | 'lastSequence'>,
): SequenceVerdict {
  const { firstSequence: first, lastSequence: last } = batch;
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || first < 1 || last < first) {
    return { verdict: 'invalid', reason: `sequences ${first}–${last} are not a range` };
  }
  if (last <= lastSequence) return { verdict: 'duplicate' };
  if (first === lastSequence + 1) return { verdict: 'accept' };
  if (first > lastSequence + 1) return { verdict: 'hole', fromSequence: lastSequence + 1, toSequence: first - 1 };
  return { verdict: 'invalid', reason: `batch ${first}–${last} straddles the last sequence ${lastSequence}` };
}
