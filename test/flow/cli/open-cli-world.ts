/** A collector with two clusters' stories in it, and the `driftline` command to ask about them. */
import { apiExtension, createTokenBook, openCollector, parseConfig } from '@driftline/collector';
import type { Collector } from '@driftline/collector';
import type { JsonObject, ObjectRef } from '@driftline/proto';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type Run, runInProcess } from '../../../cli/src/testing/run-in-process.ts';
import { AgentStream } from '../../fakes/agent-stream.ts';
import { bareEnvironment } from '../../fakes/embedded/process.ts';

export const readerToken = 'reader-token-of-the-cli-test';
/** Escape sequences, a line break, and text that runs backwards. */
export const hostile = 'evil\u001b[2J\u001b[31m\r\nfake line\u202etxt.exe\u009b5m';

export type CliWorld = {
  readonly url: string;
  readonly collector: Collector;
  /** The folder of its own policies. */
  readonly policies: string;
  /** Moments of the story, RFC 3339. */
  readonly moments: { readonly beforeHotfix: string; readonly afterHotfix: string };
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Run>;
  /** With the binary. */
  runBinary(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Run>;
  close(): Promise<void>;
};

const root = join(import.meta.dirname, '../../..');
export const binary = join(root, 'cli/bin/driftline.mjs');

const nowhere = (env: Readonly<Record<string, string>>) => ({ ...bareEnvironment(), HOME: tmpdir(), ...env });

/** Runs the command in this process, in UTC. */
export function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  process.env['TZ'] = 'UTC';
  return runInProcess(args, nowhere(env));
}

/** The same with the binary, as a process. */
export function runBinary(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  const child = spawn(process.execPath, [binary, ...args], {
    cwd: tmpdir(),
    env: nowhere(env),
  });
  const text = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, ...text })));
}

export async function openCliWorld(): Promise<CliWorld> {
  const dataDir = mkdtempSync(join(tmpdir(), 'driftline-cli-'));
  const policies = exceptionsIn(join(dataDir, 'policies'));
  const folders = { '--data-dir': join(dataDir, 'data'), '--policy-dirs': policies };
  const listeners = ['--listen', '127.0.0.1:0', '--api-listen', '127.0.0.1:0'];
  const config = parseConfig({}, [...Object.entries(folders).flat(), ...listeners]);
  let url = '';
  const collector = await openCollector({
    config,
    logger: pino({ level: 'silent' }),
    tokens: createTokenBook([
      { token: readerToken, role: 'reader' },
      { token: 'agent-token-of-prod-shop', cluster: 'prod', role: 'agent' },
    ]),
    extensions: [
      apiExtension((listening) => {
        url = listening;
      }),
    ],
  });
  const moments = await tell(collector);
  const connection = { DRIFTLINE_URL: url, DRIFTLINE_TOKEN: readerToken };
  return {
    url,
    collector,
    policies,
    moments,
    run: (args, env) => runCli(args, { ...connection, ...env }),
    runBinary: (args, env) => runBinary(args, { ...connection, ...env }),
    async close() {
      await collector.close();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

// oxlint-disable-next-line no-control-regex -- what a terminal would obey
const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** Runs, and expects the exit code; nothing a terminal would obey may come out. */
export async function expectCli(world: CliWorld, status: number, args: readonly string[]): Promise<string> {
  const run = await world.run(args);
  assert.equal(run.status, status, `driftline ${args.join(' ')}\n${run.out}\n${run.err}`);
  assert.ok(!obeyed.test(run.out) && !obeyed.test(run.err), `driftline ${args.join(' ')} lets control characters out`);
  assert.ok(!/\n {4}at /.test(run.err), run.err);
  return status === 0 || status === 1 ? run.out : run.err;
}

/** One that holds nothing, one that has ended. */
function exceptionsIn(path: string): string {
  mkdirSync(path, { recursive: true });
  const rest = 'controls: [DL-POD-001]\nowner: team-a\napprover: alice\nreason: soon\nscope: { namespaces: [none] }\n';
  for (const [id, expires] of [
    ['EX-ended', '2020-01-01'],
    ['EX-idle', '2999-01-01'],
  ])
    writeFileSync(
      join(path, `${id}.yaml`),
      `apiVersion: driftline.dev/v1\nkind: Exception\nid: ${id}\nexpires: ${expires}\n${rest}`,
    );
  return path;
}

const ref = (group: string, kind: string, namespace: string, name: string): ObjectRef => ({
  group,
  resource: kind === 'Ingress' ? 'ingresses' : `${kind.toLowerCase()}s`,
  kind,
  namespace,
  name,
  uid: `uid-${kind}-${name}`,
});
const web = ref('apps', 'Deployment', 'shop', 'web');
const binding = ref('rbac.authorization.k8s.io', 'RoleBinding', 'shop', 'oncall');
const owned = { owner: 'shop', environment: 'prod', 'data-classification': 'internal', app: 'web' };

const deployment = (image: string, replicas: number, annotations: JsonObject = {}): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop', labels: owned, annotations },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: owned },
      spec: { containers: [{ name: 'web', image, resources: { limits: { cpu: '1', memory: '128Mi' } } }] },
    },
  },
});
const roleBinding = (role: string): JsonObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: { name: 'oncall', namespace: 'shop', labels: owned },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: [{ kind: 'User', name: 'alice@example.com', apiGroup: 'rbac.authorization.k8s.io' }],
});
const pod = (name: string): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', annotations: { 'kubernetes.io/change-cause': hostile } },
  spec: { containers: [{ name: 'debug', image: 'busybox:latest', securityContext: { privileged: true } }] },
});

type Who = { readonly user: string; readonly agent: string; readonly verb: string };

function audit(agent: AgentStream, object: ObjectRef, { user, agent: userAgent, verb }: Who): void {
  const at = new Date(agent.nowUs / 1_000).toISOString();
  const event = {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    auditID: `${object.name}-${agent.lastVersion}`,
    level: 'RequestResponse',
    stage: 'ResponseComplete',
    verb,
    user: { username: user, groups: ['system:authenticated'] },
    sourceIPs: ['192.0.2.7'],
    userAgent,
    requestURI: '/',
    objectRef: { resource: object.resource, apiGroup: object.group, namespace: object.namespace, name: object.name },
    responseStatus: { code: 200 },
    responseObject: { metadata: { uid: object.uid, resourceVersion: agent.lastVersion } },
    requestReceivedTimestamp: at,
    stageTimestamp: at,
  };
  const digest = `audit-${object.name}-${agent.lastVersion}-${agent.epoch}`;
  agent.send({ type: 'audit', digest, event: JSON.stringify(event), source: 'webhook' });
}

const minuteUs = 60_000_000;
const rfc3339 = (us: number): string => new Date(us / 1_000).toISOString();

async function tell(collector: Collector): Promise<CliWorld['moments']> {
  const agent = new AgentStream('epoch-of-prod', (Date.now() - 3 * 3_600_000) * 1_000);
  for (const object of [web, binding, ref('', 'Pod', '', ''), ref('', 'Namespace', '', '')]) {
    const { group, resource, kind } = object;
    agent.send({ type: 'coverage', group, resource, kind, state: 'watched', reason: '' });
  }
  agent.send({
    type: 'coverage',
    group: '',
    resource: 'secrets',
    kind: 'Secret',
    state: 'forbidden',
    reason: 'may not list secrets',
  });
  agent.put(web, deployment('registry.example.com/web:1.0', 2), { op: 'snapshot' });
  agent.put(binding, roleBinding('view'), { op: 'snapshot' });
  agent.wait(60 * minuteUs);
  agent.put(
    web,
    deployment('registry.example.com/web:1.1', 2, {
      'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:shop/web',
    }),
    {
      managers: [
        {
          manager: 'argocd-controller',
          operation: 'Apply',
          subresource: '',
          timeUs: agent.nowUs,
          paths: ['/spec/template'],
        },
      ],
    },
  );
  agent.wait(30 * minuteUs);
  const beforeHotfix = rfc3339(agent.nowUs);
  agent.put(binding, roleBinding('cluster-admin'));
  audit(agent, binding, {
    user: 'alice@example.com',
    agent: 'kubectl/v1.36.0 (linux/amd64) kubernetes/abc',
    verb: 'patch',
  });
  agent.wait(minuteUs);
  const afterHotfix = rfc3339(agent.nowUs);
  const debug = ref('', 'Pod', 'shop', 'debug');
  agent.put(debug, pod('debug'));
  audit(agent, debug, { user: hostile, agent: hostile, verb: 'create' });
  agent.put(ref('', 'Pod', 'shop', hostile), pod(hostile));
  agent.wait(minuteUs);
  agent.send({ type: 'audit', digest: 'audit-torn', event: '{"torn": ', source: 'webhook' });
  agent.remove(debug);
  agent.send({
    type: 'gap',
    group: 'apps',
    resource: 'deployments',
    fromVersion: '1',
    toVersion: '9',
    fromUs: agent.nowUs,
    toUs: agent.nowUs + 10 * minuteUs,
    cause: 'relist',
    detail: 'the watch window was over',
    fromSequence: 0,
    toSequence: 0,
  });
  await record(collector, agent, 'prod');
  const other = new AgentStream('epoch-of-staging', (Date.now() - 600_000) * 1_000);
  other.send({
    type: 'coverage',
    group: 'apps',
    resource: 'deployments',
    kind: 'Deployment',
    state: 'watched',
    reason: '',
  });
  other.put(web, deployment('registry.example.com/web:1.2', 1));
  await record(collector, other, 'staging');
  return { beforeHotfix, afterHotfix };
}

async function record(collector: Collector, agent: AgentStream, cluster: string): Promise<void> {
  const batch = agent.cut();
  if (batch === undefined) return;
  const stream = { tenant: 'default', cluster, epoch: agent.epoch };
  await collector.parts.pipeline?.handle([{ stream, oldestSequence: agent.oldestSequence, batch }]);
}
