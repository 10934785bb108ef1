/** What was opened, in order; closed in reverse. A failure to close one does not keep the others from closing. */
export class Scope {
  readonly #opened: { readonly name: string; readonly close: () => Promise<void> | void }[] = [];
  readonly #onFailure: (name: string, error: unknown) => void;

  constructor(onFailure: (name: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Returns what was opened, so that opening reads as one line. */
  own<T extends { close(): Promise<void> | void }>(name: string, resource: T): T {
    this.#opened.push({ name, close: () => resource.close() });
    return resource;
  }

  async close(): Promise<void> {
    for (let last = this.#opened.pop(); last !== undefined; last = this.#opened.pop()) {
      try {
        await last.close();
      } catch (error) {
        this.#onFailure(last.name, error);
      }
    }
  }
}
