/** How Kyverno orders two texts: as durations, as Kubernetes quantities, or not at all. */
import { CelQuantity, parseQuantity } from '../../cel/library/quantity.ts';
import { parseDuration } from '../../cel/time.ts';
import { CelDuration } from '../../cel/index.ts';

/** Negative, 0 or positive as a is less than, equal to or greater than b; undefined when they are not of one measure. */
export function compareMeasures(a: string, b: string): number | undefined {
  const durations = both(a, b, durationOf);
  if (durations !== undefined) return compare(...durations);
  const quantities = both(a, b, quantityOf);
  return quantities === undefined ? undefined : compare(...quantities);
}

function both(a: string, b: string, read: (text: string) => bigint | undefined): [bigint, bigint] | undefined {
  const first = read(a);
  const second = first === undefined ? undefined : read(b);
  return first === undefined || second === undefined ? undefined : [first, second];
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function durationOf(text: string): bigint | undefined {
  const value = parseDuration(text);
  return value instanceof CelDuration ? value.nanos : undefined;
}

function quantityOf(text: string): bigint | undefined {
  const value = parseQuantity(text);
  return value instanceof CelQuantity ? value.nanos : undefined;
}
