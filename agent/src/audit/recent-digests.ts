/**
 * Which events were appended lately, and which are being appended: the API server repeats a batch that was answered too
 * late, and a log is read again from its last checkpoint. Least recently seen digests are forgotten first; the collector
 * knows events by digest too, so a forgotten one costs bytes, not truth.
 */
export class RecentDigests {
  readonly #capacity: number;
  readonly #seen = new Map<string, Promise<unknown> | undefined>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** 'new', or what to wait for before the event counts as durable (undefined: it does already). */
  look(digest: string): 'new' | Promise<unknown> | undefined {
    if (!this.#seen.has(digest)) return 'new';
    const pending = this.#seen.get(digest);
    this.#seen.delete(digest);
    this.#seen.set(digest, pending);
    return pending;
  }

  /** Remembers digests whose append is under way; one that fails is forgotten again. */
  add(digests: readonly string[], appended: Promise<unknown>): void {
    for (const digest of digests) this.#seen.set(digest, appended);
    void this.#settle(digests, appended);
  }

  async #settle(digests: readonly string[], appended: Promise<unknown>): Promise<void> {
    const isDurable = await appended.then(
      () => true,
      () => false,
    );
    for (const digest of digests) {
      if (this.#seen.get(digest) !== appended) continue;
      if (isDurable) this.#seen.set(digest, undefined);
      else this.#seen.delete(digest);
    }
    this.#trim();
  }

  #trim(): void {
    for (const [digest, pending] of this.#seen) {
      if (this.#seen.size <= this.#capacity) return;
      if (pending === undefined) this.#seen.delete(digest);
    }
  }
}
