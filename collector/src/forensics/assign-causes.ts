/**
 * Which of several requests caused which of several changes of one object, when none names its version: an assignment of
 * at most one request to a change and one change to a request, in the order of time on both sides, with the most points.
 * A function of the two sets alone: in which order they became known does not matter.
 */

/** Points of a pair, above 0; undefined when the request cannot be the cause. */
export type Points = (change: number, audit: number) => number | undefined;

/** For each change, in order, its request or -1. Where points are equal, earlier ones go together. */
export const alignCauses = (changes: number, audits: number, points: Points): readonly number[] => {
  const width = audits + 1;
  const best = new Float64Array((changes + 1) * width);
  const pair = new Float64Array((changes + 1) * width);
  for (let change = 1; change <= changes; change++) {
    for (let audit = 1; audit <= audits; audit++) {
      const at = change * width + audit;
      const own = points(change - 1, audit - 1) ?? 0;
      pair[at] = own;
      const without = Math.max(best[at - width] ?? 0, best[at - 1] ?? 0);
      const together = own > 0 ? (best[at - width - 1] ?? 0) + own : 0;
      best[at] = Math.max(without, together);
    }
  }
  const causes = Array.from({ length: changes }, () => -1);
  for (let change = changes, audit = audits; change > 0 && audit > 0; ) {
    const at = change * width + audit;
    if (best[at] === best[at - 1]) audit -= 1;
    else if (best[at] === best[at - width]) change -= 1;
    else {
      causes[change - 1] = audit - 1;
      change -= 1;
      audit -= 1;
    }
  }
  return causes;
};
