/** How an agent starts, says what is wrong, and begins anew: against the practice cluster and a scripted collector. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openAgent, parseConfig } from '@driftline/agent';
import type { Agent, AgentConfig } from '@driftline/agent';
import type { Message } from '@driftline/proto';
import { pino } from 'pino';
import { openScriptedCollector } from '../../agent/src/uplink/scripted-collector.ts';
import type { ScriptedStream, Script } from '../../agent/src/uplink/scripted-collector.ts';
import { answerDigests, messagesOf as messagesOfBatch } from '../fakes/scripted-verdicts.ts';
import { openPracticeCluster } from '../fakes/practice-cluster/index.ts';
import type { PracticeCluster } from '../fakes/practice-cluster/index.ts';

type Setting = {
  readonly directory: string;
  readonly cluster: PracticeCluster;
  readonly streams: readonly ScriptedStream[];
  readonly open: (flags?: Readonly<Record<string, string>>) => Promise<Agent>;
};

async function withAgents(script: Script, test: (setting: Setting) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'driftline-start-'));
  const cluster = await openPracticeCluster({ controllers: false });
  const collector = await openScriptedCollector(script);
  const agents: Agent[] = [];
  await writeFile(join(directory, 'kubeconfig'), cluster.kubeconfigFor('admin'));
  try {
    await test({
      directory,
      cluster,
      streams: collector.streams,
      async open(flags = {}) {
        const all = {
          cluster: 'start',
          collector: `http://127.0.0.1:${collector.port}`,
          'state-dir': join(directory, 'state'),
          'redaction-key-file': join(directory, 'key'),
          kubeconfig: join(directory, 'kubeconfig'),
          'health-listen': '127.0.0.1:0',
          include: 'configmaps,namespaces',
          ...flags,
        };
        const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
        const config = parseConfig([...args, '--create-redaction-key'], {}) as AgentConfig;
        const agent = await openAgent(config, { logger: pino({ level: 'silent' }) });
        agents.push(agent);
        return agent;
      },
    });
  } finally {
    for (const agent of agents) await agent.close();
    await collector.close();
    await cluster.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

const messagesOf = (stream: ScriptedStream): Message[] => stream.batches.flatMap(messagesOfBatch);

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; waited < 6_000; waited++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never happened: ${what}`);
}

/** `connecting` is ready as well; these wait for the stream. */
const isStreaming = (agent: Agent): boolean =>
  agent.readiness().every(({ name, isGood, message }) => isGood && (name !== 'uplink' || message === 'connected'));

const fetchText = async (agent: Agent, path: string): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${agent.healthPort}${path}`);
  return `${response.status} ${await response.text()}`;
};

const taking: Script = {
  onHello: (stream) => stream.welcome(0),
  onBatch(stream, batch) {
    answerDigests(stream, batch);
    stream.ack(batch.lastSequence);
  },
};

describe('the agent', () => {
  it('gets ready, shows its health and metrics, and says what of the audit stream it sees', async () => {
    await withAgents(taking, async ({ open, streams }) => {
      const agent = await open({ 'audit-webhook-listen': '127.0.0.1:0' });
      await until(() => isStreaming(agent), 'readiness');
      assert.match(await fetchText(agent, '/healthz'), /^200 ok/);
      assert.match(await fetchText(agent, '/readyz'), /^200 .*uplink: connected/s);
      assert.match(await fetchText(agent, '/metrics'), /driftline_agent_spool_last_sequence [1-9]/);
      assert.match(await fetchText(agent, '/other'), /^404/);
      assert.ok(agent.auditWebhookPort > 0);
      const { hello } = streams[0]!;
      assert.ok(hello.clusterUid !== '' && hello.kubernetesVersion !== '' && hello.redactionKeyId !== '');
      await until(() => messagesOf(streams[0]!).some(({ body }) => body.type === 'kind-digest'), 'the first list');
      const coverage = messagesOf(streams[0]!).find(
        ({ body }) => body.type === 'coverage' && body.group === 'audit.k8s.io',
      );
      assert.ok(coverage?.body.type === 'coverage' && coverage.body.state === 'watched');
    });
  });

  it('says what is wrong with the cluster it should watch', async () => {
    await withAgents(taking, async ({ open, directory, cluster }) => {
      await assert.rejects(open({ kubeconfig: join(directory, 'missing') }), (error: Error & { code: string }) => {
        assert.equal(error.code, 'api-server');
        assert.match(error.message, /missing.*--kubeconfig/);
        return true;
      });
      await assert.rejects(open({ context: 'nowhere' }), /nowhere.*--context/);
      const stale = cluster.kubeconfigFor('admin').replaceAll(/"token":\s*"[^"]+"/g, '"token":"not-a-token"');
      await writeFile(join(directory, 'stale'), stale);
      await assert.rejects(open({ kubeconfig: join(directory, 'stale') }), /does not accept the agent's credentials/);
    });
  });

  it('a second agent on the same state is refused, and the first goes on', async () => {
    await withAgents(taking, async ({ open }) => {
      const agent = await open();
      await assert.rejects(open(), { code: 'locked' });
      await until(() => agent.readiness().every((check) => check.isGood), 'readiness');
    });
  });

  it('is not ready while the collector does not know its token, and says so', async () => {
    const script: Script = {
      onHello(stream) {
        const message = 'the token is not known to this collector';
        stream.send({ type: 'refused', code: 'unauthenticated', message, retryable: true, retryAfterMs: 60_000 });
        stream.end();
      },
    };
    await withAgents(script, async ({ open, directory }) => {
      await writeFile(join(directory, 'token'), 'wrong');
      const agent = await open({ 'token-file': join(directory, 'token') });
      await until(() => agent.readiness().some((check) => !check.isGood && check.name === 'uplink'), 'the refusal');
      assert.match(await fetchText(agent, '/readyz'), /^503 .*unauthenticated.*the token is not known/s);
      assert.match(await fetchText(agent, '/healthz'), /^200/);
    });
  });

  it('begins a new epoch when the collector has more of this one than the spool ever held', async () => {
    const script: Script = {
      onHello: (stream) => stream.welcome(stream.number === 0 ? 1_000_000 : 0),
      onBatch: (stream, batch) => stream.ack(batch.lastSequence),
    };
    await withAgents(script, async ({ open, streams }) => {
      const agent = await open();
      await until(() => streams.length === 2, 'a second stream');
      assert.notEqual(streams[1]!.hello.epoch, streams[0]!.hello.epoch);
      assert.deepEqual(streams[0]!.batches, []);
      await until(
        () => messagesOf(streams[1]!).filter(({ body }) => body.type === 'kind-digest').length === 2,
        'both kinds',
      );
      const [first] = messagesOf(streams[1]!);
      assert.ok(first?.body.type === 'gap' && first.body.cause === 'epoch_start');
      assert.match(first.body.detail, new RegExp(`${streams[0]!.hello.epoch}.*was abandoned`));
      assert.equal(streams[1]!.batches[0]!.firstSequence, 1);
      await until(() => agent.readiness().every((check) => check.isGood), 'readiness');
    });
  });

  it('known objects that are lost call for a new epoch: what was compared and not sent is in no message', async () => {
    await withAgents(taking, async ({ open, streams, directory, cluster }) => {
      const first = await open();
      const actor = cluster.actor({ user: 'w', userAgent: 'w', sourceIp: '192.0.2.1', isTrusted: true });
      await until(() => isStreaming(first), 'readiness');
      const { epoch } = streams[0]!.hello;
      await first.close();
      for (const suffix of ['', '-wal', '-shm'])
        await rm(join(directory, 'state', `known.db${suffix}`), { force: true });
      const second = await open();
      await until(() => streams.length === 2, 'the second stream');
      assert.notEqual(streams[1]!.hello.epoch, epoch);
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'later', namespace: 'default' }, data: {} };
      assert.equal(actor.request('POST', '/api/v1/namespaces/default/configmaps', body).status, 201);
      await until(
        () => messagesOf(streams[1]!).some(({ body }) => body.type === 'delta' && body.ref.name === 'later'),
        'the change',
      );
      await second.close();
    });
  });

  it('answers what the collector wants whole: what exists as it is, what does not as deleted', async () => {
    const refs = ['kube-root-ca.crt', 'never-was'].map((name) => {
      return { group: '', resource: 'configmaps', kind: 'ConfigMap', namespace: 'default', name, uid: 'u' };
    });
    await withAgents(
      { ...taking, onBatch: (stream, batch) => stream.ack(batch.lastSequence) },
      async ({ open, streams, cluster }) => {
        const actor = cluster.actor({ user: 'w', userAgent: 'w', sourceIp: '192.0.2.1', isTrusted: true });
        const body = {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: refs[0]!.name, namespace: 'default' },
          data: {},
        };
        actor.request('POST', '/api/v1/namespaces/default/configmaps', body);
        const agent = await open();
        await until(() => isStreaming(agent), 'readiness');
        await until(
          () => messagesOf(streams[0]!).filter(({ body }) => body.type === 'kind-digest').length === 2,
          'lists',
        );
        const before = messagesOf(streams[0]!).length;
        streams[0]!.send({ type: 'need-full', objects: refs });
        const answers = () =>
          messagesOf(streams[0]!)
            .slice(before)
            .flatMap(({ body }) => (body.type === 'delta' ? [body] : []));
        await until(() => answers().length === 2, 'both answers');
        const byName = new Map(answers().map((delta) => [delta.ref.name, delta]));
        assert.equal(byName.get('kube-root-ca.crt')?.op, 'snapshot');
        assert.ok(byName.get('kube-root-ca.crt')?.full !== undefined);
        assert.equal(byName.get('never-was')?.op, 'deleted');
      },
    );
  });
});
