/** The gateway against a real gRPC client: who gets in, what is taken, what comes back. */
import * as grpc from '@grpc/grpc-js';
import { agentFrame, maxFrameBytes } from '@driftline/proto';
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pino } from 'pino';
import type { StreamBatch } from '../bus/bus.ts';
import { defaultMemoryBusLimits, openMemoryBus } from '../bus/memory-bus.ts';
import { createMetrics } from '../metrics.ts';
import { openGateway } from './gateway.ts';
import { defaultIngestLimits } from './limits.ts';
import type { IngestLimits } from './limits.ts';
import { memoryBindings } from './testing/memory-bindings.ts';
import { TestAgent, batch, hello, until } from './testing/test-agent.ts';
import { createTokenBook } from './tokens.ts';
import type { TokenBook } from './tokens.ts';

const eastToken = 'east-token-of-the-test';
const tokens = createTokenBook([
  { token: eastToken, cluster: 'east', role: 'agent' },
  { token: 'west-token-of-the-test', tenant: 'other', cluster: 'west', role: 'agent' },
  { token: 'reader-token-of-the-test', role: 'reader' },
]);
const narrowBus = { ...defaultMemoryBusLimits, queueBytes: 1, inFlightBytes: 1, chunkBytes: 1 };
const cleanups: (() => Promise<void>)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

const setUp = async (
  limits: Partial<IngestLimits> = {},
  { watermark = 0, busLimits = defaultMemoryBusLimits, now = Date.now, book = tokens } = {},
) => {
  const bus = openMemoryBus(busLimits);
  const taken: StreamBatch[] = [];
  let gate: Promise<void> = Promise.resolve();
  void bus.reader.run({
    handle: async (batches) => {
      taken.push(...batches);
      await gate;
    },
    lost: async () => {},
  });
  const metrics = createMetrics();
  const gateway = await openGateway({
    listen: { host: '127.0.0.1', port: 0, allowPlaintext: false },
    tokens: book,
    bus: bus.writer,
    watermark: async () => watermark,
    bindings: memoryBindings(),
    limits: { ...defaultIngestLimits, ...limits },
    metrics,
    logger: pino({ level: 'silent' }),
    now,
  });
  cleanups.push(async () => {
    await gateway.close();
    await bus.writer.close();
  });
  return { gateway, bus, taken, metrics, hold: (until: Promise<void>) => (gate = until) };
};

const agentOf = (port: number, token: string | undefined): TestAgent => {
  const agent = new TestAgent(port, token);
  cleanups.push(async () => agent.close());
  return agent;
};

const refusedTotal = async (metrics: ReturnType<typeof createMetrics>, code: string): Promise<number> =>
  (await metrics.refused.get()).values.find((value) => value.labels.code === code)?.value ?? 0;

for (const [name, token, code] of [
  ['a wrong token', 'not-a-token-of-anyone', 'unauthenticated'],
  ['no token', undefined, 'unauthenticated'],
  ["a reader's token", 'reader-token-of-the-test', 'forbidden'],
] as const) {
  test(`${name} is refused, counted, and nothing is taken`, async () => {
    const { gateway, taken, metrics } = await setUp();
    const agent = agentOf(gateway.port, token).send(hello()).send(batch(1));
    const refused = await agent.next('refused');
    assert.equal(refused.code, code);
    await agent.ended.promise;
    assert.deepEqual(taken, []);
    assert.deepEqual(gateway.liveSessions(), []);
    assert.equal(await refusedTotal(metrics, code), 1);
  });
}

test('the credential decides tenant and cluster, whatever the agent says', async () => {
  const { gateway, taken } = await setUp();
  const agent = agentOf(gateway.port, 'west-token-of-the-test').send(hello({ firstSequence: 1, lastSequence: 1 }));
  assert.equal((await agent.next('welcome')).recordedSequence, 0);
  agent.send(batch(1));
  await until(() => taken.length === 1, 'the batch to arrive');
  assert.deepEqual(taken[0]?.stream, { tenant: 'other', cluster: 'west', epoch: 'e1' });
});

test('batches reach the bus in order and recorded feedback becomes an ack', async () => {
  const { gateway, bus, taken } = await setUp();
  const agent = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 1, lastSequence: 3 }));
  await agent.next('welcome');
  agent.send(batch(1)).send(batch(2, 3)).send(batch(1));
  await until(() => taken.length === 2, 'two batches to arrive');
  assert.deepEqual(
    taken.map((each) => [each.batch.firstSequence, each.batch.lastSequence]),
    [
      [1, 1],
      [2, 3],
    ],
  );
  const stream = { tenant: 'default', cluster: 'east', epoch: 'e1' };
  await bus.reader.publishFeedback({ type: 'recorded', stream, sequence: 3 });
  await until(() => agent.frames.some((frame) => frame.type === 'ack' && frame.recordedSequence === 3), 'the ack');
  await bus.reader.publishFeedback({ type: 'recorded', stream: { ...stream, epoch: 'e0' }, sequence: 9 });
  assert.equal(gateway.liveSessions()[0]?.recordedSequence, 3);
});

test('all credit comes back once the bus has taken the batches', async () => {
  const { gateway, taken } = await setUp();
  const agent = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 1, lastSequence: 9 }));
  await agent.next('welcome');
  for (let sequence = 1; sequence <= 9; sequence++) agent.send(batch(sequence, sequence, 100));
  agent.send(batch(3, 3, 50)); // a duplicate costs nothing either
  const credit = (): number => agent.frames.reduce((sum, f) => sum + (f.type === 'credit' ? f.bytes : 0), 0);
  await until(() => credit() === 950, 'the credit');
  assert.equal(taken.length, 9);
});

test('a hole is asked for once, what follows waits, and the stream goes on when it comes', async () => {
  const { gateway, taken } = await setUp();
  const agent = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 1, lastSequence: 4 }));
  await agent.next('welcome');
  agent.send(batch(1)).send(batch(3)).send(batch(4));
  assert.equal((await agent.next('resend')).fromSequence, 2);
  agent.send(batch(2)).send(batch(3)).send(batch(4));
  await until(() => taken.length === 4, 'four batches');
  assert.deepEqual(
    taken.map((each) => each.batch.firstSequence),
    [1, 2, 3, 4],
  );
  assert.equal(agent.frames.filter((frame) => frame.type === 'resend').length, 1);
});

test('a hole that stays ends the stream, so that the next Hello says what is left', async () => {
  const { gateway } = await setUp({ resendTimeoutMs: 50, heartbeatIntervalMs: 1_000 });
  const agent = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 1, lastSequence: 4 }));
  await agent.next('welcome');
  agent.send(batch(1)).send(batch(3));
  const refused = await agent.next('refused');
  assert.deepEqual([refused.code, refused.retryable], ['protocol-violation', true]);
  const again = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 3, lastSequence: 4 }));
  await again.next('welcome');
});

test('what the spool no longer holds is passed on, not waited for', async () => {
  const { gateway, taken } = await setUp();
  const agent = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 5, lastSequence: 5 }));
  await agent.next('welcome');
  agent.send(batch(5));
  await until(() => taken.length === 1, 'the batch');
  assert.equal(taken[0]?.oldestSequence, 5);
});

test('a second agent of another epoch is refused while the first is alive, and welcome once it has gone', async () => {
  const { gateway } = await setUp();
  const first = agentOf(gateway.port, eastToken).send(hello());
  await first.next('welcome');
  const second = agentOf(gateway.port, eastToken).send(hello({ epoch: 'e2', instance: 'i2' }));
  const refused = await second.next('refused');
  assert.deepEqual([refused.code, refused.retryable], ['already-claimed', true]);
  assert.equal(gateway.liveSessions()[0]?.hello.epoch, 'e1');
  first.close();
  await until(() => gateway.liveSessions().length === 0, 'the first to go');
  const third = agentOf(gateway.port, eastToken).send(hello({ epoch: 'e2', instance: 'i2' }));
  await third.next('welcome');
});

test('a reconnect of the same epoch takes over from the half-open stream', async () => {
  const { gateway, taken } = await setUp();
  const first = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 1, lastSequence: 2 }));
  await first.next('welcome');
  const second = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 1, lastSequence: 2, instance: 'i2' }));
  await second.next('welcome');
  await first.ended.promise;
  second.send(batch(1));
  await until(() => taken.length === 1, 'the batch');
  assert.equal(gateway.liveSessions().length, 1);
  assert.equal(gateway.liveSessions()[0]?.hello.instance, 'i2');
});

test('the stream of a token that is taken away ends, and no other', async () => {
  let book = tokens;
  let edition = 0;
  const changing: TokenBook = {
    find: (token) => book.find(token),
    clusterUid: (cluster) => book.clusterUid(cluster),
    edition: () => edition,
  };
  const { gateway } = await setUp({}, { book: changing });
  const east = agentOf(gateway.port, eastToken).send(hello({ instance: 'i1' }));
  const west = agentOf(gateway.port, 'west-token-of-the-test').send(hello({ instance: 'i2' }));
  await Promise.all([east.next('welcome'), west.next('welcome')]);
  book = createTokenBook([{ token: 'west-token-of-the-test', tenant: 'other', cluster: 'west', role: 'agent' }]);
  edition += 1;
  const { code, retryAfterMs, message } = await east.next('refused');
  assert.deepEqual([code, retryAfterMs], ['unauthenticated', 1_000], message);
  await east.ended.promise;
  assert.deepEqual(
    gateway.liveSessions().map((session) => session.stream.cluster),
    ['west'],
  );
});

test('an agent that falls silent is dropped', async () => {
  let passedMs = 0;
  // The connection's own pings follow the heartbeat's interval: in a short one a process that stands still loses it.
  const { gateway } = await setUp({ heartbeatIntervalMs: 4_000, sessionTimeoutMs: 300 }, { now: () => passedMs });
  const agent = agentOf(gateway.port, eastToken).send(hello());
  await agent.next('welcome');
  for (let beat = 0; beat < 5; beat++) {
    passedMs += 200;
    agent.send({ type: 'heartbeat', sentAtUs: 1, lastSequence: 7, spoolBytes: 11, spoolLimitBytes: 22 });
    await agent.next('ack');
  }
  const [live] = gateway.liveSessions();
  assert.deepEqual([live?.lastSequence, live?.spoolBytes, live?.spoolLimitBytes], [7, 11, 22]);
  passedMs += 301;
  await until(() => gateway.liveSessions().length === 0, 'the silent session to be dropped');
});

test('an agent whose disk is older than its record learns so, and what it repeats is not taken', async () => {
  const { gateway, taken } = await setUp({}, { watermark: 10 });
  const agent = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 3, lastSequence: 4 }));
  assert.equal((await agent.next('welcome')).recordedSequence, 10);
  agent.send(batch(3)).send(batch(4));
  await agent.next('ack');
  assert.deepEqual(taken, []);
});

test('every heartbeat is answered, so that silence means a dead connection', async () => {
  const { gateway } = await setUp();
  const agent = agentOf(gateway.port, eastToken).send(hello());
  await agent.next('welcome');
  for (let beat = 0; beat < 2; beat++) {
    agent.send({ type: 'heartbeat', sentAtUs: 1, lastSequence: 0, spoolBytes: 0, spoolLimitBytes: 1 });
    await agent.next('ack');
  }
});

test('a credential that another cluster starts to use is refused for good', async () => {
  const { gateway } = await setUp();
  const first = agentOf(gateway.port, eastToken).send(hello());
  await first.next('welcome');
  first.close();
  await until(() => gateway.liveSessions().length === 0, 'the first to go');
  const second = agentOf(gateway.port, eastToken).send(hello({ epoch: 'e2', clusterUid: 'uid-2' }));
  const refused = await second.next('refused');
  assert.deepEqual([refused.code, refused.retryable], ['cluster-mismatch', false]);
});

for (const [name, bytes, code] of [
  ['garbage instead of a frame', new Uint8Array([255, 255, 255]), 'undecodable'],
  ['a batch before the Hello', agentFrame.encode(batch(1)), 'protocol-violation'],
  ['another protocol version', agentFrame.encode(hello({ protocol: 99 })), 'protocol-version'],
  ["the collector's own epoch", agentFrame.encode(hello({ epoch: 'collector' })), 'protocol-violation'],
  ['an epoch that is no name', agentFrame.encode(hello({ epoch: 'a:b\n' })), 'protocol-violation'],
] as const) {
  test(`${name} is refused as ${code}`, async () => {
    const { gateway, taken } = await setUp();
    const agent = agentOf(gateway.port, eastToken).sendBytes(bytes);
    assert.equal((await agent.next('refused')).code, code);
    assert.deepEqual(taken, []);
  });
}

test('a frame above the limit ends the stream with a clear status', async () => {
  const { gateway } = await setUp();
  const agent = agentOf(gateway.port, eastToken).send(hello());
  await agent.next('welcome');
  agent.sendBytes(new Uint8Array(maxFrameBytes + 1));
  const status = await agent.ended.promise;
  assert.equal(status.code, grpc.status.RESOURCE_EXHAUSTED);
  assert.match(status.details, /larger than max/i);
  await until(() => gateway.liveSessions().length === 0, 'the session to end');
});

test('a batch above its limit is refused before it is read', async () => {
  const { gateway, taken } = await setUp({ batchBytes: 1_000 });
  const agent = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 1, lastSequence: 9 }));
  await agent.next('welcome');
  agent.send(batch(1, 1, 1_001));
  assert.equal((await agent.next('refused')).code, 'too-large');
  assert.deepEqual(taken, []);
});

test('an agent that ignores its credit is cut off', async () => {
  const limits = { streamCreditBytes: 1_000, batchBytes: 1_000 };
  const { gateway, hold } = await setUp(limits, { busLimits: narrowBus });
  const gate = Promise.withResolvers<void>();
  void hold(gate.promise);
  const agent = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 1, lastSequence: 9 }));
  await agent.next('welcome');
  for (let sequence = 1; sequence <= 9; sequence++) agent.send(batch(sequence, sequence, 900));
  const refused = await agent.next('refused');
  assert.match(refused.message, /credit/);
  gate.resolve();
});

test('while the bus is full, no socket is read beyond the bound, and all arrives when it empties', async () => {
  const limits = { ingestBytes: 1_500, heartbeatIntervalMs: 60_000 };
  const { gateway, hold, taken } = await setUp(limits, { busLimits: narrowBus });
  const gate = Promise.withResolvers<void>();
  void hold(gate.promise);
  const agent = agentOf(gateway.port, eastToken).send(hello({ firstSequence: 1, lastSequence: 30 }));
  await agent.next('welcome');
  for (let sequence = 1; sequence <= 30; sequence++) agent.send(batch(sequence, sequence, 1_000));
  await until(() => taken.length > 0, 'the first batch');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok((gateway.liveSessions()[0]?.lastSequence ?? 0) <= 30);
  assert.equal(taken.length, 1);
  gate.resolve();
  await until(() => taken.length === 30, 'all batches');
});

test('plain text beyond loopback is refused unless it is allowed', async () => {
  const base = {
    tokens,
    bus: openMemoryBus().writer,
    watermark: async () => 0,
    bindings: memoryBindings(),
    limits: defaultIngestLimits,
    metrics: createMetrics(),
    logger: pino({ level: 'silent' }),
    now: Date.now,
  };
  const listen = { host: '0.0.0.0', port: 0 };
  await assert.rejects(openGateway({ ...base, listen: { ...listen, allowPlaintext: false } }), {
    code: 'plaintext-refused',
  });
  const gateway = await openGateway({ ...base, listen: { ...listen, allowPlaintext: true } });
  await gateway.close();
});

test('a gateway that stops tells its agents to come back', async () => {
  const { gateway } = await setUp();
  const agent = agentOf(gateway.port, eastToken).send(hello());
  await agent.next('welcome');
  await gateway.close();
  assert.equal((await agent.next('refused')).code, 'shutting-down');
});
