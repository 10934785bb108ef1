/** Bounds what is answered at once, so that no tenant's questions keep others, or the store, from their work. */
import type { ApiLimits } from './limits.ts';
import { Problem } from './problem.ts';

export class RequestSlots {
  readonly #limits: Pick<ApiLimits, 'requestsAtOnce' | 'requestsAtOncePerTenant'>;
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(limits: Pick<ApiLimits, 'requestsAtOnce' | 'requestsAtOncePerTenant'>) {
    this.#limits = limits;
  }

  /** Throws Problem 'too-many-requests' without calling when all slots are taken. */
  async run<T>(tenant: string, answer: () => Promise<T>): Promise<T> {
    const taken = this.#taken.get(tenant) ?? 0;
    const { requestsAtOnce, requestsAtOncePerTenant } = this.#limits;
    if (taken >= requestsAtOncePerTenant)
      throw new Problem(
        'too-many-requests',
        `${requestsAtOncePerTenant} questions are being answered: ask again in a moment`,
      );
    if (this.#all >= requestsAtOnce)
      throw new Problem(
        'too-many-requests',
        'the collector answers as many questions as it can: ask again in a moment',
      );
    this.#taken.set(tenant, taken + 1);
    this.#all += 1;
    try {
      return await answer();
    } finally {
      this.#all -= 1;
      const left = (this.#taken.get(tenant) ?? 1) - 1;
      if (left === 0) this.#taken.delete(tenant);
      else this.#taken.set(tenant, left);
    }
  }
}
