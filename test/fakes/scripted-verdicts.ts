/** What a scripted collector says to digests, as one does that has nothing at first and everything later. */
import { zstdDecompressSync } from 'node:zlib';
import { decodeMessages } from '@driftline/proto';
import type { Batch, Message } from '@driftline/proto';
import type { ScriptedStream } from '../../agent/src/uplink/scripted-collector.ts';

export const messagesOf = ({ compression, payload }: Batch): readonly Message[] =>
  decodeMessages(compression === 'zstd' ? zstdDecompressSync(payload) : payload);

/** `epoch-start`: send everything; any other: agreed. */
export function answerDigests(stream: ScriptedStream, batch: Batch): void {
  for (const [i, { body }] of messagesOf(batch).entries()) {
    if (body.type !== 'kind-digest') continue;
    const { group, resource, cause } = body;
    const verdict = { outcome: cause === 'epoch-start' ? 'all' : 'agreed' } as const;
    stream.send({ type: 'kind-verdict', group, resource, sequence: batch.firstSequence + i, verdict });
  }
}
