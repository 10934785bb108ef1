/** Where changes and audit events wait for each other: shelves to find them by key, windows to forget them in time. */

/** Many values under one key; under most there is one, and it stands there by itself. */
export class Shelf<T extends object> {
  readonly #lists = new Map<string, T | Set<T>>();

  add(key: string, item: T): void {
    const list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, item);
    else if (list instanceof Set) list.add(item);
    else if (list !== item) this.#lists.set(key, new Set([list, item]));
  }

  remove(key: string, item: T): void {
    const list = this.#lists.get(key);
    if (list === item || (list instanceof Set && list.delete(item) && list.size === 0)) this.#lists.delete(key);
  }

  get(key: string): Iterable<T> {
    const list = this.#lists.get(key);
    if (list === undefined) return [];
    return list instanceof Set ? list : [list];
  }
}

export type WindowLimits = {
  /** How long a change or an event waits for its other half, by observation time. */
  readonly windowUs: number;
  /** Changes, and events, that wait at most. */
  readonly windowEntries: number;
};

/** Items by observation time, oldest first; `onExpired` is told when one leaves. */
export class Window<T extends { readonly facts: { readonly observedAtUs: number } }> {
  readonly #limits: WindowLimits;
  readonly #onExpired: (item: T) => void;
  readonly #items: T[] = [];
  #start = 0;
  #newestUs = 0;

  constructor(limits: WindowLimits, onExpired: (item: T) => void) {
    this.#limits = limits;
    this.#onExpired = onExpired;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#newestUs = Math.max(this.#newestUs, item.facts.observedAtUs);
    for (let first = this.#items[this.#start]; first !== undefined; first = this.#items[this.#start]) {
      const isLate = first.facts.observedAtUs < this.#newestUs - this.#limits.windowUs;
      if (!isLate && this.#items.length - this.#start <= this.#limits.windowEntries) break;
      this.#onExpired(first);
      this.#start += 1;
    }
    // Expired items lie in front; cutting them off now and then keeps that cheap.
    if (this.#start > this.#limits.windowEntries) this.#start -= this.#items.splice(0, this.#start).length;
  }
}
