/**
 * Payload bytes that may still be sent. One batch may exceed what is left when nothing else is in flight, so that a batch
 * larger than the whole credit cannot block the line.
 */
export class Credit {
  readonly #wholeBytes: number;
  #leftBytes: number;
  #waiting: (() => void) | undefined;
  #isEnded = false;

  constructor(bytes: number) {
    this.#wholeBytes = bytes;
    this.#leftBytes = bytes;
  }

  grant(bytes: number): void {
    this.#leftBytes += bytes;
    this.#waiting?.();
  }

  /** Resolves true when the bytes may be sent, and takes them; false once ended. One taker at a time. */
  async take(bytes: number): Promise<boolean> {
    while (!this.#isEnded && this.#leftBytes < bytes && this.#leftBytes < this.#wholeBytes) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    if (this.#isEnded) return false;
    this.#leftBytes -= bytes;
    return true;
  }

  end(): void {
    this.#isEnded = true;
    this.#waiting?.();
  }
}
