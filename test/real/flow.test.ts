/**
 * The whole flow on a real cluster: people change things, the agent with nothing but its ServiceAccount's token sees them
 * and their audit events, by webhook for one cluster name and by the log file for another, and the collector answers what
 * changed, who did it, and what it broke.
 */
import { apiExtension, openCollector, parseConfig } from '@driftline/collector';
import type { Collector } from '@driftline/collector';
import type { ApiChange, ApiGrant, ApiGrantUnits } from '@driftline/proto';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { filesUnder } from '../fakes/files-under.ts';
import { Api, eventually } from './flow/api.ts';
import { assertComplete, replayed } from './flow/assert-complete.ts';
import { embeddedStore, recordedVersions, wholeStore } from './flow/recorded.ts';
import { openRig } from './flow/rig.ts';
import type { Rig } from './flow/rig.ts';
import {
  Story,
  canaries,
  playConfiguration,
  playCustomResource,
  playDebugPod,
  playNothing,
  playWeb,
  prepareShop,
  users,
} from './flow/story.ts';
import type { Act, DebugStory, WebStory } from './flow/story.ts';

/** Two names of one cluster: which audit source its agent has. */
const clusters = ['webhook', 'log'] as const;

let rig: Rig;
let collector: Collector;
let api: Api;
let story: Story;
let web: WebStory;
let debug: DebugStory;

const openEmbeddedCollector = async (): Promise<void> => {
  const config = parseConfig({
    DRIFTLINE_DATA_DIR: join(rig.folder, 'collector'),
    DRIFTLINE_LISTEN: '127.0.0.1:0',
    DRIFTLINE_API_LISTEN: '127.0.0.1:0',
    DRIFTLINE_TOKENS_FILE: join(rig.folder, 'tokens.json'),
  });
  const logger = pino(
    { level: 'debug' },
    pino.destination({ dest: join(rig.folder, 'logs', 'collector.log'), sync: true }),
  );
  const extensions = [apiExtension((url) => (api = new Api(url)))];
  collector = await openCollector({ config, logger, extensions });
  rig.closers.push(() => collector.close());
};

/** Until both agents say in the timeline that they watch a kind. */
const isWatched = (resource: string) => (): Promise<unknown> =>
  eventually(
    () => api.status(),
    ({ coverage }) =>
      clusters.every((cluster) =>
        coverage.some((kind) => kind.cluster === cluster && kind.resource === resource && kind.state === 'watched'),
      ),
    `${resource} watched`,
  );

before(async () => {
  rig = await openRig({ users, clusters });
  await openEmbeddedCollector();
  prepareShop(rig);
  await rig.witness.followAll();
  const gatewayPort = Number(collector.gatewayAddress?.split(':').at(-1));
  const agents = await Promise.all(clusters.map((audit) => rig.agent(audit, { gatewayPort, audit })));
  await Promise.all(agents.map((agent) => agent.ready()));
  await isWatched('deployments')();
  story = new Story(rig);
  web = await playWeb(story);
  await playConfiguration(story, rig);
  debug = await playDebugPod(story);
  await playCustomResource(story, async () => {
    await isWatched('orders')();
    await rig.witness.followAll();
  });
  await playNothing(rig);
});
after(async () => {
  await rig.close();
});

const isOf =
  (act: Act) =>
  ({ object, resourceVersion, op }: ApiChange): boolean =>
    object.uid === act.uid && (act.verb === 'delete' ? op === 'deleted' : resourceVersion === act.resourceVersion);

type Who = ApiChange['who'];

const hasAuthor = ({ user }: Who): boolean => user !== '';

/** The change that an act became, once its audit event is linked: `isTold` says when that is the case. */
const changeOf = async (cluster: string, act: Act, isTold: (who: Who) => boolean = hasAuthor): Promise<ApiChange> => {
  const question = async (): Promise<readonly ApiChange[]> =>
    (await api.changes({ cluster, name: act.name })).filter(isOf(act));
  const [change, ...others] = await eventually(
    question,
    ([one]) => one !== undefined && isTold(one.who),
    `${act.title}, attributed, in ${cluster}`,
  );
  assert.ok(change !== undefined);
  assert.deepEqual(others, [], `${act.title} is recorded more than once`);
  return change;
};

for (const cluster of clusters) {
  describe(`audit by ${cluster}`, () => {
    test('what happened is in the timeline once and in order, and replays to what is listed', async (t) => {
      const store = embeddedStore(join(rig.folder, 'collector'));
      // Nobody can tell what happened between the creation of a kind and its first list.
      const figures = await assertComplete(rig.witness, store, cluster, ['epoch_start', 'relist orders']);
      t.diagnostic(JSON.stringify(figures));
      assert.ok(figures.versions > 150);
      const memory = collector.parts.pipeline?.memories().find(({ id }) => id.cluster === cluster);
      assert.ok(memory !== undefined);
      const versions = await recordedVersions(store, cluster);
      const inventory = [...memory.inventory.keys()].map((key) => memory.inventory.text(key) ?? '');
      assert.deepEqual(inventory.sort(), [...replayed(versions).values()].sort());
    });

    test('every act has its author: exact where the audit event names the version', async () => {
      const origins = { alice: 'human', bob: 'human', 'ci-bot': 'pipeline' } as Record<string, string>;
      for (const act of story.acts) {
        // The audit policy keeps bodies of Secrets and ConfigMaps out of audit events, and with them their versions.
        const isNamed = !['secrets', 'configmaps'].includes(act.resource);
        // Audit events come when they come: a probable link can be that of another event until then, an exact one never.
        const isFinal = ({ user, confidence }: Who): boolean =>
          confidence === 'exact' || (!isNamed && confidence === 'probable' && user === act.user);
        const { who, origin } = await changeOf(cluster, act, isFinal);
        assert.equal(who.user, act.user, act.title);
        assert.equal(who.verb, act.verb, act.title);
        assert.equal(who.userAgent, act.userAgent, act.title);
        assert.deepEqual(who.sourceIps, ['127.0.0.1'], act.title);
        assert.equal(origin.kind, origins[act.user], `${act.title}: ${origin.evidence}`);
      }
    });

    test('what controllers did in answer is theirs', async () => {
      const replicaSets = await eventually(
        () => api.changes({ cluster, namespace: 'shop', kind: 'ReplicaSet' }),
        (changes) => changes.length > 3 && changes.every(({ who }) => who.user !== ''),
        'replica sets with an author',
      );
      for (const { who, origin, object } of replicaSets) {
        assert.match(who.user, /^system:serviceaccount:kube-system:(deployment|replicaset)-controller$/, object.name);
        assert.equal(origin.kind, 'controller');
      }
    });

    test('one deletecollection is the author of every deletion it caused', async () => {
      const deletions = async (): Promise<readonly ApiChange[]> =>
        (await api.changes({ cluster, namespace: 'shop', kind: 'ConfigMap' })).filter(
          ({ op, object }) => op === 'deleted' && object.name.startsWith('batch-'),
        );
      const swept = await eventually(
        deletions,
        (changes) => changes.length === 3 && changes.every(({ who }) => who.user !== ''),
        'three deletions with an author',
      );
      for (const { who } of swept) assert.deepEqual([who.user, who.verb], ['bob', 'deletecollection']);
    });

    test('fields say before and after, whatever kind of patch it was', async () => {
      const image = 'spec.template.spec.containers[name=web].image';
      const fieldsOf = async (act: Act) => (await changeOf(cluster, act)).fields;
      assert.deepEqual(await fieldsOf(web.latest), [
        { path: image, before: 'registry.k8s.io/web:1.4.2', after: 'registry.k8s.io/web:latest' },
      ]);
      assert.deepEqual(await fieldsOf(web.pinned), [
        { path: image, before: 'registry.k8s.io/web:latest', after: 'registry.k8s.io/web:1.4.3' },
      ]);
      assert.deepEqual(await fieldsOf(web.scaled), [{ path: 'spec.replicas', before: 2, after: 3 }]);
      const { fields, approval } = await changeOf(cluster, web.annotated);
      assert.ok(fields.some(({ path, after }) => path.includes('change-cause') && after === 'release 42'));
      assert.deepEqual(
        approval.map(({ type, value }) => [type, value]),
        [['change-cause', 'release 42']],
      );
    });

    test('findings open with the change that broke policy and resolve with the one that mended it', async () => {
      const told = async (act: Act): Promise<readonly string[]> =>
        (await changeOf(cluster, act)).findings.map(({ control, state }) => `${control} ${state}`);
      assert.ok((await told(web.latest)).includes('DL-IMG-001 opened'));
      assert.ok((await told(web.pinned)).includes('DL-IMG-001 resolved'));
      assert.ok((await told(debug.created)).includes('DL-POD-001 opened'));
      assert.ok((await told(debug.removed)).includes('DL-POD-001 resolved'));
      assert.ok((await told(web.leaked)).includes('DL-SEC-001 opened'));
      const open = await api.findings({ cluster, namespace: 'shop', name: 'web' });
      assert.ok(open.some(({ control }) => control === 'DL-SEC-001'));
      assert.ok(!open.some(({ control }) => control === 'DL-IMG-001'));
      const privileged = await api.findings({ cluster, control: 'DL-POD-001', name: 'debug', state: 'resolved' });
      assert.equal(privileged.length, 1);
    });

    test('the past can be asked for', async () => {
      const imageAt = async (act: Act): Promise<unknown> => {
        const { observedAt: at } = await changeOf(cluster, act);
        const [state] = await api.states({ cluster, kind: 'deployments', namespace: 'shop', name: 'web', at });
        assert.equal(state?.certainty, 'certain');
        const { spec } = state.body as { spec: { template: { spec: { containers: { image: string }[] } } } };
        return spec.template.spec.containers[0]?.image;
      };
      assert.equal(await imageAt(web.created), 'registry.k8s.io/web:1.4.2');
      assert.equal(await imageAt(web.latest), 'registry.k8s.io/web:latest');
      assert.equal(await imageAt(web.scaled), 'registry.k8s.io/web:1.4.3');
      const { observedAt: at } = await changeOf(cluster, debug.created);
      assert.equal((await api.states({ cluster, kind: 'pods', namespace: 'shop', name: 'debug', at })).length, 1);
      assert.equal((await api.states({ cluster, kind: 'pods', namespace: 'shop', name: 'debug' })).length, 0);
    });

    test('every act was allowed by a grant that counts as used, and what nobody did is unused', async () => {
      const groupOf = { alice: 'developers', bob: 'operators', 'ci-bot': 'pipelines' } as Record<string, string>;
      const fullNames: Readonly<Record<string, string>> = {
        deployments: 'deployments.apps',
        orders: 'orders.shop.example.com',
        definitions: 'customresourcedefinitions.apiextensions.k8s.io',
      };
      const grants = await api.all<ApiGrant>('grants', { cluster });
      const textsOf = (units: readonly ApiGrantUnits[]): readonly string[] =>
        units.flatMap(({ verbs, resources }) => verbs.flatMap((verb) => resources.map((name) => `${verb} ${name}`)));
      for (const act of story.acts) {
        const own = grants.filter(({ subject }) => subject.name === groupOf[act.user]);
        assert.ok(own.length > 0, act.title);
        const resource = fullNames[act.resource] ?? act.resource;
        assert.ok(
          own.some(({ uses }) => uses.some((use) => use.verb === act.verb && use.resource === resource)),
          `${act.title}: ${JSON.stringify(own.map(({ uses }) => uses))}`,
        );
        for (const { unused } of own) assert.ok(!textsOf(unused).includes(`${act.verb} ${resource}`), act.title);
      }
      const pipelines = grants.find(({ subject }) => subject.name === 'pipelines');
      assert.equal(pipelines?.use, 'partly-used');
      assert.ok(textsOf(pipelines.unused).includes('delete deployments.apps'));
      assert.ok(textsOf(pipelines.notObservable).includes('get secrets'), 'reads are not in this log');
    });

    test('what changed nothing is nobody’s change, and the refused attempt is on record', async () => {
      assert.deepEqual(await api.changes({ cluster, name: 'never' }), []);
      const eve = await api.changes({ cluster, user: 'eve' });
      assert.deepEqual(eve, []);
      await eventually(
        () => wholeStore(embeddedStore(join(rig.folder, 'collector'))),
        (text) => text.includes('"user":"eve"'),
        'the refused attempt is on record',
      );
    });

    test('the command line answers the same', async () => {
      const scope = ['--context', cluster, '-n', 'shop'];
      const log = await api.cli('log', ...scope, '--limit', '500', '-o', 'json');
      assert.equal(log.status, 0, log.stderr);
      const items = JSON.parse(log.stdout) as readonly ApiChange[] | { readonly items: readonly ApiChange[] };
      const printed = 'items' in items ? items.items : items;
      const changes = await api.changes({ cluster, namespace: 'shop' });
      assert.deepEqual(printed.map(({ id }) => id).toSorted(), changes.map(({ id }) => id).toSorted());
      const shown = await api.cli('show', 'deploy/web', ...scope);
      assert.match(shown.stdout, /registry\.k8s\.io\/web:1\.4\.2.*registry\.k8s\.io\/web:latest/);
      assert.match(shown.stdout, /alice/);
      for (const command of ['findings', 'score', 'status']) {
        const { status, stdout, stderr } = await api.cli(command, '--context', cluster);
        assert.ok(status === 0 || status === 1, `${command}: ${status} ${stderr}`);
        assert.ok(stdout.length > 100, command);
      }
      const { observedAt } = await changeOf(cluster, web.latest);
      const past = await api.cli('at', observedAt, 'get', 'deploy', ...scope, '-o', 'json');
      assert.equal(past.status, 0, past.stderr);
      assert.match(past.stdout, /web:latest/);
    });
  });
}

test('no secret value is anywhere but in the cluster', async () => {
  const texts = [await wholeStore(embeddedStore(join(rig.folder, 'collector')))];
  const files = [...filesUnder(rig.folder)];
  texts.push(...files.map(([, bytes]) => bytes.toString('latin1')));
  assert.ok(files.length > 10);
  const answers = await Promise.all(['log', 'findings'].map((path) => api.all(path, {})));
  texts.push(JSON.stringify(answers));
  for (const [place, canary] of Object.entries(canaries))
    for (const form of [canary, Buffer.from(canary).toString('base64').replace(/=+$/, '')])
      assert.ok(!texts.some((text) => text.includes(form)), `the canary ${place} is in plain sight`);
  // The search finds what is there.
  assert.ok(texts.some((text) => text.includes('registry.k8s.io/web:1.4.3')));
});

test('a changed secret is visible as changed, and equal ones as equal', async () => {
  const [cluster] = clusters;
  const versions = await recordedVersions(embeddedStore(join(rig.folder, 'collector')), cluster);
  const bodies = versions.filter(({ key }) => key === 'secrets shop/database').map(({ body }) => body);
  assert.equal(bodies.length, 2);
  const values = bodies.map((body) => (JSON.parse(body) as { data: { password: string } }).data.password);
  assert.notEqual(values[0], values[1]);
  for (const value of values) assert.match(value, /^redacted\(/);
});

test('the agent asked and never wrote: its own audit trail is get, list and watch', () => {
  const events = readFileSync(rig.control.auditLog, 'utf8')
    .split('\n')
    // Without the last, which may be being written.
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { verb: string; requestURI: string; user: { username: string } })
    .filter(({ user }) => user.username === 'system:serviceaccount:driftline:driftline-agent');
  assert.ok(events.length > 100, `only ${events.length} requests`);
  const other = events.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb));
  assert.deepEqual(other, []);
});
