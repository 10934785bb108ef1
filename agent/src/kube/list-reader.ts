import { type ListPiece, ListSplitter } from './list-splitter.ts';
import { KubeError } from './kube-error.ts';

/** Parts of a List as they are found; the envelope is the document with `items` empty. */
export type ListPart = ListPiece | { readonly type: 'envelope'; readonly json: unknown };

/** All of a List except its items is a few hundred bytes. */
const maxEnvelopeBytes = 1024 * 1024;

/**
 * Reads a List document without ever holding it whole: one batch of parts per chunk, the envelope last. Whoever parses
 * an item finds out whether it is JSON. Nothing is read ahead: while the caller works, the socket waits.
 *
 * Throws KubeError 'malformed' when the document ends early or its envelope is not JSON.
 */
export async function* readList(
  chunks: AsyncIterable<Buffer>,
  maxItemBytes: number,
): AsyncGenerator<readonly ListPart[]> {
  const splitter = new ListSplitter({ maxItemBytes, maxEnvelopeBytes });
  for await (const chunk of chunks) {
    const pieces = splitter.push(chunk);
    if (pieces.length > 0) yield pieces;
  }
  yield [{ type: 'envelope', json: parseEnvelope(splitter.end()) }];
}

function parseEnvelope(bytes: Buffer | undefined): unknown {
  if (bytes === undefined) throw new KubeError('malformed', 'a list ended early or its envelope is too large');
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (cause) {
    throw new KubeError('malformed', 'the envelope of a list is not JSON', { cause });
  }
}
