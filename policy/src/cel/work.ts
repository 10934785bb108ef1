/**
 * Work that the cost does not count: elements copied, compared and printed, characters scanned, patterns compiled.
 * Kubernetes charges little or nothing for some of it, so the cost limit alone would let a hostile expression stall
 * its host. JavaScript runs one evaluation at a time, so the count belongs to the evaluation that is under way.
 */
import { CostExceeded } from './error.ts';

/** Units in one evaluation: well under a second. */
export const maxWork = 5_000_000;

let spent = 0;

/** Starts the count of an evaluation; give the answer to `endWork`, so that one may run inside another. */
export function beginWork(): number {
  const outer = spent;
  spent = 0;
  return outer;
}

export function endWork(outer: number): void {
  spent = outer;
}

/** Throws CostExceeded. */
export function labour(units: number): void {
  spent += units;
  if (spent > maxWork) throw new CostExceeded(maxWork, 'work');
}

const charactersPerUnit = 16;

/** For a pass over a text. Whole units: the count stays a small integer, which costs nothing to keep. */
export function labourOver(length: number): void {
  if (length > charactersPerUnit) labour(Math.ceil(length / charactersPerUnit) | 0);
}
