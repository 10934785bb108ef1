import { CostExceeded } from './error.ts';
import type { Value } from './value.ts';

/** The state of one evaluation. Slots hold the program's variables; undefined is unbound. */
export class Run {
  readonly slots: Value[];
  readonly limit: number;
  /** By the rules of the Kubernetes API server. */
  cost = 0;

  constructor(slots: Value[], limit: number) {
    this.slots = slots;
    this.limit = limit;
  }

  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.limit) throw new CostExceeded(this.limit, 'cost');
  }
}

/** A compiled expression. Answers a value or a CelError. */
export type Code = (run: Run) => Value;
