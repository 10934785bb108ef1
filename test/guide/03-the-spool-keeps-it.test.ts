/**
 * Chapter 3: the spool keeps it.
 *
 * Between the cluster and the collector lies the network, which fails. So a delta is first written to the agent's disk.
 * Messages that arrive within 20 ms share a batch: numbered without a hole, stamped, compressed, checksummed and synced
 * once. `append` resolves when they are durable, never before. From then on the batch's boundaries and bytes never
 * change, on disk or on the wire, whatever crashes.
 *
 * agent/src/spool; the format on disk is in FORMAT.md beside it.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { type MessageBody, decodeMessages } from '@driftline/proto';
import { pino } from 'pino';
import { captureObject } from '../../agent/src/capture/capture.ts';
import { systemClock } from '../../agent/src/clock.ts';
import { defaultSpoolLimits, noSpoolMetrics, openSpool } from '../../agent/src/spool/index.ts';
import { before, hmac, roleBindings, sha256 } from './the-change.ts';

const open = (directory: string) =>
  openSpool({
    directory,
    limits: defaultSpoolLimits,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    metrics: noSpoolMetrics,
  });

const captured = captureObject(
  { kind: roleBindings, object: before, known: undefined, sight: 'first-list', notBeforeUs: 0, floorUs: 0 },
  { hmac, sha256 },
);
assert.ok(captured.type === 'changed');
const [snapshot] = captured.deltas;
assert.ok(snapshot !== undefined);
const { group, resource, kind } = roleBindings;
const synced: MessageBody = { type: 'kind-synced', group, resource, kind, resourceVersion: '4711', objects: 1 };

test('what append has promised is there after a restart, in the same batch, with the same numbers', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'driftline-guide-'));
  const first = await open(directory);
  const numbers = await Promise.all([first.append([snapshot]), first.append([synced])]);
  assert.deepEqual(numbers, [
    { firstSequence: 1, lastSequence: 1 },
    { firstSequence: 2, lastSequence: 2 },
  ]);
  const { epoch } = first;
  await first.close();

  const second = await open(directory);
  t.after(async () => {
    await second.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 10 });
  });
  assert.equal(second.epoch, epoch, 'the stream keeps its identity for as long as its disk lives');
  const reading = new AbortController();
  for await (const batch of second.read(1, reading.signal)) {
    // Both arrived within 20 ms: one batch.
    assert.deepEqual([batch.firstSequence, batch.lastSequence, batch.compression], [1, 2, 'zstd']);
    const messages = decodeMessages(zstdDecompressSync(batch.payload));
    assert.deepEqual(
      messages.map(({ body }) => body),
      [snapshot, synced],
    );
    // Stamps never run backwards, whatever the host's clock does.
    assert.ok((messages[0]?.observedAtUs ?? 0) < (messages[1]?.observedAtUs ?? 0));
    break;
  }
  reading.abort();

  // Nothing is forgotten before the collector has recorded it and the agent's known objects hold it.
  second.acknowledge({ acceptedSequence: 2, recordedSequence: 2 });
  second.applied(2);
  assert.equal(second.position().recordedSequence, 2);
});
