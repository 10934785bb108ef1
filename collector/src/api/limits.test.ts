/** The API's bounds, on a real socket and the real store. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import type { ApiChange, ApiError, ApiPage } from '@driftline/proto';
import { Registry } from 'prom-client';
import { openTimelineReader } from '../timeline/reader/timeline-reader.ts';
import { type ApiLimits, defaultApiLimits } from './limits.ts';
import { RequestSlots } from './request-slots.ts';
import { openApi } from './server.ts';
import { batch, version } from './testing/rows.ts';
import { openTestApi, readerToken, type TestApi } from './testing/open-test-api.ts';

const cleanups: (() => Promise<void>)[] = [];
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

const open = async (limits: Partial<ApiLimits> = {}): Promise<TestApi> => {
  const api = await openTestApi({ server: { limits: { ...defaultApiLimits, ...limits } } });
  cleanups.push(() => api.close());
  return api;
};

const metricOf = async (api: TestApi, name: string): Promise<number> => {
  const text = await (await fetch(`${api.url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `)) ?? '';
  return Number(line.slice(name.length + 1));
};

/** What comes back over a raw connection until it is closed, and after how long it was. */
const speak = (api: TestApi, text: string): Promise<{ readonly answer: string; readonly afterMs: number }> =>
  new Promise((resolve) => {
    const start = performance.now();
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve({ answer, afterMs: performance.now() - start }));
  });

describe('bounds of connections and requests', () => {
  test('a request that does not end is closed in time, and others are answered meanwhile', async () => {
    const api = await open({ headersTimeoutMs: 1_500, requestTimeoutMs: 2_000 });
    const slow = Array.from({ length: 20 }, () => speak(api, 'GET /api/v1/log HTTP/1.1\r\nHost: a\r\nX-Slow: '));
    assert.equal((await api.get('log')).status, 200);
    for (const { answer, afterMs } of await Promise.all(slow)) {
      assert.match(answer, /^HTTP\/1\.1 408 /);
      assert.ok(afterMs >= 400, `closed after ${afterMs} ms`);
    }
    assert.equal(await metricOf(api, 'driftline_api_limited_total{limit="request"}'), 20);
  });

  test('headers and bodies have a size', async () => {
    const api = await open();
    const large = await speak(api, `GET /healthz HTTP/1.1\r\nHost: a\r\nX-Large: ${'x'.repeat(30_000)}\r\n\r\n`);
    assert.match(large.answer, /^HTTP\/1\.1 431 /);
    const body = 'x'.repeat(2_000);
    const post = await fetch(`${api.url}/api/v1/log`, { method: 'POST', body });
    assert.ok(post.status >= 400 && post.status < 500, String(post.status));
    const garbage = await speak(api, '\u0016\u0003\u0001\u0002\u0000\u0001\u0000not http\r\n\r\n');
    assert.match(garbage.answer, /^HTTP\/1\.1 400 /);
  });

  test('connections beyond the limit are closed and counted', async () => {
    const api = await open({ connections: 3 });
    const port = Number(new URL(api.url).port);
    const sockets = Array.from({ length: 3 }, () => connect(port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    const { answer } = await speak(api, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(answer, '');
    // Over one that is open: another one would be one too many until the server has seen the others go.
    const [first, ...others] = sockets;
    let text = '';
    first!.on('data', (chunk: Buffer) => (text += chunk.toString()));
    first!.write('GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await new Promise((resolve) => first!.once('close', resolve));
    assert.match(text, /^driftline_api_limited_total\{limit="connections"\} 1$/m);
    for (const socket of others) socket.destroy();
  });

  test('plain HTTP beyond loopback is refused, with the settings that help', async () => {
    const ports = {} as Parameters<typeof openApi>[0];
    const options = { ...ports, host: '0.0.0.0', port: 0, limits: defaultApiLimits, registry: new Registry() };
    await assert.rejects(openApi({ ...options, allowPlaintext: false }), {
      code: 'plaintext-refused',
      message: /api: refusing to listen on 0\.0\.0\.0.*DRIFTLINE_API_TLS_CERT_FILE.*DRIFTLINE_API_ALLOW_PLAINTEXT/,
    });
    const api = await openTestApi({ server: { host: '0.0.0.0', allowPlaintext: true } });
    cleanups.push(() => api.close());
    assert.equal((await api.get('log')).status, 200);
  });
});

describe('bounds of questions', () => {
  test('one tenant cannot take the places of all, and a place comes back also after a failure', async () => {
    const slots = new RequestSlots({ requestsAtOnce: 3, requestsAtOncePerTenant: 2 });
    const gate = Promise.withResolvers<void>();
    const held = ['a', 'a', 'b'].map((tenant) => slots.run(tenant, () => gate.promise));
    const refused = { code: 'too-many-requests', status: 429 };
    await assert.rejects(
      slots.run('a', async () => 1),
      refused,
    );
    await assert.rejects(
      slots.run('c', async () => 1),
      refused,
    );
    gate.reject(new Error('of the test'));
    await Promise.allSettled(held);
    assert.deepEqual(await Promise.all(['a', 'a', 'b'].map((tenant) => slots.run(tenant, async () => tenant))), [
      'a',
      'a',
      'b',
    ]);
  });

  test('a question that takes the store too long, or too much memory, says so', async () => {
    const api = await open();
    const versions = Array.from({ length: 2_000 }, (_, at) => version(at + 1, { op: 'created', name: `n${at}` }));
    await api.record(batch([1, 2_000], { versions }));
    for (const limits of [
      { queryTimeoutMs: 1, queryMemoryBytes: defaultApiLimits.queryMemoryBytes },
      { queryTimeoutMs: 30_000, queryMemoryBytes: 20_000 },
    ]) {
      const narrow = await openTestApi({ reader: openTimelineReader(api.timeline.connection, limits) });
      const { status, body } = await narrow.get('log?limit=500');
      assert.deepEqual([status, (body as ApiError).error.code], [422, 'query-limit'], JSON.stringify(limits));
      assert.equal(await metricOf(narrow, 'driftline_api_limited_total{limit="query"}'), 1);
      await narrow.close();
    }
  });

  test('every list says whether there is more', async () => {
    const api = await open();
    await api.record(
      batch([1, 3], { versions: [1, 2, 3].map((at) => version(at, { op: 'created', name: `n${at}` })) }),
    );
    for (const [path, hasNext] of [
      ['log?limit=2', true],
      ['log?limit=3', false],
      ['log?limit=500', false],
      ['findings', false],
      ['score', false],
    ] as const) {
      const { items, next } = (await api.get(path)).body as ApiPage<ApiChange>;
      assert.ok(Array.isArray(items));
      assert.equal(typeof next === 'string', hasNext, path);
      assert.ok(next === null || typeof next === 'string', path);
    }
    const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as Document;
    for (const [path, { get }] of Object.entries(document.paths)) {
      const schema = get.responses['200']?.content['application/json'].schema;
      if (path.endsWith('/status')) continue;
      assert.deepEqual(schema?.required, ['items', 'next'], path);
      assert.match(schema.properties.next.description, /null/);
    }
  });

  test('requests are counted by operation and status', async () => {
    const api = await open();
    await api.get('log');
    await fetch(`${api.url}/api/v1/log`);
    await api.get('log', readerToken);
    assert.equal(await metricOf(api, 'driftline_api_requests_total{operation="log",status="200"}'), 2);
    assert.equal(await metricOf(api, 'driftline_api_requests_total{operation="log",status="401"}'), 1);
  });
});

type Schema = {
  readonly required: readonly string[];
  readonly properties: { readonly next: { readonly description: string } };
};
type Answer = { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
type Document = { readonly paths: Record<string, { readonly get: { readonly responses: Record<string, Answer> } }> };
