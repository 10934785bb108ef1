/** The whole collector as settings make it: a real agent stream in, status, metrics and forwarded events out. */
import * as grpc from '@grpc/grpc-js';
import {
  agentFrame,
  type ApiChange,
  type ApiException,
  type ApiFinding,
  type ApiStatus,
  canonicalJson,
  collectorFrame,
  contentHash,
  encodeMessages,
  type Message,
  protocolVersion,
  uplinkServicePath,
} from '@driftline/proto';
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { type Collector, openCollector } from '../collector.ts';
import { parseConfig } from '../config.ts';
import { forwardersExtension } from '../notify/forwarders-extension.ts';
import { apiExtension } from './api-extension.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftline-composition-'));
const agentToken = 'agent-token-of-this-test';
const readerToken = 'reader-token-of-this-test';
const policies = join(folder, 'policies');
mkdirSync(policies);
const events = join(folder, 'events.jsonl');
const file = (name: string, content: unknown): string => {
  writeFileSync(join(folder, name), JSON.stringify(content));
  return join(folder, name);
};

let collector: Collector;
let url = '';
before(async () => {
  const config = parseConfig({
    DRIFTLINE_DATA_DIR: join(folder, 'data'),
    DRIFTLINE_LISTEN: '127.0.0.1:0',
    DRIFTLINE_API_LISTEN: '127.0.0.1:0',
    DRIFTLINE_TOKENS_FILE: file('tokens.json', {
      tokens: [
        { token: agentToken, cluster: 'east', role: 'agent' },
        { token: readerToken, role: 'reader' },
      ],
    }),
    DRIFTLINE_POLICY_DIRS: policies,
    DRIFTLINE_FORWARDERS_FILE: file('forwarders.json', {
      forwarders: [{ name: 'archive', type: 'file', path: events }],
    }),
  });
  const api = apiExtension((listening) => {
    url = listening;
  });
  collector = await openCollector({
    config,
    logger: pino({ level: 'silent' }),
    extensions: [api, forwardersExtension],
  });
});
after(async () => {
  await collector.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

async function get<T>(path: string, token = readerToken): Promise<T> {
  const response = await fetch(`${url}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 200, path);
  return (await response.json()) as T;
}

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 120_000; !(await condition()); await sleep(30))
    assert.ok(Date.now() < deadline, `never: ${what}`);
}

const raw = (bytes: Buffer): Buffer => bytes;

/** An agent's stream: what it sends now, and the last sequence that was acknowledged as recorded. */
function connect(address: string) {
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${agentToken}`);
  const call = client.makeBidiStreamRequest(uplinkServicePath, raw, raw, metadata);
  const state = { welcomed: false, recorded: 0 };
  call.on('error', () => {});
  call.on('data', (bytes: Buffer) => {
    const frame = collectorFrame.decode(bytes);
    if (frame.type === 'welcome') state.welcomed = true;
    if (frame.type === 'ack') state.recorded = Math.max(state.recorded, frame.recordedSequence);
  });
  return {
    state,
    send: (frame: Parameters<typeof agentFrame.encode>[0]) => call.write(Buffer.from(agentFrame.encode(frame))),
    close() {
      call.cancel();
      client.close();
    },
  };
}

function messages(): readonly Message[] {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'debug', namespace: 'shop' },
    spec: { containers: [{ name: 'debug', image: 'busybox', securityContext: { privileged: true } }] },
  };
  const full = canonicalJson(pod);
  const nowUs = Date.now() * 1_000;
  const kind = { group: '', resource: 'pods', kind: 'Pod' };
  return [
    { observedAtUs: nowUs, body: { type: 'coverage', ...kind, state: 'watched', reason: '' } },
    {
      observedAtUs: nowUs + 1,
      body: {
        type: 'delta',
        ref: { ...kind, namespace: 'shop', name: 'debug', uid: 'u1' },
        apiVersion: 'v1',
        resourceVersion: '7',
        op: 'created',
        baseHash: '',
        contentHash: contentHash(full, (text) => hash('sha256', text, 'hex')),
        full,
        patch: undefined,
        managers: [],
        synthesised: false,
        notBeforeUs: nowUs - 1_000,
        versionSwitch: false,
      },
    },
  ];
}

test('what an agent sends is answered, counted and forwarded; its session shows while it lasts, and after', async () => {
  assert.ok(collector.gatewayAddress);
  const agent = connect(collector.gatewayAddress);
  agent.send({
    type: 'hello',
    protocol: protocolVersion,
    cluster: 'East',
    clusterUid: 'uid-of-the-cluster',
    epoch: 'epoch-1',
    instance: 'i1',
    firstSequence: 1,
    lastSequence: 2,
    agentVersion: '0.1.0',
    kubernetesVersion: 'v1.36.2',
    redactionKeyId: 'k',
  });
  await until(() => agent.state.welcomed, 'welcome');
  const payload = encodeMessages(messages());
  agent.send({
    type: 'batch',
    batch: { firstSequence: 1, lastSequence: 2, compression: 'none', uncompressedBytes: payload.byteLength, payload },
  });
  await until(() => agent.state.recorded === 2, 'recorded');

  const [change] = (await get<{ items: ApiChange[] }>('log')).items;
  assert.deepEqual([change?.id, change?.object.name, change?.op], ['epoch-1:2', 'debug', 'created']);
  const findings = (await get<{ items: ApiFinding[] }>('findings?control=DL-POD-001')).items;
  assert.equal(findings.length, 1);
  assert.ok((findings[0]?.remediation?.summary ?? '') !== '', 'the loaded bundle gives the remedy');

  const live = (await get<ApiStatus>('status')).agents[0];
  assert.deepEqual(
    [live?.connected, live?.recordedSequence, live?.lastSequence, live?.kubernetesVersion, live?.objects],
    [true, 2, 2, 'v1.36.2', 1],
  );
  agent.close();
  await until(async () => (await get<ApiStatus>('status')).agents[0]?.connected === false, 'away');
  const away = (await get<ApiStatus>('status')).agents[0];
  assert.deepEqual([away?.agentVersion, away?.kubernetesVersion], ['0.1.0', 'v1.36.2'], 'from the stored session');

  await until(() => existsSync(events) && readFileSync(events, 'utf8').includes('DL-POD-001'), 'forwarded');
  // Counted once it is on the disk, which is after it can be read.
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  const isCounted = async () => /driftline_forward_events_total\{sink="archive"\} [1-9]/.test(await metrics());
  await until(isCounted, 'counted');
  assert.match(await metrics(), /driftline_apply_versions_total 1/);
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
});

test('policies that change are in force without a restart; refused ones are said and change nothing', async () => {
  // Two looks: what is still being written is left alone.
  const look = async (): Promise<void> => {
    await collector.parts.policies.look();
    await collector.parts.policies.look();
  };
  const findings = (state: string) =>
    get<{ items: ApiFinding[] }>(`findings?control=DL-POD-001&state=${state}`).then(({ items }) => items);
  const { bundle: before } = await get<ApiStatus>('status');
  const exception = {
    apiVersion: 'driftline.dev/v1',
    kind: 'Exception',
    id: 'EX-1',
    controls: ['DL-POD-001'],
    scope: { clusters: ['east'], namespaces: ['shop'] },
    owner: 'team-a',
    approver: 'alice@example.org',
    reason: 'soon',
    expires: '2999-01-01',
  };
  writeFileSync(join(policies, 'ex.yaml'), JSON.stringify(exception));
  await look();
  const { bundle } = await get<ApiStatus>('status');
  assert.notEqual(bundle, before);
  await until(async () => (await findings('excepted')).length === 1, 'judged again');
  const [excepted] = await findings('excepted');
  assert.deepEqual([excepted?.exception, excepted?.bundle], ['EX-1', bundle]);
  const { items } = await get<{ items: ApiException[] }>('exceptions');
  assert.deepEqual(
    items.map(({ id, held }) => [id, held]),
    [['EX-1', 1]],
  );

  writeFileSync(join(policies, 'bad.yaml'), 'kind: Nothing\n');
  await look();
  const refused = await get<ApiStatus>('status');
  assert.deepEqual([refused.bundle, refused.policies.refused?.problems[0]?.line], [bundle, 1]);
  assert.match(refused.policies.refused?.problems[0]?.file ?? '', /bad\.yaml$/);
  rmSync(join(policies, 'bad.yaml'));
  rmSync(join(policies, 'ex.yaml'));
  await look();
  await until(async () => (await findings('open')).length === 1, 'open again');
  const after = await get<ApiStatus>('status');
  assert.notEqual(after.bundle, bundle);
  assert.equal(after.policies.refused, null);
});

test('an agent’s token reads nothing', async () => {
  const response = await fetch(`${url}/api/v1/log`, { headers: { authorization: `Bearer ${agentToken}` } });
  assert.equal(response.status, 401);
});
