export type Line =
  | { readonly type: 'line'; readonly bytes: Buffer }
  /** Longer than the limit: its bytes were dropped as they came. */
  | { readonly type: 'too-long'; readonly length: number };

/** Cuts a stream of bytes into lines of bounded length. */
export class LineSplitter {
  readonly #limitBytes: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes of a line that has no end yet. */
  get pendingBytes(): number {
    return this.#length;
  }

  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      this.#take(chunk.subarray(start, end));
      lines.push(this.#finish());
      start = end + 1;
    }
    this.#take(chunk.subarray(start));
    return lines;
  }

  /** The last line of a file that ended without a line break; undefined when there is none. */
  end(): Line | undefined {
    return this.#length === 0 ? undefined : this.#finish();
  }

  #take(bytes: Buffer): void {
    this.#length += bytes.length;
    if (this.#length <= this.#limitBytes) {
      // A copy: the chunk's memory is used again for the next read.
      if (bytes.length > 0) this.#parts.push(Buffer.from(bytes));
    } else this.#parts = [];
  }

  #finish(): Line {
    const length = this.#length;
    const bytes = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    return length > this.#limitBytes ? { type: 'too-long', length } : { type: 'line', bytes };
  }
}
