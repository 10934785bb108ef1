/**
 * What controls say of changes, over random histories: every change judged from scratch, by the cluster as the timeline
 * had it before and by the link that counts in the end, gives what the collector stored: whether the audit event came
 * first, an hour later or twice, and through restarts.
 */
import type { ChangeVerdictRow, LinkRow, PolicyBundle, VersionRow } from '@driftline/collector';
import { clusterView, loadBundle, objectKeyOf } from '@driftline/policy';
import type { CompiledControl, Requester, Verdict } from '@driftline/policy';
import { objectKey } from '@driftline/proto';
import type { JsonObject, ObjectRef } from '@driftline/proto';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore } from '../fakes/memory-timeline.ts';
import type { MemoryStore } from '../fakes/memory-timeline.ts';
import { body, configMap, item, open, sha256, sorted, versionsOf } from './pipeline-rig.ts';

const policy = (name: string, operations: readonly string[], spec: JsonObject): JsonObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name },
  spec: {
    matchConstraints: {
      resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations, resources: ['configmaps'] }],
    },
    ...spec,
  },
});

const binding = (policyName: string, spec: JsonObject = {}): JsonObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { name: 'all' },
  spec: { policyName, validationActions: ['Audit'], ...spec },
});

/** Who may write is a parameter, and where that is asked a label of the Namespace: both change in the histories. */
const documents: readonly JsonObject[] = [
  policy('writers', ['CREATE', 'UPDATE'], {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    matchConditions: [
      { name: 'guarded', expression: "namespaceObject != null && namespaceObject.metadata.labels.guarded == 'yes'" },
    ],
    validations: [
      {
        expression: 'request.userInfo.username == params.data.writer',
        messageExpression: "request.userInfo.username + ' is not ' + params.data.writer",
      },
    ],
  }),
  binding('writers', { paramRef: { name: 'limits', namespace: 'shop', parameterNotFoundAction: 'Allow' } }),
  policy('growth', ['UPDATE'], {
    validations: [{ expression: 'object.data.size >= oldObject.data.size', message: 'it shrank' }],
  }),
  binding('growth'),
  policy('deletion', ['DELETE'], {
    validations: [{ expression: "'admins' in request.userInfo.groups", message: 'only admins delete' }],
  }),
  binding('deletion', { matchResources: { namespaceSelector: { matchLabels: { guarded: 'yes' } } } }),
  {
    apiVersion: 'kyverno.io/v1',
    kind: 'ClusterPolicy',
    metadata: { name: 'eve' },
    spec: {
      rules: [
        {
          name: 'nothing',
          match: { any: [{ resources: { kinds: ['ConfigMap'] }, subjects: [{ kind: 'User', name: 'eve' }] }] },
          validate: { message: 'not eve', deny: {} },
        },
      ],
    },
  },
];

const load = (loaded: readonly JsonObject[]): PolicyBundle => {
  const files = loaded.map((document, index) => ({ path: `${index}.yaml`, text: JSON.stringify(document) }));
  const result = loadBundle({ files, relations: [], sha256 });
  assert.ok(result.ok, JSON.stringify(result));
  return { controls: result.bundle.controls.map(({ control }) => control), version: result.bundle.version };
};

const bundle = load(documents);
const shop: ObjectRef = {
  group: '',
  resource: 'namespaces',
  kind: 'Namespace',
  namespace: '',
  name: 'shop',
  uid: 'ns',
};

const users: readonly Requester[] = [
  { username: 'ann', groups: ['admins', 'system:authenticated'] },
  { username: 'eve', groups: ['system:authenticated'] },
];

type Request = readonly [ref: ObjectRef, verb: string, user: Requester, version: string, id: string];

const auditOf = (agent: AgentStream, [ref, verb, user, version, id]: Request) => {
  const at = new Date(agent.nowUs / 1000).toISOString().replace('Z', '000Z');
  const event = {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'RequestResponse',
    auditID: id,
    stage: 'ResponseComplete',
    requestURI: `/api/v1/namespaces/${ref.namespace}/${ref.resource}/${ref.name}`,
    verb,
    user,
    userAgent: 'kubectl/v1.36.0',
    objectRef: { resource: ref.resource, namespace: ref.namespace, name: ref.name, uid: ref.uid, apiVersion: 'v1' },
    responseStatus: { code: verb === 'create' ? 201 : 200 },
    responseObject: { metadata: { name: ref.name, uid: ref.uid, resourceVersion: version } },
    requestReceivedTimestamp: at,
    stageTimestamp: at,
  };
  return { type: 'audit', digest: id, event: JSON.stringify(event), source: 'webhook' } as const;
};

type Step =
  | { readonly type: 'put'; readonly name: string; readonly size: number; readonly who: number; readonly when: string }
  | { readonly type: 'remove'; readonly name: string; readonly who: number; readonly when: string }
  | { readonly type: 'guard'; readonly label: string }
  | { readonly type: 'tell' | 'repeat' | 'cut' | 'restart' };

const name = fc.constantFrom('a', 'b', 'limits');
const who = fc.nat(1);
const when = fc.constantFrom('before', 'late', 'late', 'never');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('put' as const), name, size: fc.nat(4), who, when }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('remove' as const), name, who, when }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('guard' as const), label: fc.constantFrom('yes', 'no') }) },
  {
    weight: 8,
    arbitrary: fc.constantFrom<Step>({ type: 'tell' }, { type: 'repeat' }, { type: 'cut' }, { type: 'restart' }),
  },
);

/** Tells a history to a collector; what audit events were not told is told at the end, backwards. */
const run = async (steps: readonly Step[]): Promise<MemoryStore> => {
  const store = createMemoryStore();
  const agent = new AgentStream('e1');
  let current = open(store, bundle);
  let sent = 0;
  let lives = 0;
  const pending: Request[] = [];
  const told: Request[] = [];
  const deliver = async (): Promise<void> => {
    agent.cut();
    await current.pipeline.handle(agent.spool.slice(sent).map((batch) => item(agent, batch)));
    sent = agent.spool.length;
  };
  const tell = (request: Request | undefined): void => {
    if (request === undefined) return;
    agent.send(auditOf(agent, request));
    told.push(request);
  };
  const act = (ref: ObjectRef, verb: string, { who: by, when: at }: { who: number; when: string }, act: () => void) => {
    const version = String(Number(agent.lastVersion) + 1);
    const request = [ref, verb, users[by] ?? users[0], version, `${ref.name}-${version}`] as Request;
    agent.wait(3_000_000);
    if (at === 'before') tell(request);
    act();
    if (at === 'late') pending.push(request);
  };
  agent.put(shop, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { guarded: 'yes' } } });
  for (const each of steps) {
    switch (each.type) {
      case 'put': {
        const known = [...agent.known.values()].find(({ ref }) => ref.name === each.name);
        const ref = known?.ref ?? configMap(each.name, `${each.name}-${lives++}`);
        const data = each.name === 'limits' ? { writer: each.size % 2 === 0 ? 'ann' : 'eve' } : { size: each.size };
        const object = body(each.name, data);
        if (known !== undefined && JSON.stringify(known.object) === JSON.stringify(object)) break;
        act(ref, known === undefined ? 'create' : 'update', each, () => agent.put(ref, object));
        break;
      }
      case 'remove': {
        const known = [...agent.known.values()].find(({ ref }) => ref.name === each.name);
        if (known !== undefined) act(known.ref, 'delete', each, () => agent.remove(known.ref));
        break;
      }
      case 'guard': {
        const labels = { guarded: each.label };
        agent.put(shop, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } });
        break;
      }
      case 'tell':
        tell(pending.pop());
        break;
      case 'repeat':
        if (told.length > 0) agent.send(auditOf(agent, told[0] as Request));
        break;
      case 'cut':
        await deliver();
        break;
      case 'restart':
        await deliver();
        await current.pipeline.close();
        current = open(store, bundle);
        break;
    }
  }
  while (pending.length > 0) tell(pending.pop());
  await deliver();
  await current.pipeline.close();
  return store;
};

type Place = Pick<VersionRow, 'group' | 'resource' | 'namespace' | 'name' | 'uid'>;
const changeKey = (epoch: string, sequence: number, place: Place): string =>
  `${epoch} ${sequence} ${place.uid} ${objectKey(place)}`;

const rowsOf = (store: MemoryStore): readonly ChangeVerdictRow[] =>
  store.batches.flatMap((batch) => batch.changeVerdicts);

/** The last word on each (change, control), passes left out: `change control` → `state user reason`. */
const stored = (store: MemoryStore): Map<string, string> => {
  const last = new Map<string, ChangeVerdictRow>();
  for (const row of rowsOf(store)) last.set(row.verdictId, row);
  const said = [...last.values()].filter(({ state }) => state !== 'pass');
  return new Map(
    said.map((row) => [
      `${changeKey(row.changeEpoch, row.changeSequence, row)} ${row.control}`,
      wordsOf(row.state, row.state === 'fail' ? row.reason : ''),
    ]),
  );
};

/** What a collector adds to a batch lies in it, whichever life of it judged the change first. */
const assertInTheirBatches = (store: MemoryStore): void => {
  for (const { firstSequence, lastSequence, changeVerdicts } of store.batches)
    for (const { sequence } of changeVerdicts) assert.ok(sequence >= firstSequence && sequence <= lastSequence);
};

const wordsOf = (state: string, reason: string): string => `${state} ${reason}`.trim();

const requesters = (store: MemoryStore): ReadonlyMap<string, Requester> => {
  const last = new Map<string, LinkRow>();
  for (const link of store.batches.flatMap((batch) => batch.links))
    last.set(changeKey(link.changeEpoch, link.changeSequence, link), link);
  const known = [...last].filter(([, { confidence }]) => confidence !== 'none');
  return new Map(known.map(([key, { user, groups }]) => [key, { username: user, groups }]));
};

/** Every change asked anew, in one go, of the policies themselves. */
const fromScratch = (store: MemoryStore, controls: readonly CompiledControl[]): Map<string, string> => {
  const objects = new Map<string, { readonly object: JsonObject; readonly uid: string }>();
  const asked = requesters(store);
  const verdicts = new Map<string, string>();
  for (const row of versionsOf(store)) {
    const view = clusterView(
      {
        get: ({ group, kind, namespace, name: named }) =>
          [...objects.values()].find(({ object }) => {
            const key = objectKeyOf(object);
            return key.group === group && key.kind === kind && key.namespace === namespace && key.name === named;
          })?.object,
        list: () => assert.fail('no policy here lists'),
        covers: () => true,
      },
      Math.floor(row.observedAtUs / 1000),
    );
    const before = objects.get(objectKey(row));
    const oldObject = before?.uid === row.uid ? before.object : null;
    const object = row.body === '' ? null : (JSON.parse(row.body) as JsonObject);
    const operation = object === null ? 'DELETE' : oldObject === null ? 'CREATE' : 'UPDATE';
    const request = { operation, resource: { group: row.group, version: 'v1', resource: row.resource } };
    const requester = asked.get(changeKey(row.epoch, row.sequence, row));
    for (const control of controls) {
      const verdict = attempt(() =>
        control.evaluateChange?.({ object, oldObject, request, asking: { requester, note: () => {} } }, view),
      );
      if (verdict.verdict === 'pass' || verdict.verdict === 'not-applicable') continue;
      const reason = verdict.verdict === 'fail' ? verdict.violations.map(({ reason: why }) => why).join('; ') : '';
      const key = `${changeKey(row.epoch, row.sequence, row)} ${control.meta.id}`;
      verdicts.set(key, wordsOf(verdict.verdict, reason));
    }
    if (object === null) objects.delete(objectKey(row));
    else objects.set(objectKey(row), { object, uid: row.uid });
  }
  return verdicts;
};

const attempt = (evaluate: () => Verdict | undefined): Verdict => {
  try {
    return evaluate() ?? { verdict: 'not-applicable' };
  } catch {
    return { verdict: 'unjudged', reason: '' };
  }
};

describe('what controls say of changes', () => {
  test('is what each says from scratch, whenever the requester became known, through restarts and repetitions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 40 }), async (steps) => {
        const store = await run(steps);
        assert.deepEqual(sorted(stored(store)), sorted(fromScratch(store, bundle.controls)));
        const said = rowsOf(store).map(
          (row) => `${row.verdictId} ${row.sequence} ${row.state} ${row.user} ${row.reason}`,
        );
        assert.equal(new Set(said).size, said.length, 'nothing is said twice');
        assertInTheirBatches(store);
      }),
      { numRuns: 40 },
    );
  });

  const put = { type: 'put', who: 1, size: 2 } as const;
  const written = (store: MemoryStore, control: string) =>
    rowsOf(store)
      .filter((row) => row.control === control)
      .map(({ name: of, stateBefore, state, user, reason }) => [of, stateBefore, state, user, reason]);

  test('waits for the requester, and then names both: the policies of the change and who asked', async () => {
    const store = await run([
      { ...put, name: 'limits', when: 'before' },
      { ...put, name: 'a', when: 'late' },
      { type: 'restart' },
      { type: 'guard', label: 'no' },
      { type: 'tell' },
    ]);
    const unknown = 'nobody knows request.userInfo.username of the request that made the change';
    assert.deepEqual(written(store, 'vap/writers/all'), [
      ['a', '', 'unjudged', '', unknown],
      ['a', 'unjudged', 'fail', 'eve', 'eve is not ann'],
    ]);
    assert.deepEqual(written(store, 'kyverno/eve/nothing'), [
      ['limits', '', 'fail', 'eve', 'not eve'],
      ['a', '', 'unjudged', '', unknown],
      ['a', 'unjudged', 'fail', 'eve', 'not eve'],
    ]);
    assert.deepEqual([...new Set(rowsOf(store).map((row) => row.bundle))], [bundle.version]);
    assertInTheirBatches(store);
  });

  test('is said once of a deletion that has to wait: with the request for it', async () => {
    const store = createMemoryStore();
    const { pipeline } = open(store, bundle);
    const agent = new AgentStream('e1');
    const [ref, object] = [configMap('a'), body('a', { size: 1 })];
    agent.put(shop, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { guarded: 'yes' } } });
    agent.put(ref, object, { op: 'snapshot' });
    const metadata = { ...(object['metadata'] as JsonObject), deletionTimestamp: '2026-01-01T00:00:00Z' };
    agent.put(ref, { ...object, metadata }).remove(ref);
    agent.cut();
    await pipeline.handle(agent.spool.map((batch) => item(agent, batch)));
    assert.deepEqual(
      rowsOf(store).map((row) => [row.control, row.changeSequence, row.state]),
      [
        ['kyverno/eve/nothing', 3, 'unjudged'],
        ['vap/deletion/all', 3, 'unjudged'],
      ],
    );
    await pipeline.close();
  });

  test('stays as it was when the policies that were asked are gone', async () => {
    const told = async (later: PolicyBundle, restarts: boolean) => {
      const store = createMemoryStore();
      let policies = bundle;
      const first = open(store, () => policies);
      const agent = new AgentStream('e1');
      agent.put(configMap('a'), body('a', { size: 1 })).cut();
      await first.pipeline.handle(agent.spool.map((batch) => item(agent, batch)));
      policies = later;
      if (restarts) await first.pipeline.close();
      else await first.pipeline.adopt(() => later);
      const { pipeline } = restarts ? open(store, () => policies) : first;
      agent.send(auditOf(agent, [configMap('a'), 'create', users[1] as Requester, '1', 'x'])).cut();
      await pipeline.handle(agent.spool.slice(1).map((batch) => item(agent, batch)));
      await pipeline.close();
      return rowsOf(store).map((row) => [row.control, row.state, row.bundle]);
    };
    const others = load(documents.filter(({ kind }) => kind !== 'ClusterPolicy'));
    const more = load([
      ...documents,
      policy('more', ['UPDATE'], { validations: [{ expression: 'oldObject != null' }] }),
    ]);
    for (const restarts of [false, true]) {
      const waits = ['kyverno/eve/nothing', 'unjudged', bundle.version];
      assert.deepEqual(await told(others, restarts), [waits]);
      assert.deepEqual(await told(more, restarts), [waits, ['kyverno/eve/nothing', 'fail', bundle.version]]);
    }
  });
});
