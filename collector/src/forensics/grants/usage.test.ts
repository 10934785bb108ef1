import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import { grantedBy } from './granted.ts';
import { resourceText, type Sight, type Use, usageOf, UsesBySubject } from './usage.ts';

const cluster = 'east';
const metadata = (name: string, namespace?: string) => ({ name, ...(namespace === undefined ? {} : { namespace }) });

function granted(rule: object, subject: object, { namespace = 'ci' } = {}) {
  const isEverywhere = namespace === '';
  const role = { metadata: metadata('deploy', isEverywhere ? undefined : namespace), rules: [rule] };
  const binding = {
    metadata: {
      ...metadata('deployers', isEverywhere ? undefined : namespace),
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    roleRef: { kind: isEverywhere ? 'ClusterRole' : 'Role', name: 'deploy' },
    subjects: [subject],
  };
  const [one] = grantedBy([
    { cluster, resource: isEverywhere ? 'clusterroles' : 'roles', body: role as JsonObject },
    { cluster, resource: isEverywhere ? 'clusterrolebindings' : 'rolebindings', body: binding as JsonObject },
  ]);
  assert.ok(one);
  return one;
}

const use = (rest: Partial<Use>): Use => ({
  cluster,
  user: 'alice',
  groups: ['ops'],
  verb: 'get',
  group: '',
  resource: 'pods',
  subresource: '',
  namespace: 'ci',
  name: '',
  count: 1,
  lastUs: 1,
  ...rest,
});
const alice = { kind: 'User', name: 'alice' };
const seesAll: Sight = { sawWrites: true, reads: new Set(['pods', 'secrets', 'pods/log']), silent: new Set() };

function textOf(
  rule: object,
  uses: readonly Use[],
  { subject = alice as object, sight = seesAll, namespace = 'ci' } = {},
) {
  const usage = usageOf(granted(rule, subject, { namespace }), new UsesBySubject(uses), sight);
  const words = (units: readonly { verb: string; resource: string }[]) => units.map((u) => `${u.verb} ${u.resource}`);
  return { used: words(usage.uses), unused: words(usage.unused), notObservable: words(usage.notObservable) };
}

const podRule = { apiGroups: [''], resources: ['pods', 'secrets'], verbs: ['get', 'delete'] };

describe('what of a grant was used', () => {
  test('each verb on each resource by itself', () => {
    const uses = [use({ lastUs: 5 }), use({ verb: 'delete', resource: 'secrets', lastUs: 9 })];
    assert.deepEqual(textOf(podRule, uses), {
      used: ['delete secrets', 'get pods'],
      unused: ['delete pods', 'get secrets'],
      notObservable: [],
    });
  });

  test('requests of others, of other namespaces, clusters, groups and subresources do not count', () => {
    const others = [
      use({ user: 'bob', groups: [] }),
      use({ namespace: 'shop' }),
      use({ cluster: 'west' }),
      use({ group: 'metrics.k8s.io' }),
      use({ subresource: 'log' }),
    ];
    assert.deepEqual(textOf({ ...podRule, resources: ['pods'] }, others).unused, ['get pods', 'delete pods']);
  });

  test('a group is used by its members, a service account by its audit name, however the binding says it', () => {
    const rule = { ...podRule, resources: ['pods'], verbs: ['get'] };
    const account = use({ user: 'system:serviceaccount:ci:robot', groups: ['system:serviceaccounts'] });
    assert.deepEqual(textOf(rule, [use({})], { subject: { kind: 'Group', name: 'ops' } }).used, ['get pods']);
    assert.deepEqual(textOf(rule, [account], { subject: { kind: 'ServiceAccount', name: 'robot' } }).used, [
      'get pods',
    ]);
    const asUser = { kind: 'User', name: 'system:serviceaccount:ci:robot' };
    assert.deepEqual(textOf(rule, [account], { subject: asUser }).used, ['get pods']);
    assert.deepEqual(granted(rule, asUser).subject, { kind: 'ServiceAccount', namespace: 'ci', name: 'robot' });
  });

  test('wildcards: what was used is told, and what the stars add beyond it', () => {
    const all = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
    const uses = [
      use({ namespace: 'shop', verb: 'patch', group: 'apps', resource: 'deployments', subresource: 'scale' }),
    ];
    const told = textOf(all, uses, { namespace: '' });
    assert.deepEqual(told.used, ['patch deployments.apps/scale']);
    assert.deepEqual(told.unused, ['create *', 'update *', 'delete *', 'deletecollection *']);
    assert.deepEqual(told.notObservable, ['get *', 'list *', 'watch *'], 'reads of everything are in no log');
  });

  test('subresources are resources of their own, as the authorizer has it', () => {
    const log = use({ subresource: 'log' });
    assert.deepEqual(textOf({ ...podRule, resources: ['pods/log'], verbs: ['get'] }, [log]).used, ['get pods/log']);
    assert.deepEqual(textOf({ ...podRule, resources: ['*/log'], verbs: ['get'] }, [log]).used, ['get pods/log']);
    assert.deepEqual(textOf({ ...podRule, resources: ['pods'], verbs: ['get'] }, [log]).used, []);
  });

  test('a rule that names objects is used through these only', () => {
    const rule = { ...podRule, resources: ['secrets'], resourceNames: ['db'], verbs: ['get'] };
    assert.deepEqual(textOf(rule, [use({ resource: 'secrets' })]).unused, ['get secrets']);
    assert.deepEqual(textOf(rule, [use({ resource: 'secrets', name: 'db' })]).used, ['get secrets']);
  });

  test('what the log does not show is never called unused', () => {
    const blind: Sight = { sawWrites: false, reads: new Set(), silent: new Set() };
    assert.deepEqual(textOf(podRule, [], { sight: blind }).unused, []);
    const silent: Sight = { ...seesAll, silent: new Set(['pods']) };
    assert.deepEqual(textOf({ ...podRule, verbs: ['delete'] }, [], { sight: silent }), {
      used: [],
      unused: ['delete secrets'],
      notObservable: ['delete pods'],
    });
    const special = {
      apiGroups: ['rbac.authorization.k8s.io'],
      resources: ['clusterroles'],
      verbs: ['bind', 'escalate'],
    };
    assert.deepEqual(textOf(special, []).unused, []);
    const urls = { nonResourceURLs: ['/metrics'], verbs: ['get'] };
    assert.deepEqual(textOf(urls, [], { namespace: '' }).notObservable, ['get /metrics']);
    const anyUrl = { nonResourceURLs: ['*'], verbs: ['*'] };
    assert.deepEqual(textOf(anyUrl, [], { namespace: '' }).notObservable, ['* /*']);
  });

  test('hostile or broken objects grant nothing and throw nothing', () => {
    const broken = [
      {},
      { subjects: 'x', roleRef: 3 },
      { metadata: { name: '__proto__' }, rules: [7, null, { verbs: 'all' }] },
    ];
    for (const body of broken)
      for (const resource of ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings', '__proto__'])
        assert.deepEqual(grantedBy([{ cluster, resource, body: body as JsonObject }]), []);
  });
});

test('resources are named as kubectl names them', () => {
  const names = [
    ['', 'pods'],
    ['', 'pods/exec'],
    ['apps', 'deployments/scale'],
    ['*', '*'],
    ['*', 'pods'],
    ['apps', '*'],
  ];
  assert.deepEqual(
    names.map(([group = '', resource = '']) => resourceText(group, resource)),
    ['pods', 'pods/exec', 'deployments.apps/scale', '*', 'pods.*', '*.apps'],
  );
});
