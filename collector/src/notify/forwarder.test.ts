import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { StreamId } from '../timeline/rows.ts';
import { createFileSink } from './file-sink.ts';
import { type ForwarderMetrics, type ForwardSource, openForwarder } from './forwarder.ts';
import { parseForwarders } from './forwarders-file.ts';
import type { OcsfEvent } from './ocsf.ts';
import type { Sink } from './sink.ts';
import { createWebhookSink } from './webhook-sink.ts';

const logger = pino({ level: 'silent' });
const stream: StreamId = { tenant: 'default', cluster: 'c', epoch: 'e' };
const metrics: ForwarderMetrics = { delivered() {}, retried() {}, dead() {} };

function eventOf(sequence: number): OcsfEvent {
  return {
    activity_id: 1,
    category_uid: 2,
    class_uid: 2003,
    type_uid: 200301,
    severity_id: 1,
    time: 1,
    metadata: { uid: `t/${sequence}`, version: '1.5.0', product: {} },
  };
}

/** A timeline of one event a sequence whose cursors outlive the forwarder. */
function openSource(length: number): ForwardSource & { readonly cursors: Map<string, number> } {
  const cursors = new Map<string, number>();
  return {
    cursors,
    async *pending(limit) {
      const from = (cursors.get('siem') ?? 0) + 1;
      const through = Math.min(length, from + limit - 1);
      if (from > through) return;
      yield {
        stream,
        throughSequence: through,
        events: Array.from({ length: through - from + 1 }, (_, i) => eventOf(from + i)),
      };
    },
    async advance(_stream, sequence) {
      cursors.set('siem', sequence);
    },
    save: async () => {},
  };
}

function openReceiver() {
  const received: string[] = [];
  const state = { status: 200, refuse: new Set<string>(), isAway: false };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const uids = (JSON.parse(body) as OcsfEvent[]).map((event) => event.metadata.uid);
      const status = uids.some((uid) => state.refuse.has(uid)) ? 422 : state.status;
      if (status === 200) received.push(...uids);
      response.writeHead(status).end();
    });
  });
  // It keeps its port: a closed one could be somebody else's when it is to be opened again.
  server.on('connection', (socket) => void (state.isAway && socket.destroy()));
  return { server, received, state, url: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'timed out');
    await sleep(10);
  }
}

test('a receiver that is down gets everything, in order, once it is back', async () => {
  const receiver = openReceiver();
  await new Promise<void>((resolve) => receiver.server.listen(0, '127.0.0.1', resolve));
  receiver.state.isAway = true;
  const source = openSource(25);
  const sink = createWebhookSink({ name: 'siem', url: receiver.url() });
  const forwarder = openForwarder({
    source,
    sink,
    logger,
    metrics,
    pollIntervalMs: 20,
    pageMessages: 10,
    deliveryEvents: 4,
    maxBackoffMs: 100,
  });
  await sleep(150);
  assert.equal(source.cursors.get('siem'), undefined, 'nothing is acknowledged while the receiver is away');
  receiver.state.isAway = false;
  await until(() => source.cursors.get('siem') === 25);
  await forwarder.close();
  assert.deepEqual(
    receiver.received,
    Array.from({ length: 25 }, (_, i) => `t/${i + 1}`),
  );
  receiver.server.close();
});

test('a new forwarder goes on where the cursor stands, repeating at most what was in flight', async () => {
  const receiver = openReceiver();
  await new Promise<void>((resolve) => receiver.server.listen(0, '127.0.0.1', resolve));
  const source = openSource(30);
  const open = () =>
    openForwarder({
      source,
      sink: createWebhookSink({ name: 'siem', url: receiver.url() }),
      logger,
      metrics,
      pollIntervalMs: 5,
      pageMessages: 7,
      deliveryEvents: 2,
    });
  for (let round = 0; source.cursors.get('siem') !== 30; round += 1) {
    assert.ok(round < 200);
    const before = receiver.received.length;
    const forwarder = open();
    await until(() => receiver.received.length > before || source.cursors.get('siem') === 30);
    await forwarder.close();
  }
  const unique = [...new Set(receiver.received)];
  assert.deepEqual(
    unique,
    Array.from({ length: 30 }, (_, i) => `t/${i + 1}`),
    'every event arrived, first sights in order',
  );
  receiver.server.close();
});

test('one event that the receiver refuses for good does not hold up or spoil the others', async () => {
  const receiver = openReceiver();
  await new Promise<void>((resolve) => receiver.server.listen(0, '127.0.0.1', resolve));
  receiver.state.refuse.add('t/3');
  const dead: number[] = [];
  const source = openSource(5);
  const forwarder = openForwarder({
    source,
    sink: createWebhookSink({ name: 'siem', url: receiver.url() }),
    logger,
    metrics: { ...metrics, dead: (_sink, events) => dead.push(events) },
    pollIntervalMs: 5,
  });
  await until(() => source.cursors.get('siem') === 5);
  await forwarder.close();
  assert.deepEqual(receiver.received, ['t/1', 't/2', 't/4', 't/5']);
  assert.deepEqual(dead, [1]);
  receiver.server.close();
});

test('a receiver that asks for a pause of years is left alone, not asked a thousand times a second', async () => {
  let attempts = 0;
  const sink: Sink = {
    name: 'siem',
    async deliver() {
      attempts += 1;
      return { outcome: 'retry', afterMs: 99_999_999_000, reason: 'busy' };
    },
    close: async () => {},
  };
  const forwarder = openForwarder({ source: openSource(1), sink, logger, metrics, pollIntervalMs: 5 });
  await until(() => attempts > 0);
  await sleep(100);
  await forwarder.close();
  assert.equal(attempts, 1);
});

test('a receiver whose URL holds a password is refused at load, without quoting it', () => {
  const forwarder = { name: 'siem', type: 'webhook', url: 'https://user:hunter2@siem.example.com/' };
  assert.throws(
    () => parseForwarders({ forwarders: [forwarder] }),
    (error: Error) => /forwarders\.0\.url: credentials/.test(error.message) && !error.message.includes('hunter2'),
  );
});

test('a wrong credential is waited out, not taken as a refusal of the events', async () => {
  const receiver = openReceiver();
  await new Promise<void>((resolve) => receiver.server.listen(0, '127.0.0.1', resolve));
  receiver.state.status = 401;
  const sink = createWebhookSink({ name: 'siem', url: receiver.url() });
  const delivery = await sink.deliver([eventOf(1)]);
  assert.equal(delivery.outcome, 'retry');
  receiver.server.close();
});

test('the file sink never glues an event to half a line left by a crash', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'file-sink-'));
  const path = join(dir, 'sub', 'events.jsonl');
  const sink: Sink = createFileSink({ name: 'file', path });
  assert.deepEqual(await sink.deliver([eventOf(1)]), { outcome: 'delivered' });
  writeFileSync(path, `${readFileSync(path, 'utf8')}{"half":`);
  assert.deepEqual(await sink.deliver([eventOf(2), eventOf(3)]), { outcome: 'delivered' });
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  assert.equal(lines.length, 4);
  assert.deepEqual(
    [0, 2, 3].map((index) => (JSON.parse(lines[index]!) as OcsfEvent).metadata.uid),
    ['t/1', 't/2', 't/3'],
  );
  rmSync(dir, { recursive: true, maxRetries: 10 });
});
