/** A secret's place in a text: [start, end), its class, and what its digest is made of when not the text itself. */
export type Span = {
  readonly start: number;
  readonly end: number;
  readonly secretClass: string;
};

/**
 * Sorted, without overlaps: of two that overlap the earlier wins and grows over the other, so that no part of either
 * stays readable.
 */
export function mergeSpans(spans: readonly Span[]): readonly Span[] {
  if (spans.length < 2) return spans;
  const sorted = spans.toSorted((a, b) => a.start - b.start || b.end - a.end);
  const merged: Span[] = [];
  for (const span of sorted) {
    const last = merged.at(-1);
    if (last === undefined || span.start >= last.end) merged.push(span);
    else if (span.end > last.end) merged[merged.length - 1] = { ...last, end: span.end };
  }
  return merged;
}
