/** One item's own JSON text, or the size of one beyond the limit. */
export type ListPiece =
  | { readonly type: 'item'; readonly bytes: Buffer }
  | { readonly type: 'oversized'; readonly bytes: number };

export type ListSplitter = {
  push(chunk: Buffer): ListPiece[];
  /** What was not part of an item; undefined when the document is not complete or that was too large. */
  end(): Buffer | undefined;
};

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
export function createListSplitter(limits: Limits): ListSplitter {
  const envelope = createCollector(limits.maxEnvelopeBytes);
  const item = createCollector(limits.maxItemBytes);
  const key = createCollector(limits.maxEnvelopeBytes);
  let depth = 0;
  let hasStarted = false;
  let isInString = false;
  let isEscaped = false;
  let isKeyNext = false;
  let isInKey = false;
  let lastKey = '';
  let isInItems = false;
  let isInItem = false;

  /** Where the bytes not yet collected begin in the current chunk. */
  let from = 0;
  let keyFrom = 0;
  let chunk: Buffer = Buffer.alloc(0);
  let pieces: ListPiece[] = [];

  function collect(to: number): void {
    if (to > from) (isInItem ? item : envelope).add(chunk, from, to);
    from = to;
  }

  function startItem(at: number): void {
    if (!isInItem) from = at; // white space and commas between items belong to nobody
    isInItem = true;
  }

  function endItem(to: number): void {
    collect(to);
    isInItem = false;
    const bytes = item.size();
    const text = item.take();
    pieces.push(text === undefined ? { type: 'oversized', bytes } : { type: 'item', bytes: text });
  }

  function open(byte: number, at: number): void {
    depth++;
    hasStarted = true;
    if (depth === 1) isKeyNext = byte === openBrace;
    if (depth !== 2 || byte !== openBracket || lastKey !== 'items') return;
    collect(at + 1);
    isInItems = true;
  }

  function close(at: number): void {
    if (isInItems && depth === 2) {
      if (isInItem) endItem(at);
      from = at;
      isInItems = false;
    }
    depth--;
    if (isInItem && depth === 2) endItem(at + 1);
  }

  function separate(at: number): void {
    if (depth === 1) isKeyNext = true;
    if (isInItems && depth === 2 && isInItem) endItem(at);
  }

  function startString(at: number): void {
    isInString = true;
    if (depth !== 1 || !isKeyNext) return;
    isInKey = true;
    isKeyNext = false;
    keyFrom = at + 1;
  }

  function endString(at: number): void {
    isInString = false;
    if (!isInKey) return;
    isInKey = false;
    key.add(chunk, keyFrom, at);
    lastKey = key.take()?.toString('latin1') ?? '';
  }

  function structure(byte: number, at: number): void {
    if (isInItems && depth === 2 && byte !== comma && byte !== closeBracket) startItem(at);
    if (byte === quote) startString(at);
    else if (byte === openBrace || byte === openBracket) open(byte, at);
    else if (byte === closeBrace || byte === closeBracket) close(at);
    else if (byte === comma) separate(at);
  }

  return {
    push(next) {
      chunk = next;
      from = 0;
      keyFrom = 0;
      pieces = [];
      for (let i = 0; i < next.length; i++) {
        const byte = next[i] as number;
        if (!isInString) {
          if (byte > space) structure(byte, i);
        } else if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) endString(i);
      }
      if (isInKey) key.add(next, keyFrom, next.length);
      if (!isInItems || isInItem) collect(next.length);
      return pieces;
    },
    end() {
      return depth === 0 && hasStarted && !isInString ? envelope.take() : undefined;
    },
  };
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
