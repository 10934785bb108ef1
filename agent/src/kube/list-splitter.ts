/** One item's own JSON text, or the size of one beyond the limit. */
export type ListPiece =
  | { readonly type: 'item'; readonly bytes: Buffer }
  | { readonly type: 'oversized'; readonly bytes: number };

type Limits = { readonly maxItemBytes: number; readonly maxEnvelopeBytes: number };

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const space = 0x20;

/**
 * Cuts the elements of the top-level array `items` out of a JSON document that comes in chunks. Follows brackets and
 * strings only. Depth 1 is the document's object, depth 2 its members' values, so an item begins and ends at depth 2.
 */
export class ListSplitter {
  readonly #envelope: Collector;
  readonly #item: Collector;
  readonly #key: Collector;
  #depth = 0;
  #hasStarted = false;
  #isInString = false;
  #isEscaped = false;
  #isKeyNext = false;
  #isInKey = false;
  #lastKey = '';
  #isInItems = false;
  #isInItem = false;

  #chunk: Buffer = Buffer.alloc(0);
  /** Where the bytes not yet collected begin in the chunk, and those of the key being read. */
  #from = 0;
  #keyFrom = 0;
  #pieces: ListPiece[] = [];

  constructor(limits: Limits) {
    this.#envelope = createCollector(limits.maxEnvelopeBytes);
    this.#item = createCollector(limits.maxItemBytes);
    this.#key = createCollector(limits.maxEnvelopeBytes);
  }

  push(chunk: Buffer): readonly ListPiece[] {
    this.#chunk = chunk;
    this.#from = 0;
    this.#keyFrom = 0;
    this.#pieces = [];
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      if (!this.#isInString) {
        if (byte > space) this.#structure(byte, i);
      } else if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === backslash) this.#isEscaped = true;
      else if (byte === quote) this.#endString(i);
    }
    if (this.#isInKey) this.#key.add(chunk, this.#keyFrom, chunk.length);
    if (!this.#isInItems || this.#isInItem) this.#collect(chunk.length);
    return this.#pieces;
  }

  /** What was not part of an item; undefined when the document is not complete or that was too large. */
  end(): Buffer | undefined {
    return this.#depth === 0 && this.#hasStarted && !this.#isInString ? this.#envelope.take() : undefined;
  }

  #structure(byte: number, at: number): void {
    if (this.#isInItems && this.#depth === 2 && byte !== comma && byte !== closeBracket) this.#startItem(at);
    if (byte === quote) this.#startString(at);
    else if (byte === openBrace || byte === openBracket) this.#open(byte, at);
    else if (byte === closeBrace || byte === closeBracket) this.#close(at);
    else if (byte === comma) this.#separate(at);
  }

  #collect(to: number): void {
    if (to > this.#from) (this.#isInItem ? this.#item : this.#envelope).add(this.#chunk, this.#from, to);
    this.#from = to;
  }

  #startItem(at: number): void {
    if (this.#isInItem) return;
    this.#from = at; // white space and commas between items belong to nobody
    this.#isInItem = true;
  }

  #endItem(to: number): void {
    this.#collect(to);
    this.#isInItem = false;
    const bytes = this.#item.size();
    const text = this.#item.take();
    this.#pieces.push(text === undefined ? { type: 'oversized', bytes } : { type: 'item', bytes: text });
  }

  #open(byte: number, at: number): void {
    this.#depth++;
    this.#hasStarted = true;
    if (this.#depth === 1) this.#isKeyNext = byte === openBrace;
    if (this.#depth !== 2 || byte !== openBracket || this.#lastKey !== 'items') return;
    this.#collect(at + 1);
    this.#isInItems = true;
  }

  #close(at: number): void {
    if (this.#isInItems && this.#depth === 2) {
      if (this.#isInItem) this.#endItem(at);
      this.#from = at;
      this.#isInItems = false;
    }
    this.#depth--;
    if (this.#isInItem && this.#depth === 2) this.#endItem(at + 1);
  }

  #separate(at: number): void {
    if (this.#depth === 1) this.#isKeyNext = true;
    if (this.#isInItem && this.#depth === 2) this.#endItem(at);
  }

  #startString(at: number): void {
    this.#isInString = true;
    if (this.#depth !== 1 || !this.#isKeyNext) return;
    this.#isInKey = true;
    this.#isKeyNext = false;
    this.#keyFrom = at + 1;
  }

  #endString(at: number): void {
    this.#isInString = false;
    if (!this.#isInKey) return;
    this.#isInKey = false;
    this.#key.add(this.#chunk, this.#keyFrom, at);
    this.#lastKey = this.#key.take()?.toString('latin1') ?? '';
  }
}

type Collector = {
  add(chunk: Buffer, from: number, to: number): void;
  size(): number;
  /** What was added, or undefined when it passed the limit; empties the collector. */
  take(): Buffer | undefined;
};

function createCollector(maxBytes: number): Collector {
  let parts: Buffer[] = [];
  let bytes = 0;
  return {
    add(chunk, from, to) {
      bytes += to - from;
      if (bytes > maxBytes) parts = [];
      else parts.push(chunk.subarray(from, to));
    },
    size: () => bytes,
    take() {
      const taken = bytes > maxBytes ? undefined : Buffer.concat(parts, bytes);
      parts = [];
      bytes = 0;
      return taken;
    },
  };
}
