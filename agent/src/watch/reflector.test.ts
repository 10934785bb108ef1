/** One kind against an API server that is a script: what each request is answered with is written in the test. */
import assert from 'node:assert/strict';
import { createHmac, hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import http, { type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { JsonObject, MessageBody } from '@driftline/proto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { systemClock } from '../clock.ts';
import { followClusterClock } from '../cluster-clock.ts';
import { fixedAccess } from '../kube/kube-access.ts';
import { openKubeClient } from '../kube/kube-client.ts';
import { openKnown } from '../known/known.ts';
import type { MessageSink } from '../message-sink.ts';
import { createByteBudget } from './byte-budget.ts';
import { KindLine } from './kind-line.ts';
import { Reflector } from './reflector.ts';
import { createSlots } from './slots.ts';
import { type WatchLimits, defaultWatchLimits } from './watch-limits.ts';
import { createWatchMetrics } from './watch-metrics.ts';

type Script = (query: URLSearchParams, response: ServerResponse, count: number) => void | Promise<void>;

type Run = {
  readonly told: MessageBody[];
  readonly requests: string[];
  /** Answers that were given, in short: op and name of deltas, cause of gaps, type of the rest. */
  short(): string[];
  until(isTrue: () => boolean): Promise<void>;
  resumeVersion(): string;
  /** Holds appended messages back from being durable, as a full spool does. */
  hold(isHeld: boolean): void;
};

const kind = { group: '', version: 'v1', resource: 'pods', kind: 'Pod' };

async function run(
  context: TestContext,
  script: Script,
  limits: Partial<WatchLimits> = {},
  usesWatchList = true,
): Promise<Run> {
  const requests: string[] = [];
  const server = http.createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams;
    requests.push(query.toString());
    void script(query, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'driftline-reflector-'));
  const told: MessageBody[] = [];
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  let sequence = 0;
  const sink: MessageSink = {
    async append(bodies) {
      const firstSequence = sequence + 1;
      sequence += bodies.length;
      const lastSequence = sequence;
      told.push(...bodies);
      await gate.promise;
      return { firstSequence, lastSequence };
    },
  };
  const known = openKnown({ path: join(folder, 'known.db'), epoch: 'e' });
  const clock = followClusterClock({ host: systemClock, monotonicMs: () => performance.now() });
  const startedAtMs = performance.now();
  clock.answered({ sentAtMs: startedAtMs, answeredAtMs: startedAtMs, date: new Date().toUTCString() });
  const kube = openKubeClient({
    onAnswered: (answer) => clock.answered(answer),
    access: fixedAccess({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
    userAgent: 'test',
  });
  const stop = new AbortController();
  const metrics = createWatchMetrics(new Registry());
  const whole = { ...defaultWatchLimits, retryBaseMs: 5, retryMaxMs: 20, ...limits };
  const capture = {
    hmac: (text: string) => createHmac('sha256', 'k').update(text).digest('base64url').slice(0, 22),
    sha256: (text: string) => hash('sha256', text),
  };
  const line = new KindLine(kind, {
    sink,
    known: known.kind('', 'pods'),
    capture,
    budget: createByteBudget(whole.maxInFlightBytes),
    clock,
    metrics,
    signal: stop.signal,
    onFatal: (error) => assert.fail(String(error)),
  });
  const reflector = new Reflector(
    {
      kube,
      line,
      lists: createSlots(1),
      opens: createSlots(1),
      limits: whole,
      usesWatchList,
      clock,
      random: () => 0,
      logger: pino({ level: 'silent' }),
      metrics,
      onNotServed: () => undefined,
      onChange: () => undefined,
      onSettled: () => undefined,
    },
    stop.signal,
  );
  const done = reflector.run();
  context.after(async () => {
    stop.abort();
    await done;
    gate.resolve();
    await known.close();
    kube.close();
    server.close().closeAllConnections();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  return {
    told,
    requests,
    short: () => told.map(shorten),
    resumeVersion: () => line.progress().resumeVersion,
    async until(isTrue) {
      const endMs = performance.now() + 120_000;
      while (!isTrue()) {
        if (performance.now() > endMs)
          assert.fail(`timed out; told ${told.map(shorten).join(', ')}; asked ${requests.join(' | ')}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    hold(isHeld) {
      if (isHeld) gate = Promise.withResolvers<void>();
      else gate.resolve();
    },
  };
}

function shorten(body: MessageBody): string {
  if (body.type === 'delta') return `${body.op} ${body.ref.name}`;
  if (body.type === 'gap') return `gap ${body.cause} ${body.fromVersion}-${body.toVersion}`;
  if (body.type === 'coverage') return body.state;
  return body.type === 'kind-synced' ? `synced ${body.resourceVersion}` : body.type;
}

function pod(name: string, version: number, rest: JsonObject = {}): JsonObject {
  return { metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: String(version) }, ...rest };
}

function list(response: ServerResponse, items: readonly unknown[], metadata: JsonObject): void {
  response.end(JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata, items }));
}

function event(response: ServerResponse, type: string, object: unknown): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

function status(response: ServerResponse, code: number, reason: string): void {
  response.writeHead(code).end(JSON.stringify({ kind: 'Status', code, reason, message: reason }));
}

function bookmark(response: ServerResponse, resourceVersion: string, endsInitialEvents = false): void {
  const annotations = endsInitialEvents ? { 'k8s.io/initial-events-end': 'true' } : {};
  event(response, 'BOOKMARK', { metadata: { resourceVersion, annotations } });
}

const first = ['snapshot a', 'gap epoch_start -5', 'synced 5', 'watched'];

test('a server without streamed lists is listed in pages, once it has said so', async (context) => {
  const seen = await run(context, (query, response) => {
    if (query.has('sendInitialEvents')) return status(response, 422, 'Invalid');
    if (query.has('watch')) return bookmark(response, '6');
    list(response, [pod('a', 4)], { resourceVersion: '5' });
  });
  await seen.until(() => seen.requests.length === 3 && seen.short().includes('watched'));
  assert.deepEqual(seen.short(), first);
  assert.match(seen.requests[2] ?? '', /resourceVersion=5/);
});

test('a server that never says where the initial state ends is listed in pages', async (context) => {
  const script: Script = (query, response) => {
    if (query.has('sendInitialEvents')) return event(response, 'ADDED', pod('a', 4));
    if (query.has('watch')) return bookmark(response, '6');
    list(response, [pod('a', 4)], { resourceVersion: '5' });
  };
  const seen = await run(context, script, { idleTimeoutMs: 60 });
  await seen.until(() => seen.short().includes('watched'));
  assert.deepEqual(seen.short(), first);
});

test('a continue token that expires begins the list anew, in one piece, and forgets what it had seen', async (context) => {
  const script: Script = (query, response) => {
    if (query.has('watch')) return bookmark(response, '10');
    if (query.get('continue') === 'next') return status(response, 410, 'Expired');
    if (query.has('limit'))
      return list(response, [pod('a', 1), pod('b', 2)], { resourceVersion: '5', continue: 'next' });
    list(response, [pod('a', 1), pod('c', 7)], { resourceVersion: '9' });
  };
  const seen = await run(context, script, {}, false);
  await seen.until(() => seen.short().includes('watched'));
  assert.deepEqual(seen.short(), [
    'snapshot a',
    'snapshot b',
    'snapshot c',
    'deleted b',
    'gap epoch_start -9',
    'synced 9',
    'watched',
  ]);
});

test('a silent watch is opened again where it was', async (context) => {
  const watches: string[] = [];
  const script: Script = (query, response) => {
    if (!query.has('watch')) return list(response, [pod('a', 4)], { resourceVersion: '5' });
    const from = query.get('resourceVersion') ?? '';
    watches.push(from);
    if (from === '5') return bookmark(response, '8');
    if (from === '8') event(response, 'MODIFIED', pod('a', 9, { spec: { x: 1 } }));
  };
  const seen = await run(context, script, { idleTimeoutMs: 60 }, false);
  await seen.until(() => seen.short().includes('modified a'));
  assert.equal(
    watches.find((from) => from !== '5'),
    '8',
  );
  const modified = seen.told.at(-1);
  assert.ok(
    modified?.type === 'delta' && modified.notBeforeUs > 0 && modified.notBeforeUs <= Date.now() * 1000 - 50_000,
  );
  assert.deepEqual(seen.short(), [...first, 'modified a']);
});

test('410 in a stream: what is gone is deleted, what is new is created, and the gap says from where to where', async (context) => {
  const script: Script = (query, response, count) => {
    if (!query.has('watch') && count === 1) return list(response, [pod('a', 4), pod('b', 3)], { resourceVersion: '5' });
    if (!query.has('watch')) return list(response, [pod('a', 4), pod('c', 11)], { resourceVersion: '12' });
    if (count === 2) {
      bookmark(response, '7');
      event(response, 'ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
    }
  };
  const seen = await run(context, script, {}, false);
  await seen.until(() => seen.short().includes('synced 12'));
  assert.deepEqual(seen.short().slice(5), ['created c', 'deleted b', 'gap relist 7-12', 'synced 12']);
  const deleted = seen.told.find((body) => body.type === 'delta' && body.op === 'deleted');
  assert.equal(deleted?.type === 'delta' && deleted.synthesised, true);
});

test('while a list is under way there is nothing to resume from', async (context) => {
  const script: Script = (query, response, count) => {
    if (count === 1) return list(response, [pod('a', 4)], { resourceVersion: '5' });
    if (query.has('watch')) return event(response, 'ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
    response.write(`{"items":[${JSON.stringify(pod('b', 11))},`);
  };
  const seen = await run(context, script, {}, false);
  await seen.until(() => seen.short().includes('created b'));
  assert.equal(seen.resumeVersion(), '');
});

test('a relist that finds the version it had left off at has missed nothing', async (context) => {
  const script: Script = (query, response, count) => {
    if (!query.has('watch')) return list(response, [pod('a', 4)], { resourceVersion: '5' });
    if (count === 2) event(response, 'ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
  };
  const seen = await run(context, script, {}, false);
  await seen.until(() => seen.requests.length === 4 && seen.short().length > first.length);
  assert.deepEqual(seen.short(), [...first, 'synced 5']);
});

test('bytes that are no text, and objects beyond the limit, are rejected; the kind goes on', async (context) => {
  const large = pod('large', 6, { spec: { text: 'x'.repeat(4000) } });
  const script: Script = (query, response, count) => {
    if (!query.has('watch'))
      return list(response, count === 1 ? [pod('a', 4)] : [pod('a', 4), large], { resourceVersion: String(4 + count) });
    if (count === 2) response.write(Buffer.from('7b2274797065223a22ff227d0a', 'hex'));
    if (count === 4) event(response, 'MODIFIED', large);
    if (count === 6) event(response, 'ADDED', pod('z', 12));
  };
  const seen = await run(context, script, { maxObjectBytes: 2000 }, false);
  await seen.until(() => seen.short().includes('created z'));
  assert.deepEqual(seen.short().slice(4), [
    'rejected',
    'rejected',
    'gap undecodable 5-7',
    'synced 7',
    'rejected',
    'rejected',
    'gap undecodable 7-9',
    'synced 9',
    'created z',
  ]);
  const gap = seen.told.findLast((body) => body.type === 'gap');
  assert.match(gap?.type === 'gap' ? gap.detail : '', /deletions were not inferred/);
});

test('an object of 1.5 MB is told like any other', async (context) => {
  const text = 'y'.repeat(1_500_000);
  const seen = await run(
    context,
    (query, response) => {
      if (!query.has('watch')) return list(response, [pod('a', 4, { data: { text } })], { resourceVersion: '5' });
      event(response, 'MODIFIED', pod('a', 6, { data: { text: `${text}z` } }));
    },
    {},
    false,
  );
  await seen.until(() => seen.short().includes('modified a'));
  const [delta] = seen.told;
  assert.ok(delta?.type === 'delta' && (delta.full?.length ?? 0) > 1_500_000);
});

test('a version that the server refuses to resume from, again and again, is given up for a list', async (context) => {
  let lists = 0;
  const script: Script = (query, response) => {
    if (query.has('watch')) return lists === 1 ? status(response, 504, 'Timeout') : bookmark(response, '3');
    lists++;
    list(response, [pod('a', 1)], { resourceVersion: lists === 1 ? '5' : '2' });
  };
  const seen = await run(context, script, {}, false);
  await seen.until(() => seen.short().includes('synced 2'));
  assert.ok(seen.short().includes('gap relist 5-2'));
});

test('an API server that refuses everybody for a moment after its start costs no coverage', async (context) => {
  let watches = 0;
  const script: Script = (query, response) => {
    if (!query.has('watch')) return list(response, [pod('a', 1)], { resourceVersion: '5' });
    watches++;
    // A request that a reused connection breaks is sent again, unseen.
    response.setHeader('connection', 'close');
    if (watches === 1) return void response.end();
    // It starts twice.
    if (watches === 5) return void response.destroy();
    if (watches < 10) return status(response, 403, 'Forbidden');
    bookmark(response, '6');
    response.write(`${JSON.stringify({ type: 'ADDED', object: pod('b', 7) })}\n`);
  };
  const seen = await run(context, script, {}, false);
  await seen.until(() => seen.short().includes('created b'));
  assert.deepEqual(
    seen.short().filter((text) => /forbidden|failing|gap relist/.test(text)),
    [],
  );
});

test('a server in trouble is not a reason to list again: the version that was seen still counts', async (context) => {
  let watches = 0;
  const script: Script = (query, response) => {
    if (!query.has('watch')) return list(response, [pod('a', 1)], { resourceVersion: '5' });
    watches++;
    if (watches < 12) return status(response, 503, 'ServiceUnavailable');
    bookmark(response, '6');
    response.write(`${JSON.stringify({ type: 'ADDED', object: pod('b', 7) })}\n`);
  };
  const seen = await run(context, script, {}, false);
  await seen.until(() => seen.short().includes('created b'));
  assert.ok(!seen.short().some((text) => text.startsWith('gap relist')));
});

test('while the spool takes nothing the socket waits, and nothing is lost', async (context) => {
  const count = 3000;
  const held = Promise.withResolvers<void>();
  const script: Script = async (query, response) => {
    if (!query.has('watch')) return list(response, [], { resourceVersion: '5' });
    await held.promise;
    let written = Number(query.get('resourceVersion')) - 5;
    const write = (): void => {
      while (written < count) {
        written++;
        const object = pod(`p${written}`, 5 + written, { spec: { text: 'x'.repeat(3000) } });
        if (!response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`))
          return void response.once('drain', write);
      }
    };
    write();
  };
  const seen = await run(context, script, { maxInFlightBytes: 64 * 1024, idleTimeoutMs: 300 }, false);
  await seen.until(() => seen.short().includes('watched'));
  seen.hold(true);
  held.resolve();
  await seen.until(() => seen.short().includes('created p10'));
  const asked = seen.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const told = seen.told.length;
  assert.ok(told < 200, `${told} messages were handed to a spool that takes none`);
  assert.equal(seen.requests.length, asked, 'a reader that is held back does not take the server for dead');
  seen.hold(false);
  await seen.until(() => seen.short().filter((text) => text.startsWith('created')).length === count);
});
