/** What was opened, closed again in reverse order, also when a later opening fails. */
export class Scope {
  readonly #closers: { readonly name: string; readonly close: () => Promise<void> }[] = [];
  #opening: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** Registers what `open` opened. Rejects where the scope is closed before; what opens meanwhile is closed with the rest. */
  async open<T>(name: string, open: () => Promise<T>, close: (opened: T) => Promise<void>): Promise<T> {
    if (this.#closing !== undefined) throw new Error(`${name} is not opened: its scope is closed`);
    const opening = open();
    this.#opening = opening.catch(() => undefined);
    const opened = await opening;
    this.#closers.push({ name, close: () => close(opened) });
    return opened;
  }

  /** Closes everything once, even when a part fails to; then rejects with what failed. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    await this.#opening;
    const failures: unknown[] = [];
    for (let part = this.#closers.pop(); part !== undefined; part = this.#closers.pop()) {
      try {
        await part.close();
      } catch (cause) {
        failures.push(new Error(`closing ${part.name} failed`, { cause }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not everything closed cleanly');
  }
}
