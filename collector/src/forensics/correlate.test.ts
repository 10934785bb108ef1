/** Which request caused which change: every case in both orders of arrival. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LinkRow } from '../timeline/rows.ts';
import { createCorrelator, defaultCorrelatorLimits } from './correlate.ts';
import type { AuditFacts, ChangeFacts } from './correlate-rules.ts';

const baseUs = 1_700_000_000_000_000;
const second = 1_000_000;
let sequence = 0;

const change = (facts: Partial<ChangeFacts> = {}): ChangeFacts => ({
  epoch: 'e1',
  sequence: ++sequence,
  group: 'apps',
  resource: 'deployments',
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  namespace: 'shop',
  name: 'web',
  uid: 'u1',
  resourceVersion: '10',
  op: 'modified',
  observedAtUs: baseUs,
  notBeforeUs: baseUs - 10 * second,
  paths: ['/spec/replicas'],
  managers: [],
  synthesised: false,
  ...facts,
});

/** Metadata level unless uid and resourceVersion are given. */
const audit = (facts: Partial<AuditFacts> = {}): AuditFacts => ({
  sequence: ++sequence,
  digest: `d${sequence}`,
  auditId: 'a',
  stage: 'ResponseComplete',
  level: 'Metadata',
  verb: 'update',
  group: 'apps',
  resource: 'deployments',
  subresource: '',
  namespace: 'shop',
  name: 'web',
  uid: '',
  resourceVersion: '',
  user: 'alice',
  groups: [],
  impersonatedUser: '',
  sourceIps: [],
  userAgent: 'kubectl/v1.34 (linux/amd64)',
  code: 200,
  happenedAtUs: baseUs - second,
  observedAtUs: baseUs,
  dryRun: false,
  fieldManager: '',
  requestVersion: '',
  receivedAtUs: (facts.happenedAtUs ?? baseUs - second) - 4_000,
  ...facts,
});

type Event = { readonly change: ChangeFacts } | { readonly audit: AuditFacts };

const run = (...events: readonly Event[]): readonly LinkRow[] => {
  const correlator = createCorrelator();
  return events.flatMap((event) =>
    'change' in event ? correlator.change(event.change) : correlator.audit(event.audit),
  );
};

/** What counts in the end: the last link of each change. */
const finally_ = (links: readonly LinkRow[]): string[] => {
  const last = new Map<string, string>();
  for (const link of links)
    last.set(`${link.name}@${link.changeSequence}`, `${link.name}: ${link.user} ${link.confidence}`);
  return [...last.values()].filter((text) => !text.endsWith('none')).sort();
};

const bothOrders = (title: string, make: () => { pair: readonly Event[]; expected: readonly string[] }): void => {
  for (const order of ['as it happened', 'reversed'] as const) {
    test(`${title} (${order})`, () => {
      const { pair, expected } = make();
      assert.deepEqual(finally_(run(...(order === 'reversed' ? pair.toReversed() : pair))), expected);
    });
  }
};

describe('exact', () => {
  bothOrders('the answer names the version', () => ({
    pair: [{ audit: audit({ uid: 'u1', resourceVersion: '10' }) }, { change: change() }],
    expected: ['web: alice exact'],
  }));
  bothOrders('another version of the object is not it', () => ({
    pair: [{ audit: audit({ uid: 'u1', resourceVersion: '9' }) }, { change: change() }],
    expected: [],
  }));
  bothOrders('another object of the same name is not it', () => ({
    pair: [{ audit: audit({ uid: 'u0', resourceVersion: '10' }) }, { change: change() }],
    expected: [],
  }));
  bothOrders("B's no-op after A's write stays A's, although both answers carry the version", () => ({
    pair: [
      { audit: audit({ uid: 'u1', resourceVersion: '10', user: 'a' }) },
      { change: change() },
      { audit: audit({ uid: 'u1', resourceVersion: '10', user: 'b', happenedAtUs: baseUs + second }) },
    ],
    expected: ['web: a exact'],
  }));
  bothOrders('a delete links by uid, however late it is seen', () => ({
    pair: [
      { audit: audit({ verb: 'delete', uid: 'u1', happenedAtUs: baseUs - 120 * second }) },
      { change: change({ op: 'deleted', resourceVersion: '11' }) },
    ],
    expected: ['web: alice exact'],
  }));
  bothOrders('a deletion that has to wait: the request marks the object and ends it', () => ({
    pair: [
      { audit: audit({ verb: 'delete', uid: 'u1', resourceVersion: '10' }) },
      { change: change({ paths: ['/metadata/deletionTimestamp'] }) },
      { change: change({ op: 'deleted', resourceVersion: '12' }) },
    ],
    expected: ['web: alice exact', 'web: alice exact'],
  }));
  bothOrders('a deletion without a grace period: one request marks the object and answers with its end', () => ({
    pair: [
      { audit: audit({ verb: 'delete', uid: 'u1', resourceVersion: '12', happenedAtUs: baseUs }) },
      { change: change({ paths: ['/metadata/deletionTimestamp'] }) },
      { change: change({ op: 'deleted', resourceVersion: '12' }) },
    ],
    expected: ['web: alice exact', 'web: alice probable'],
  }));
  test("who asked for a Pod's deletion ended it, not the kubelet that finished it, whichever is heard of first", () => {
    const facts = { verb: 'delete', uid: 'u1', happenedAtUs: baseUs };
    const asked = { audit: audit({ ...facts, resourceVersion: '10' }) };
    const finished = { audit: audit({ ...facts, resourceVersion: '12', user: 'kubelet' }) };
    const marked = { change: change({ paths: ['/metadata/deletionTimestamp'] }) };
    const ended = { change: change({ op: 'deleted', resourceVersion: '12' }) };
    for (const order of [
      [asked, marked, finished, ended],
      [marked, ended, finished, asked],
      [finished, asked, marked, ended],
      [marked, finished, ended, asked],
    ])
      assert.deepEqual(finally_(run(...order)), ['web: alice exact', 'web: alice exact']);
  });
});

describe('probable', () => {
  test("a Pod's binding is the cause of its node's name, not of what the kubelet writes the same second", () => {
    const pod = { group: '', resource: 'pods', name: 'pod' };
    const kubelet = { manager: 'kubelet', operation: 'Update', subresource: 'status', timeUs: baseUs, paths: [] };
    const bound = change({ ...pod, kind: 'Pod', resourceVersion: '11', paths: ['/spec/nodeName'] });
    const started = change({
      ...pod,
      kind: 'Pod',
      resourceVersion: '12',
      paths: ['/status/phase'],
      managers: [kubelet],
    });
    const binding = audit({ ...pod, verb: 'create', subresource: 'binding', uid: 'u1', code: 201 });
    for (const order of [
      [bound, started],
      [started, bound],
    ]) {
      const changes = order.map((each) => ({ change: each }));
      for (const links of [run(...changes, { audit: binding }), run({ audit: binding }, ...changes)])
        assert.deepEqual(
          links.map((link) => link.changeSequence),
          [bound.sequence],
        );
    }
  });
  bothOrders('object, verb and time', () => ({
    pair: [{ audit: audit() }, { change: change() }],
    expected: ['web: alice probable'],
  }));
  bothOrders('a PATCH by server-side apply that creates', () => ({
    pair: [{ audit: audit({ verb: 'patch', code: 201 }) }, { change: change({ op: 'created' }) }],
    expected: ['web: alice probable'],
  }));
  bothOrders('an eviction deletes', () => ({
    pair: [
      { audit: audit({ verb: 'create', subresource: 'eviction', code: 201 }) },
      { change: change({ op: 'deleted' }) },
    ],
    expected: ['web: alice probable'],
  }));
  bothOrders('a write through the scale subresource', () => ({
    pair: [{ audit: audit({ verb: 'patch', subresource: 'scale' }) }, { change: change() }],
    expected: ['web: alice probable'],
  }));
  bothOrders("B's no-op of another agent stays A's: the field managers say whose it is", () => {
    const managers = [
      { manager: 'kubectl-edit', operation: 'Update', subresource: '', timeUs: baseUs - 4 * second, paths: [] },
    ];
    return {
      pair: [
        { audit: audit({ user: 'a', happenedAtUs: baseUs - 4 * second }) },
        { change: change({ managers }) },
        { audit: audit({ user: 'b', userAgent: 'argocd-application-controller/v3' }) },
      ],
      expected: ['web: a probable'],
    };
  });
  bothOrders('an exact event beats a probable one', () => ({
    pair: [
      { audit: audit({ user: 'probable' }) },
      { change: change() },
      { audit: audit({ user: 'exact', uid: 'u1', resourceVersion: '10', happenedAtUs: baseUs }) },
    ],
    expected: ['web: exact exact'],
  }));
  bothOrders('one request, one version: the next change of the object is not its', () => ({
    pair: [{ audit: audit() }, { change: change() }, { change: change({ resourceVersion: '11' }) }],
    expected: ['web: alice probable'],
  }));
  bothOrders('long before or after is not it', () => ({
    pair: [
      { audit: audit({ happenedAtUs: baseUs - 60 * second }) },
      { change: change() },
      { audit: audit({ happenedAtUs: baseUs + 60 * second }) },
    ],
    expected: [],
  }));
  for (const [verb, op] of [
    ['update', 'deleted'],
    ['delete', 'modified'],
    ['delete', 'created'],
    ['create', 'modified'],
  ] as const) {
    bothOrders(`a request to ${verb} does not explain '${op}'`, () => ({
      pair: [{ audit: audit({ verb }) }, { change: change({ op }) }],
      expected: [],
    }));
  }
});

describe('nothing', () => {
  for (const [what, facts] of [
    ['a failed request', { code: 409 }],
    ['a forbidden one', { code: 403 }],
    ['a dry run', { dryRun: true }],
    ['a read', { verb: 'get' }],
    ['a watch', { verb: 'watch' }],
    ['an earlier stage', { stage: 'RequestReceived' }],
    ['an exec', { verb: 'create', subresource: 'exec' }],
    ['a token request', { verb: 'create', subresource: 'token' }],
  ] as const) {
    bothOrders(`${what} links to nothing`, () => ({
      pair: [
        { audit: audit({ uid: 'u1', resourceVersion: '10', ...facts }) },
        { change: change() },
        { change: change({ op: 'deleted' }) },
      ],
      expected: [],
    }));
  }
  bothOrders('a request that changed nothing, by its own words', () => ({
    pair: [{ audit: audit({ uid: 'u1', resourceVersion: '10', requestVersion: '10' }) }, { change: change() }],
    expected: [],
  }));
});

describe('a deletecollection', () => {
  bothOrders('links to every object it took away, and to no other', () => ({
    pair: [
      { audit: audit({ verb: 'deletecollection', name: '' }) },
      ...['a', 'b', 'c'].map((name) => ({ change: change({ name, uid: `u-${name}`, op: 'deleted' as const }) })),
      { change: change({ name: 'd', uid: 'u-d' }) },
      { change: change({ name: 'e', uid: 'u-e', op: 'deleted', namespace: 'elsewhere' }) },
      { change: change({ name: 'f', uid: 'u-f', op: 'deleted', resource: 'statefulsets' }) },
      { change: change({ name: 'g', uid: 'u-g', op: 'deleted', observedAtUs: baseUs + 600 * second }) },
    ],
    expected: ['a: alice probable', 'b: alice probable', 'c: alice probable'],
  }));
  bothOrders('gives way to a delete of the object itself', () => ({
    pair: [
      { audit: audit({ verb: 'deletecollection', name: '', user: 'many' }) },
      { audit: audit({ verb: 'delete', uid: 'u1', user: 'one' }) },
      { change: change({ op: 'deleted' }) },
    ],
    expected: ['web: one exact'],
  }));
});

describe('the windows', () => {
  const pair = () => [change(), audit({ uid: 'u1', resourceVersion: '10' })] as const;

  test('are bounded by time', () => {
    const correlator = createCorrelator();
    const [first, late] = pair();
    correlator.change(first);
    correlator.change(change({ name: 'x', uid: 'x', observedAtUs: baseUs + defaultCorrelatorLimits.windowUs + 1 }));
    assert.deepEqual(correlator.audit(late), []);
  });

  test('are bounded by number, and stay so', () => {
    const correlator = createCorrelator({ ...defaultCorrelatorLimits, windowEntries: 10 });
    const [first, late] = pair();
    correlator.change(first);
    for (let at = 0; at < 100; at++) {
      correlator.change(change({ name: `x${at}`, uid: `x${at}` }));
      correlator.audit(audit({ digest: `x${at}` }));
    }
    assert.deepEqual(correlator.audit(late), []);
    assert.equal(correlator.knows('x0'), false);
    assert.equal(correlator.knows('x99'), true);
    assert.equal(correlator.change(change()).length, 1, 'the late event is still within its own window');
  });

  test('come back after a restart with what is linked already', () => {
    const [first, cause] = pair();
    const before = createCorrelator();
    const links = [...before.change(first), ...before.audit(cause)];
    const after = createCorrelator();
    after.restore({ versions: [first], audits: [{ ...cause, epoch: 'e1' }], links });
    const noop = audit({ uid: 'u1', resourceVersion: '10', user: 'b', happenedAtUs: baseUs + second });
    assert.deepEqual(after.audit(noop), []);
    assert.equal(after.knows(cause.digest), true);
  });
});
