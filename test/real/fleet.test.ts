/**
 * The same flow in fleet mode: a gateway and a worker as processes of their own, Apache Kafka between them, an external
 * ClickHouse with three users. The worker, then the gateway, is killed on the way.
 */
import { openEmbeddedClickHouse } from '@driftline/collector';
import type { EmbeddedClickHouse } from '@driftline/collector';
import type { ApiChange } from '@driftline/proto';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { Api, eventually } from './flow/api.ts';
import { assertComplete } from './flow/assert-complete.ts';
import { readerOf, storeVariables } from './flow/external-store.ts';
import { ask } from './flow/recorded.ts';
import { openRig } from './flow/rig.ts';
import type { CollectorProcess, Rig } from './flow/rig.ts';
import { Story, playConfiguration, playDebugPod, playWeb, prepareShop, users } from './flow/story.ts';
import type { Act, WebStory } from './flow/story.ts';
import { startKafka } from './kafka/kafka.ts';
import type { KafkaCluster } from './kafka/kafka.ts';

const cluster = 'fleet';
let rig: Rig;
let kafka: KafkaCluster;
let server: EmbeddedClickHouse;
let gateway: CollectorProcess;
let worker: CollectorProcess;
let api: Api;
let story: Story;
let web: WebStory;

before(async () => {
  rig = await openRig({ users, clusters: [cluster] });
  kafka = await startKafka(1);
  server = await openEmbeddedClickHouse({ dataDir: join(rig.folder, 'server'), logger: pino({ level: 'silent' }) });
  rig.closers.push(() => server.stop());
  const shared = { ...storeVariables(server.connection), KAFKA_BROKERS: kafka.bootstrap, KAFKA_PARTITIONS: '4' };
  gateway = await rig.collector('gateway', { ...shared, DRIFTLINE_ROLE: 'gateway' });
  worker = await rig.collector('worker', { ...shared, DRIFTLINE_ROLE: 'worker' });
  api = new Api(gateway.apiUrl);
  prepareShop(rig);
  await rig.witness.followAll();
  const agent = await rig.agent(cluster, { gatewayPort: gateway.gatewayPort, audit: 'log' });
  await agent.ready();
  await eventually(
    () => api.status(),
    ({ coverage }) => coverage.some(({ resource, state }) => resource === 'deployments' && state === 'watched'),
    'the first lists recorded',
  );
  story = new Story(rig);
  web = await playWeb(story);
  await worker.process.kill();
  await playConfiguration(story, rig);
  worker.process.start();
  await gateway.process.kill();
  await playDebugPod(story);
  gateway.process.start();
  await Promise.all([worker.process.ready(), gateway.process.ready()]);
});
after(async () => {
  await rig.close();
  await kafka.destroy();
});

test('gateway → Kafka → worker: what happened is recorded once and in order, killed processes or not', async (t) => {
  const figures = await assertComplete(rig.witness, readerOf(server.connection), cluster);
  t.diagnostic(JSON.stringify(figures));
  assert.ok(figures.versions > 150);
});

test('the gateway’s API says who did it and what it broke', async () => {
  const changeOf = async ({ uid, resourceVersion, user }: Act): Promise<ApiChange> => {
    const [change] = await eventually(
      async () =>
        (await api.changes({ cluster, namespace: 'shop' })).filter(
          (one) => one.object.uid === uid && one.resourceVersion === resourceVersion,
        ),
      // Audit events come when they come: a probable link can be that of another event until then, an exact one never.
      ([one]) => one?.who.confidence === 'exact' || (one?.who.confidence === 'probable' && one.who.user === user),
      `the change to ${resourceVersion}`,
    );
    assert.ok(change !== undefined);
    return change;
  };
  for (const act of story.acts.filter(({ verb }) => verb !== 'delete')) {
    const { who } = await changeOf(act);
    assert.equal(who.user, act.user, act.title);
  }
  const { findings } = await changeOf(web.latest);
  assert.ok(findings.some(({ control, state }) => control === 'DL-IMG-001' && state === 'opened'));
  assert.equal((await api.status()).mode, 'fleet');
});

test('workers write as a user that cannot alter, and batches really went through the broker', async () => {
  const { writer } = server.connection;
  await assert.rejects(
    ask({ ...readerOf(server.connection), ...writer }, 'ALTER TABLE links DELETE WHERE 1'),
    /ACCESS_DENIED|Not enough/,
  );
  await assert.rejects(
    ask(readerOf(server.connection), "INSERT INTO cursors (name) VALUES ('x')"),
    /ACCESS_DENIED|Not enough|readonly/,
  );
  const log = readFileSync(join(rig.folder, 'logs', 'worker.log'), 'utf8');
  assert.match(log, /"event":"bus-connected"/);
});
