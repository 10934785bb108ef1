/**
 * From an agent's batches to a SIEM: what the pipeline records arrives at a real HTTP receiver and in a file as valid
 * OCSF, at least once, whatever is restarted or away, and nothing arrives that is not recorded.
 */
import {
  createMetrics,
  defaultPipelineLimits,
  type ForwarderEntry,
  openClusterJudge,
  openForwarders,
  openMemoryBus,
  openPipeline,
  openTimeline,
  parseForwarders,
} from '@driftline/collector';
import type { OcsfEvent, Timeline } from '@driftline/collector';
import type { CompiledControl } from '@driftline/policy';
import type { JsonObject, ObjectRef } from '@driftline/proto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { AgentStream } from '../fakes/agent-stream.ts';
import { freePort } from '../fakes/embedded/process.ts';

const schema: unknown = JSON.parse(
  readFileSync(join(import.meta.dirname, '../contract/ocsf-required.schema.json'), 'utf8'),
);
const validate = new Ajv2020({ strict: false }).compile(schema as object);
const logger = pino({ level: 'silent' });
const folder = mkdtempSync(join(tmpdir(), 'driftline-forwarding-'));

const tooLarge: CompiledControl = {
  meta: {
    id: 'T-1',
    title: 'Too large',
    severity: 'high',
    weight: 1,
    category: 'compute',
    rationale: '',
    remediation: { summary: 'Make it smaller.', fields: ['data.size'], impact: 'none' },
    references: [],
    frameworks: [{ framework: 'cis-kubernetes', requirements: ['5.1'] }],
  },
  language: 'relation',
  kinds: [{ group: '', kind: 'ConfigMap' }],
  selfContained: true,
  evaluate: (object) => {
    const size = (object['data'] as JsonObject | undefined)?.['size'];
    if (typeof size !== 'number' || size <= 5) return { verdict: 'pass' };
    return { verdict: 'fail', violations: [{ path: 'data.size', value: String(size), reason: 'larger than 5' }] };
  },
};
const policies = { control: (id: string) => (id === tooLarge.meta.id ? tooLarge.meta : undefined) };

let timeline: Timeline;
const openLine = () => {
  const bus = openMemoryBus();
  return openPipeline({
    writer: timeline.writer,
    recovery: timeline.recovery,
    feedback: bus.reader,
    openJudge: (cluster, inventory, earlier) =>
      openClusterJudge(
        { bundle: { controls: [tooLarge], version: 'b1' }, onFailure: () => {} },
        cluster,
        inventory,
        earlier,
      ),
    limits: { ...defaultPipelineLimits, housekeepingIntervalMs: 3_600_000 },
    metrics: createMetrics(),
    logger,
    now: Date.now,
  });
};
let line: ReturnType<typeof openLine>;
/** Closed at the end whatever a test did. */
const opened: ReturnType<typeof openForwarders>[] = [];

before(async () => {
  const nowUs = () => Date.now() * 1_000;
  timeline = await openTimeline({ settings: { mode: 'embedded' }, dataDir: join(folder, 'data'), logger, nowUs });
  line = openLine();
});
after(async () => {
  for (const forwarders of opened) await forwarders.close().catch(() => {});
  await line.close();
  await timeline.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

const ref = (name: string): ObjectRef => ({
  group: '',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespace: 'shop',
  name,
  uid: `uid-${name}`,
});
const configMap = (name: string, size: number): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop' },
  data: { size },
});

/** Changes a ConfigMap and tells who did it, as the API server's audit would. */
function change(agent: AgentStream, name: string, size: number): void {
  agent.put(ref(name), configMap(name, size));
  const event = {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    auditID: `${name}-${size}`,
    level: 'RequestResponse',
    stage: 'ResponseComplete',
    verb: 'update',
    user: { username: 'alice@example.com', groups: ['dev'] },
    sourceIPs: ['192.0.2.7'],
    userAgent: 'kubectl/v1.36',
    requestURI: `/api/v1/namespaces/shop/configmaps/${name}`,
    objectRef: { resource: 'configmaps', apiVersion: 'v1', namespace: 'shop', name },
    responseStatus: { code: 200 },
    responseObject: { metadata: { uid: `uid-${name}`, resourceVersion: agent.lastVersion } },
    requestReceivedTimestamp: new Date(agent.nowUs / 1_000).toISOString(),
    stageTimestamp: new Date(agent.nowUs / 1_000).toISOString(),
  };
  agent.send({
    type: 'audit',
    digest: `audit-${name}-${size}-${agent.epoch}`,
    event: JSON.stringify(event),
    source: 'webhook',
  });
}

async function record(agent: AgentStream, cluster: string, tenant = 'default'): Promise<void> {
  const batch = agent.cut();
  assert.ok(batch);
  await line.handle([{ stream: { tenant, cluster, epoch: agent.epoch }, oldestSequence: agent.oldestSequence, batch }]);
}

type Received = {
  readonly body: string;
  readonly signature: string | undefined;
  readonly authorization: string | undefined;
};

class Receiver {
  readonly events: OcsfEvent[] = [];
  readonly requests: Received[] = [];
  status = 200;
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const signature = request.headers['driftline-signature'];
      this.requests.push({ body, signature: signature?.toString(), authorization: request.headers.authorization });
      if (this.status === 200) this.events.push(...(JSON.parse(body) as OcsfEvent[]));
      response.writeHead(this.status).end();
    });
  });

  async open(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  uids(): readonly string[] {
    return [...new Set(this.events.map((event) => event.metadata.uid))];
  }
}

const open = (entries: unknown) => {
  const metrics = createMetrics();
  const parsed: readonly ForwarderEntry[] = parseForwarders({ forwarders: entries });
  const forwarders = openForwarders({ timeline, policies, metrics, logger }, parsed);
  opened.push(forwarders);
  return { metrics, forwarders };
};

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 120_000; !condition(); await sleep(20)) assert.ok(Date.now() < deadline, what);
}

const linesOf = (path: string): readonly OcsfEvent[] =>
  statSync(path, { throwIfNoEntry: false }) === undefined
    ? []
    : readFileSync(path, 'utf8')
        .split('\n')
        // What stands after the last line end is being written.
        .slice(0, -1)
        .map((text) => JSON.parse(text) as OcsfEvent);

const sorted = (texts: readonly unknown[]): string[] => texts.map(String).sort((a, b) => (a < b ? -1 : 1));
const secret = 'the-secret-of-the-receiver';

test('findings and linked changes of several streams reach a receiver and a file as valid OCSF', async () => {
  const receiver = new Receiver();
  const url = `http://127.0.0.1:${await receiver.open()}/ocsf`;
  const path = join(folder, 'sub', 'events.jsonl');
  const { forwarders, metrics } = open([
    { name: 'siem', type: 'webhook', url, secret, headers: { authorization: 'Bearer of-the-receiver' } },
    { name: 'archive', type: 'file', path },
  ]);
  for (const [cluster, epoch] of [
    ['east', 'e1'],
    ['west', 'w1'],
  ] as const) {
    const agent = new AgentStream(epoch);
    change(agent, 'a', 1);
    change(agent, 'a', 9);
    await record(agent, cluster);
    change(agent, 'a', 2);
    await record(agent, cluster);
  }
  const hidden = new AgentStream('x1');
  change(hidden, 'secret-of-others', 9);
  await record(hidden, 'east', 'other');
  // Each stream: three linked changes, one finding opened and resolved.
  await until(() => receiver.uids().length === 10 && linesOf(path).length >= 10, 'ten events at both');
  await sleep(700);
  await forwarders.close();
  for (const event of [...receiver.events, ...linesOf(path)]) {
    assert.ok(validate(event), JSON.stringify([validate.errors, event], null, 1));
    assert.ok(!JSON.stringify(event).includes('secret-of-others'), 'another tenant’s event');
  }
  assert.deepEqual(sorted(linesOf(path).map((event) => event.metadata.uid)), sorted(receiver.uids()));
  const finding = receiver.events.filter((event) => event.class_uid === 2003);
  assert.deepEqual(sorted(finding.map((event) => event['activity_name'])), ['Close', 'Close', 'Create', 'Create']);
  assert.deepEqual(finding[0]?.['remediation'], { desc: 'Make it smaller.' });
  const [activity] = receiver.events.filter((event) => event.class_uid === 6003);
  assert.ok(JSON.stringify(activity?.['actor']).includes('"name":"alice@example.com"'));
  for (const { body, signature, authorization } of receiver.requests) {
    assert.equal(signature, `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`);
    assert.equal(authorization, 'Bearer of-the-receiver');
  }
  const text = await metrics.registry.metrics();
  assert.match(text, /driftline_forward_events_total\{sink="siem"\} 10/);
  assert.match(text, /driftline_forward_events_total\{sink="archive"\} 10/);
  await receiver.close();
});

test('a forwarder that is opened again goes on; another name starts from the beginning', async () => {
  const receiver = new Receiver();
  const url = `http://127.0.0.1:${await receiver.open()}/`;
  const agent = new AgentStream('again');
  change(agent, 'b', 9);
  await record(agent, 'north');
  const { forwarders } = open([{ name: 'siem', type: 'webhook', url }]);
  await until(() => receiver.uids().length >= 2, 'the new events');
  await sleep(700);
  await forwarders.close();
  assert.equal(receiver.events.length, 2, 'what the first test delivered is not sent again');
  const second = open([{ name: 'siem-2', type: 'webhook', url }]);
  await until(() => receiver.uids().length === 12, 'everything from the beginning');
  await second.forwarders.close();
  await receiver.close();
});

test('with the receiver down or failing nothing is lost, and the other sink does not wait', async () => {
  const port = await freePort();
  const path = join(folder, 'independent.jsonl');
  const entries = [
    { name: 'down', type: 'webhook', url: `http://127.0.0.1:${port}/` },
    { name: 'independent', type: 'file', path },
  ];
  const first = open(entries);
  const agent = new AgentStream('down1');
  for (let size = 6; size < 12; size++) change(agent, 'c', size);
  await record(agent, 'south');
  await until(() => linesOf(path).length >= 19, 'the file has everything');
  // Restarted while the receiver is away: the cursor did not move.
  await first.forwarders.close();
  const back = new Receiver();
  back.status = 503;
  await back.open(port);
  const next = open(entries);
  await until(() => back.requests.length > 0, 'a first try');
  back.status = 200;
  await until(() => back.uids().length === new Set(linesOf(path).map((event) => event.metadata.uid)).size, 'all of it');
  await next.forwarders.close();
  assert.match(await next.metrics.registry.metrics(), /driftline_forward_retries_total\{sink="down"\} [1-9]/);
  await back.close();
});

test('a crash between delivery and cursor repeats events with the same ids, and skips none', async () => {
  const receiver = new Receiver();
  const url = `http://127.0.0.1:${await receiver.open()}/`;
  const agent = new AgentStream('crash1');
  const own = () => receiver.uids().filter((uid) => uid.includes('/crash/'));
  const forwarders = [];
  for (let round = 1; round <= 4; round++) {
    change(agent, `d${round}`, 9);
    await record(agent, 'crash');
    // Never closed before the next one runs: its cursor may lag behind what it delivered.
    forwarders.push(open([{ name: 'crashing', type: 'webhook', url }]).forwarders);
    await until(() => own().length >= 2 * round, `round ${round}`);
  }
  for (const each of forwarders) await each.close();
  assert.equal(own().length, 8, 'two events a round');
  await receiver.close();
});

test('what has no commit row is not sent', async () => {
  const path = join(folder, 'torn.jsonl');
  const { connection } = timeline;
  const before = open([{ name: 'torn', type: 'file', path }]);
  await until(() => linesOf(path).length > 0, 'the past');
  const insert = `INSERT INTO finding_transitions SELECT * REPLACE (sequence + 1000 AS sequence) FROM finding_transitions WHERE cluster = 'east'`;
  const response = await fetch(`${connection.url}/?database=${connection.database}`, {
    method: 'POST',
    body: insert,
    headers: { 'X-ClickHouse-User': connection.writer.user, 'X-ClickHouse-Key': connection.writer.password },
  });
  assert.equal(response.status, 200, await response.text());
  await sleep(1_200);
  await before.forwarders.close();
  assert.deepEqual(
    linesOf(path).filter((event) => /:1\d{3}\b/.test(event.metadata.uid)),
    [],
  );
});

test('a forwarders file that is wrong is refused by position, without its secrets', () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{}, /forwarders/],
    [{ forwarders: [{ name: 'a', type: 'webhook', url: 'ftp://x' }] }, /forwarders\.0\.url/],
    [{ forwarders: [{ name: 'a/b', type: 'file', path: 'x' }] }, /forwarders\.0\.name/],
    [{ forwarders: [{ name: 'a', type: 'file', path: 'x', secrt: 'hunter2-hunter2-hunter2' }] }, /forwarders\.0/],
    [
      { forwarders: [{ name: 'a', type: 'webhook', url: 'http://x', headers: { 'x-a': 'hunter2\r\nx: y' } }] },
      /headers/,
    ],
    [{ forwarders: [1, 2].map(() => ({ name: 'a', type: 'file', path: 'x' })) }, /same name/],
  ];
  for (const [value, message] of wrong) {
    assert.throws(
      () => parseForwarders(value),
      (error: Error) => message.test(error.message) && !error.message.includes('hunter2'),
      JSON.stringify(value),
    );
  }
});
