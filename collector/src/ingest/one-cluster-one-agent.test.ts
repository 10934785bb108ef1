/** Which cluster a name stands for and which agent holds it, with the real store between two gateways. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { openMemoryBus } from '../bus/memory-bus.ts';
import { createMetrics } from '../metrics.ts';
import { openClusterBindings } from '../timeline/bindings/cluster-bindings.ts';
import { openClusterClaims } from '../timeline/bindings/cluster-claims.ts';
import { type TestStore, openTestStore, silent } from '../timeline/testing/open-test-store.ts';
import { type Gateway, openGateway } from './gateway.ts';
import { defaultIngestLimits } from './limits.ts';
import type { IngestLimits } from './limits.ts';
import { TestAgent, batch, hello, until } from './testing/test-agent.ts';
import { createTokenBook } from './tokens.ts';

const tokenOf = (cluster: string): string => `agent-token-of-${cluster}`;
const clusters = Array.from({ length: 20 }, (_, at) => `cluster-${at}`);
const tokens = clusters.map((cluster) => ({ token: tokenOf(cluster), cluster, role: 'agent' as const }));

let store: TestStore;
const cleanups: (() => Promise<void> | void)[] = [];
before(async () => {
  store = await openTestStore();
});
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
  await store.close();
});

type TestGateway = Gateway & {
  readonly taken: string[];
  /** The log, a line a string. */
  readonly lines: string[];
  readonly refusals: () => Promise<Readonly<Record<string, number>>>;
  agent(cluster: string): TestAgent;
};

const openOne = async (
  limits: Partial<IngestLimits> = {},
  declared: readonly { readonly cluster: string; readonly uid: string }[] = [],
  now: () => number = Date.now,
): Promise<TestGateway> => {
  const bus = openMemoryBus();
  const taken: string[] = [];
  void bus.reader.run({
    handle: async (batches) => {
      for (const { stream } of batches) taken.push(`${stream.cluster}/${stream.epoch}`);
    },
    lost: async () => {},
  });
  const lines: string[] = [];
  const bindings = openClusterBindings(store.connection);
  const metrics = createMetrics();
  const all = { ...defaultIngestLimits, ...limits };
  const gateway = await openGateway({
    listen: { host: '127.0.0.1', port: 0, allowPlaintext: false },
    tokens: createTokenBook(tokens, declared),
    bus: bus.writer,
    watermark: async () => 0,
    bindings,
    openClaims: (onLost) => openClusterClaims({ connection: store.connection, limits: all, logger: silent, onLost }),
    limits: all,
    metrics,
    logger: pino({ base: null }, { write: (line) => void lines.push(line) }),
    now,
  });
  let isClosed = false;
  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    await gateway.close();
    await bus.writer.close();
    await bindings.close();
  };
  cleanups.push(close);
  const refusals = async () =>
    Object.fromEntries((await metrics.refused.get()).values.map(({ labels, value }) => [labels.code, value]));
  const agent = (cluster: string): TestAgent => {
    const made = new TestAgent(gateway.port, tokenOf(cluster));
    cleanups.push(() => made.close());
    return made;
  };
  return { ...gateway, close, taken, lines, refusals, agent };
};

const ask = <Row>(text: string): Promise<readonly Row[]> => store.reader.all<Row>({ name: 'test', text }, {});
const bindingsOf = async (cluster: string): Promise<readonly string[]> => {
  const text = `SELECT cluster_uid, cause FROM cluster_bindings WHERE cluster = '${cluster}' ORDER BY binding_ordinal`;
  return (await ask<{ clusterUid: string; cause: string }>(text)).map(
    ({ clusterUid, cause }) => `${clusterUid} ${cause}`,
  );
};
const sent = { firstSequence: 1, lastSequence: 1 };

describe('one cluster, one agent', { concurrency: true }, () => {
  test('after a restart, an agent of another cluster with the same token is refused, and leaves no trace but a count and a line', async () => {
    const first = await openOne();
    const rightful = first.agent('cluster-0').send(hello());
    await rightful.next('welcome');
    await first.close();
    const second = await openOne();
    const stranger = second
      .agent('cluster-0')
      .send(hello({ epoch: 'e2', clusterUid: 'uid-2', ...sent }))
      .send(batch(1));
    const refused = await stranger.next('refused');
    assert.deepEqual([refused.code, refused.retryable], ['cluster-mismatch', false]);
    assert.doesNotMatch(refused.message, /uid-1/, 'whose name it is, is not for the stranger');
    await stranger.ended.promise;
    assert.deepEqual([second.taken, second.liveSessions()], [[], []]);
    assert.deepEqual(await second.refusals(), { 'cluster-mismatch': 1 });
    const line = second.lines.find((each) => each.includes('session-refused')) ?? '';
    const { advice, cluster, peer } = JSON.parse(line) as Record<string, string>;
    assert.equal(cluster, 'cluster-0');
    assert.ok(peer !== undefined);
    assert.match(
      advice ?? '',
      /uid uid-1.*is in uid-2.*\{"tenant":"default","cluster":"cluster-0","uid":"uid-2"\} under "clusters"/,
    );
    assert.deepEqual(await bindingsOf('cluster-0'), ['uid-1 first-seen']);
    assert.equal(
      (await ask(`SELECT 1 AS n FROM cluster_claims WHERE cluster = 'cluster-0' AND epoch = 'e2'`)).length,
      0,
    );
    const back = second.agent('cluster-0').send(hello());
    await back.next('welcome');
  });

  test('an agent of another cluster with a copy of the state cannot end the stream of the rightful one', async () => {
    const gateway = await openOne();
    const rightful = gateway.agent('cluster-1').send(hello(sent));
    await rightful.next('welcome');
    const copy = gateway.agent('cluster-1').send(hello({ clusterUid: 'uid-2' }));
    assert.equal((await copy.next('refused')).code, 'cluster-mismatch');
    const silentOne = gateway.agent('cluster-1').send(hello({ clusterUid: '' }));
    assert.equal((await silentOne.next('refused')).code, 'cluster-mismatch');
    rightful.send(batch(1));
    await until(() => gateway.taken.length === 1, 'the batch of the rightful agent');
  });

  test('who is refused as a second agent binds nothing', async () => {
    const gateway = await openOne();
    const nameless = gateway.agent('cluster-2').send(hello({ clusterUid: '' }));
    await nameless.next('welcome');
    const second = gateway.agent('cluster-2').send(hello({ epoch: 'e2', clusterUid: 'uid-2' }));
    assert.equal((await second.next('refused')).code, 'already-claimed');
    assert.deepEqual(await bindingsOf('cluster-2'), []);
  });

  test('an operator gives the name to a rebuilt cluster: declared, recorded, and the old cluster is refused', async () => {
    const before = await openOne();
    await before.agent('cluster-3').send(hello()).next('welcome');
    await before.close();
    const declared = await openOne({}, [{ cluster: 'cluster-3', uid: 'uid-new' }]);
    assert.equal((await declared.agent('cluster-3').send(hello()).next('refused')).code, 'cluster-mismatch');
    assert.deepEqual(await bindingsOf('cluster-3'), ['uid-1 first-seen']);
    await declared
      .agent('cluster-3')
      .send(hello({ epoch: 'e2', clusterUid: 'uid-new' }))
      .next('welcome');
    assert.deepEqual(await bindingsOf('cluster-3'), ['uid-1 first-seen', 'uid-new declared']);
    await declared.close();
    const later = await openOne();
    assert.equal((await later.agent('cluster-3').send(hello()).next('refused')).code, 'cluster-mismatch');
    await later
      .agent('cluster-3')
      .send(hello({ epoch: 'e2', clusterUid: 'uid-new' }))
      .next('welcome');
  });

  test('two clusters that come under one new name at two gateways at once: one gets it', async () => {
    const gateways = [await openOne(), await openOne()] as const;
    for (const cluster of clusters.slice(10)) {
      const agents = gateways.map((gateway, at) =>
        gateway.agent(cluster).send(hello({ epoch: `e${at}`, instance: `i${at}`, clusterUid: `uid-${at}` })),
      );
      const codeOf = ({ frames }: TestAgent): string =>
        frames.map((frame) => (frame.type === 'refused' ? frame.code : frame.type))[0] ?? '';
      await until(() => agents.every((agent) => codeOf(agent) !== ''), 'an answer to both');
      const codes = agents.map(codeOf);
      assert.equal(codes.filter((code) => code === 'welcome').length, 1, codes.join());
      assert.ok(
        codes.some((code) => code === 'already-claimed' || code === 'cluster-mismatch'),
        codes.join(),
      );
      assert.deepEqual(await bindingsOf(cluster), [`uid-${codes.indexOf('welcome')} first-seen`]);
    }
  });

  test('a second agent at another gateway is refused, the first goes on, and the second gets in when the first leaves', async () => {
    const [one, other] = [await openOne(), await openOne()];
    const first = one.agent('cluster-4').send(hello(sent));
    await first.next('welcome');
    const second = hello({ epoch: 'e2', instance: 'i2' });
    const refused = await other.agent('cluster-4').send(second).next('refused');
    assert.deepEqual([refused.code, refused.retryable], ['already-claimed', true]);
    assert.match(other.lines.join(''), /instance i1 with epoch e1 holds it: stop one of the two/);
    first.send(batch(1));
    await until(() => one.taken.length === 1, 'the batch of the first');
    first.close();
    await until(() => one.liveSessions().length === 0, 'the first to go');
    await until(async () => {
      const again = other.agent('cluster-4').send(second);
      await until(() => again.frames.length > 0, 'an answer');
      return again.frames[0]?.type === 'welcome';
    }, 'the second to get in');
  });

  test('a gateway that died holds a cluster no longer than the timeout of its claims; a living one renews them', async () => {
    const dead = openClusterClaims({
      connection: store.connection,
      limits: { claimTimeoutMs: 60_000, claimRenewalIntervalMs: 3_600_000 },
      logger: silent,
      onLost: () => undefined,
    });
    cleanups.push(() => dead.close());
    const stream = { tenant: 'default', cluster: 'cluster-5', epoch: 'e1' };
    assert.equal((await dead.take(stream, 'i1')).type, 'taken');
    const second = hello({ epoch: 'e2', instance: 'i2' });
    const patient = await openOne({ claimTimeoutMs: 3_600_000 });
    assert.equal((await patient.agent('cluster-5').send(second).next('refused')).code, 'already-claimed');
    await new Promise((resolve) => setTimeout(resolve, 400));
    const gateway = await openOne({ claimTimeoutMs: 300, claimRenewalIntervalMs: 100 });
    await gateway.agent('cluster-5').send(second).next('welcome');
    const seenAt = async (): Promise<string> => {
      const text =
        "SELECT toString(max(seen_at)) AS at FROM cluster_claims WHERE cluster = 'cluster-5' AND epoch = 'e2'";
      return (await ask<{ at: string }>(text))[0]?.at ?? '';
    };
    const taken = await seenAt();
    await until(async () => (await seenAt()) > taken, 'a renewal');
    assert.equal(
      (
        await patient
          .agent('cluster-5')
          .send(hello({ epoch: 'e3' }))
          .next('refused')
      ).code,
      'already-claimed',
    );
  });

  test('an agent that comes back at another gateway is let in at once, and its old stream ends', async () => {
    const limits = { claimRenewalIntervalMs: 200 };
    const [one, other] = [await openOne(limits), await openOne(limits)];
    const halfOpen = one.agent('cluster-6').send(hello());
    await halfOpen.next('welcome');
    await other
      .agent('cluster-6')
      .send(hello({ instance: 'i2' }))
      .next('welcome');
    assert.equal((await halfOpen.next('refused')).code, 'already-claimed');
    await until(() => one.liveSessions().length === 0, 'the old session to end');
    assert.equal(other.liveSessions().length, 1);
  });

  test('a half-open first agent keeps the second out no longer than the session timeout', async () => {
    let passedMs = 0;
    const gateway = await openOne({}, [], () => Date.now() + passedMs);
    await gateway.agent('cluster-7').send(hello()).next('welcome');
    const second = hello({ epoch: 'e2', instance: 'i2' });
    assert.equal((await gateway.agent('cluster-7').send(second).next('refused')).code, 'already-claimed');
    passedMs = defaultIngestLimits.sessionTimeoutMs + 1;
    await gateway.agent('cluster-7').send(second).next('welcome');
  });
});
