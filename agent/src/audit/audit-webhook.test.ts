import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../clock.ts';
import { openTestSpool, silentLogger, temporaryDirectory, until } from '../spool/spool-fixture.ts';
import {
  auditEvent,
  canary,
  createHeldSink,
  createTestRecorder,
  eventList,
  recordedNumbers,
  rejections,
} from './audit-fixture.ts';
import type { HeldSink } from './audit-fixture.ts';
import { noAuditMetrics } from './audit-metrics.ts';
import { defaultAuditWebhookLimits, openAuditWebhook } from './audit-webhook.ts';
import type { AuditWebhookLimits, AuditWebhookOptions } from './audit-webhook.ts';

type Post = (body: string | Uint8Array<ArrayBuffer>, headers?: Record<string, string>) => Promise<Response>;

async function withWebhook(
  options: Partial<Omit<AuditWebhookOptions, 'limits'>> & { readonly limits?: Partial<AuditWebhookLimits> },
  test: (setting: { readonly sink: HeldSink; readonly post: Post; readonly port: number }) => Promise<void>,
): Promise<void> {
  const sink = createHeldSink();
  const webhook = await openAuditWebhook({
    host: '127.0.0.1',
    port: 0,
    recorder: createTestRecorder(sink),
    clock: systemClock,
    logger: silentLogger,
    metrics: noAuditMetrics,
    ...options,
    limits: { ...defaultAuditWebhookLimits, ...options.limits },
  });
  const post: Post = (body, headers = {}) =>
    fetch(`http://127.0.0.1:${webhook.port}/audit`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
  try {
    await test({ sink, post, port: webhook.port });
  } finally {
    await webhook.close();
  }
}

describe('audit webhook', () => {
  it('answers 200 only when every event is durable', async () => {
    await withWebhook({}, async ({ sink, post }) => {
      const durable = Promise.withResolvers<void>();
      sink.hold(durable.promise);
      let isAnswered = false;
      const answer = post(eventList([auditEvent(1), auditEvent(2)])).finally(() => (isAnswered = true));
      await new Promise((resolve) => setTimeout(resolve, 80));
      assert.equal(isAnswered, false);
      durable.resolve();
      assert.equal((await answer).status, 200);
      assert.deepEqual(recordedNumbers(sink.bodies), [1, 2]);
    });
  });

  it('no secret of a request body reaches the spool, a digest of it does', async () => {
    const directory = await temporaryDirectory();
    const { spool } = await openTestSpool(directory.path);
    await withWebhook({ recorder: createTestRecorder(spool) }, async ({ post }) => {
      const uri = `/api/v1/namespaces/default/pods/p/exec?command=curl&command=-u&command=admin%3A${canary}`;
      const exec = auditEvent(2, { requestURI: uri, verb: 'get', requestObject: null });
      assert.equal((await post(eventList([auditEvent(1), exec]))).status, 200);
      assert.equal((await post(`{"password": "${canary}"`)).status, 400);
    });
    let audits = 0;
    for await (const { message } of spool.replay(1)) {
      assert.ok(!JSON.stringify(message).includes(canary));
      if (message.body.type === 'audit' && message.body.event.includes('redacted(')) audits += 1;
    }
    assert.ok(audits >= 1);
    await spool.close();
    for (const entry of await readdir(directory.path, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) assert.ok(!(await readFile(join(entry.parentPath, entry.name))).includes(canary), entry.name);
    }
    await directory.remove();
  });

  it('a batch that comes again adds nothing; the same auditID with other content does', async () => {
    await withWebhook({}, async ({ sink, post }) => {
      assert.equal((await post(eventList([auditEvent(1), auditEvent(1)]))).status, 200);
      assert.equal((await post(eventList([auditEvent(1), auditEvent(2)]))).status, 200);
      assert.deepEqual(recordedNumbers(sink.bodies), [1, 2]);
      assert.equal((await post(eventList([auditEvent(1, { userAgent: 'other' })]))).status, 200);
      assert.deepEqual(recordedNumbers(sink.bodies), [1, 2, 1]);
    });
  });

  it('a repeated batch is not answered before the first one is durable', async () => {
    await withWebhook({ limits: { answerTimeoutMs: 60 } }, async ({ sink, post }) => {
      const durable = Promise.withResolvers<void>();
      sink.hold(durable.promise);
      const first = await post(eventList([auditEvent(1)]));
      assert.equal(first.status, 503);
      assert.ok(Number(first.headers.get('retry-after')) > 0);
      assert.equal((await post(eventList([auditEvent(1)]))).status, 503);
      durable.resolve();
      // As the API server does: until it is taken.
      let status = 503;
      while (status === 503) ({ status } = await post(eventList([auditEvent(1)])));
      assert.equal(status, 200);
      assert.deepEqual(recordedNumbers(sink.bodies), [1]);
    });
  });

  it('what is no event list is 400 with the reason, and accounted for', async () => {
    await withWebhook({}, async ({ sink, post }) => {
      const bodies = [
        '',
        'null',
        '[]',
        '{"kind":"EventList"',
        '{"kind":"Pod","apiVersion":"v1"}',
        '{"__proto__":{"a":1}}',
      ];
      for (const body of bodies) {
        const response = await post(body);
        assert.equal(response.status, 400, body);
        assert.match(await response.text(), /JSON|EventList/);
      }
      assert.equal((await post(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))).status, 400);
      assert.deepEqual(new Set(rejections(sink.bodies)), new Set(['audit-webhook malformed']));
      // Each is a rejection, and a gap: the API server drops what is refused.
      assert.equal(sink.bodies.length, 2 * (bodies.length + 1));
    });
  });

  it('poison events become rejections; those beside them are recorded and the batch is taken', async () => {
    await withWebhook({}, async ({ sink, post }) => {
      const deep = JSON.parse(`${'['.repeat(3000)}${']'.repeat(3000)}`);
      const poison = [null, 3, 'x', [], {}, { verb: 'create' }, auditEvent(8, { requestObject: deep })];
      const hostile = JSON.parse('{"__proto__":{"verb":"create"},"constructor":1}');
      assert.equal((await post(eventList([...poison, hostile, auditEvent(9)]))).status, 200);
      assert.deepEqual(recordedNumbers(sink.bodies), [9]);
      assert.equal(rejections(sink.bodies).length, 8);
    });
  });

  it('leaves out reads and heartbeats, keeps what was denied and what reaches into a Pod', async () => {
    await withWebhook({}, async ({ sink, post }) => {
      const lease = { resource: 'leases', apiGroup: 'coordination.k8s.io', namespace: 'n', name: 'l' };
      const pod = { resource: 'pods', namespace: 'n', name: 'p' };
      const events = [
        auditEvent(1, { verb: 'get' }),
        auditEvent(2, { verb: 'list', responseStatus: { code: 403 } }),
        auditEvent(3, { verb: 'get', objectRef: { ...pod, subresource: 'exec' }, responseStatus: { code: 101 } }),
        auditEvent(4, { verb: 'update', objectRef: lease }),
        auditEvent(5, { verb: 'update', objectRef: lease, responseStatus: { code: 403 } }),
        auditEvent(6, { stage: 'RequestReceived' }),
        auditEvent(7, { objectRef: { resource: 'subjectaccessreviews', apiGroup: 'authorization.k8s.io' } }),
        auditEvent(8, { verb: 'get', impersonatedUser: { username: 'root' } }),
        auditEvent(9, { verb: 'deletecollection' }),
      ];
      assert.equal((await post(eventList(events))).status, 200);
      assert.deepEqual(recordedNumbers(sink.bodies), [2, 3, 5, 8, 9]);
    });
  });

  it('too large a body is 413 and accounted for, whether announced or not', async () => {
    await withWebhook({ limits: { bodyLimitBytes: 1000 } }, async ({ sink, post, port }) => {
      assert.equal((await post(eventList([auditEvent(1), auditEvent(2)]))).status, 413);
      const socket = connect(port, '127.0.0.1');
      socket.write('POST /audit HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
      for (let i = 0; i < 4; i++) socket.write(`200\r\n${'x'.repeat(512)}\r\n`);
      const [head] = (await once(socket, 'data')) as [Buffer];
      assert.match(head.toString(), /^HTTP\/1.1 413/);
      socket.destroy();
      assert.deepEqual(rejections(sink.bodies), ['audit-webhook too-large', 'audit-webhook too-large']);
      const gaps = sink.bodies.filter((body) => body.type === 'gap');
      assert.deepEqual(
        gaps.map(({ cause, resource, fromUs, toUs }) => [cause, resource, fromUs <= toUs && fromUs > 0]),
        [
          ['audit_drop', 'events', true],
          ['audit_drop', 'events', true],
        ],
      );
    });
  });

  it('asks the API server to come back when too much waits', async () => {
    const first = eventList([auditEvent(1)]);
    let waitingBytes = 0;
    const metrics = { ...noAuditMetrics, webhookWaitingBytes: (bytes: number) => void (waitingBytes = bytes) };
    await withWebhook({ metrics, limits: { waitingLimitBytes: first.length + 100 } }, async ({ sink, post }) => {
      const durable = Promise.withResolvers<void>();
      sink.hold(durable.promise);
      const waiting = post(first);
      await until(() => waitingBytes > 0, 'the first is being held');
      const refused = await post(eventList([auditEvent(2)]));
      assert.equal(refused.status, 429);
      assert.equal(refused.headers.get('retry-after'), '5');
      durable.resolve();
      assert.equal((await waiting).status, 200);
      assert.equal((await post(eventList([auditEvent(2)]))).status, 200);
      assert.deepEqual(recordedNumbers(sink.bodies), [1, 2]);
    });
  });

  it('asks for the token, and reads its file anew for each request', async () => {
    const directory = await temporaryDirectory();
    const tokenFile = join(directory.path, 'token');
    await writeFile(tokenFile, 'first\n');
    await withWebhook({ tokenFile }, async ({ sink, post }) => {
      const body = eventList([auditEvent(1)]);
      assert.equal((await post(body)).status, 401);
      assert.equal((await post(body, { authorization: 'Bearer other' })).status, 401);
      assert.equal((await post(body, { authorization: 'Bearer first' })).status, 200);
      await writeFile(tokenFile, 'second');
      assert.equal((await post(body, { authorization: 'Bearer first' })).status, 401);
      assert.equal((await post(body, { authorization: 'Bearer second' })).status, 200);
      assert.equal(sink.bodies.length, 1);
    });
    await directory.remove();
  });

  it('a sink that closes is a 503, never a 200', async () => {
    await withWebhook({}, async ({ sink, post }) => {
      const closed = Promise.withResolvers<void>();
      closed.promise.catch(() => undefined);
      closed.reject(new Error('closed'));
      sink.hold(closed.promise);
      assert.equal((await post(eventList([auditEvent(1)]))).status, 503);
      sink.hold(Promise.resolve());
      assert.equal((await post(eventList([auditEvent(1)]))).status, 200);
      assert.deepEqual(recordedNumbers(sink.bodies), [1]);
    });
  });

  it('only POST is an answer, and a port in use says so', async () => {
    await withWebhook({}, async ({ port }) => {
      assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 405);
      await assert.rejects(
        withWebhook({ port }, async () => undefined),
        { code: 'listen-failed' },
      );
    });
  });
});
