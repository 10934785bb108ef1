import { CostExceeded } from './error.ts';
import type { Value } from './value.ts';

/** The state of one evaluation. Slots hold the program's variables; undefined is unbound. */
export class Run {
  readonly slots: Value[];
  readonly limit: number;
  /** By the rules of the Kubernetes API server. */
  cost = 0;
  /** Elements copied or compared beyond what the cost counts; bounded so that no expression can stall its host. */
  work = 0;

  constructor(slots: Value[], limit: number) {
    this.slots = slots;
    this.limit = limit;
  }

  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.limit) throw new CostExceeded(this.limit);
  }

  labour(work: number): void {
    this.work += work;
    if (this.work > maxWork) throw new CostExceeded(this.limit);
  }
}

/** Elements copied or compared in one evaluation, over and above its cost: well under a second. */
export const maxWork = 20_000_000;

/** A compiled expression. Answers a value or a CelError. */
export type Code = (run: Run) => Value;
