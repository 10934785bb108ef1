/** What one chunk completed: whole lines without their newline, and the size of lines that passed the limit. */
export type LineBatch = { readonly lines: readonly Buffer[]; readonly oversizedBytes: number };

const newline = 0x0a;

/**
 * Newline-delimited text as it comes from a socket, one batch per chunk. Nothing is read ahead: while the caller works
 * on a batch, the socket waits. A line longer than `maxLineBytes` is skipped and its size told; what follows the last
 * newline at the end of the stream was cut off and is dropped.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, maxLineBytes: number): AsyncGenerator<LineBatch> {
  let parts: Buffer[] = [];
  let partBytes = 0;
  for await (const chunk of chunks) {
    const lines: Buffer[] = [];
    let oversizedBytes = 0;
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const piece = chunk.subarray(start, end);
      start = end + 1;
      if (partBytes + piece.length > maxLineBytes) oversizedBytes += partBytes + piece.length;
      else if (partBytes > 0) lines.push(Buffer.concat([...parts, piece]));
      else if (piece.length > 0) lines.push(piece);
      parts = [];
      partBytes = 0;
    }
    if (start < chunk.length) {
      partBytes += chunk.length - start;
      if (partBytes > maxLineBytes) parts = [];
      else parts.push(chunk.subarray(start));
    }
    yield { lines, oversizedBytes };
  }
}
