import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { KubeError } from '../kube/kube-error.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { type ServedKind, discover } from './discovery.ts';
import { compareVersions, selectKinds } from './select-kinds.ts';
import { defaultExclude } from './watch-limits.ts';

const all = { include: ['*'], exclude: defaultExclude };

function served(group: string, version: string, resource: string, rest: Partial<ServedKind> = {}): ServedKind {
  return { group, version, resource, kind: resource, verbs: ['list', 'watch'], storageHash: '', ...rest };
}

function names(
  kinds: readonly { readonly group: string; readonly version: string; readonly resource: string }[],
): string[] {
  return kinds.map(({ group, version, resource }) => `${group}/${version}/${resource}`);
}

test('versions come in the order of Kubernetes', () => {
  const sorted = ['v1', 'v2beta1', 'foo1', 'v10', 'v2', 'v1alpha2', 'v1beta1', 'v11alpha2', 'foo10'].sort((a, b) =>
    compareVersions(b, a),
  );
  assert.deepEqual(sorted, ['v10', 'v2', 'v1', 'v2beta1', 'v1beta1', 'v11alpha2', 'v1alpha2', 'foo1', 'foo10']);
});

test('one watch for each storage, by its most stable version', () => {
  const kinds = [
    served('autoscaling', 'v1', 'horizontalpodautoscalers'),
    served('autoscaling', 'v2', 'horizontalpodautoscalers'),
    served('extensions', 'v1beta1', 'ingresses', { storageHash: 'h1' }),
    served('networking.k8s.io', 'v1', 'ingresses', { storageHash: 'h1' }),
    served('a.example.com', 'v1', 'clusters', { storageHash: 'h2' }),
    served('b.example.com', 'v1', 'clusters', { storageHash: 'h3' }),
    served('c.example.com', 'v1', 'boats'),
    served('c.example.com', 'v2', 'boats', { verbs: ['list'] }),
  ];
  const expected = [
    'autoscaling/v2/horizontalpodautoscalers',
    'c.example.com/v1/boats',
    'a.example.com/v1/clusters',
    'b.example.com/v1/clusters',
    'networking.k8s.io/v1/ingresses',
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(kinds, { minLength: kinds.length }), (shuffled) => {
      const selection = selectKinds(shuffled, all);
      assert.deepEqual(names(selection.watched).sort(), [...expected].sort());
      assert.deepEqual(names(selection.excluded), ['extensions/v1beta1/ingresses']);
    }),
  );
});

test('what is not watched is named with its reason', () => {
  const kinds = [
    served('', 'v1', 'events'),
    served('', 'v1', 'pods'),
    served('', 'v1', 'tokenreviews', { verbs: ['create'] }),
    served('metrics.k8s.io', 'v1beta1', 'nodes', { verbs: ['get', 'list'] }),
  ];
  const { watched, excluded } = selectKinds(kinds, all);
  assert.deepEqual(names(watched), ['/v1/pods']);
  assert.deepEqual(
    excluded.map(({ resource, reason }) => [resource, reason]),
    [
      ['events', 'by configuration'],
      ['nodes', 'the API server offers no watch'],
    ],
  );
  assert.deepEqual(names(selectKinds(kinds, { include: ['ev*'], exclude: [] }).watched), ['/v1/events']);
});

type Answers = Readonly<Record<string, unknown>>;

function answering(answers: Answers): { readonly kube: KubeClient; readonly asked: string[] } {
  const asked: string[] = [];
  const kube: KubeClient = {
    getJson(path) {
      asked.push(path);
      const answer = answers[path];
      if (answer === undefined)
        return Promise.reject(new KubeError('unavailable', `${path}: HTTP 503`, { status: 503 }));
      return Promise.resolve(answer);
    },
    stream: () => Promise.reject(new Error('not in this test')),
    close: () => undefined,
  };
  return { kube, asked };
}

const { signal } = new AbortController();

function aggregated(group: string, resources: readonly string[], freshness = 'Current'): unknown {
  const entries = resources.map((resource) => ({
    resource,
    responseKind: { kind: resource },
    verbs: ['list', 'watch'],
  }));
  return { metadata: { name: group }, versions: [{ version: 'v1', freshness, resources: entries }] };
}

test('aggregated discovery needs two requests, and more only where two groups share a name', async () => {
  const list = (...items: unknown[]): unknown => ({ kind: 'APIGroupDiscoveryList', items });
  const answers = { '/api': list(aggregated('', ['pods'])), '/apis': list(aggregated('apps', ['deployments'])) };
  const plain = answering(answers);
  assert.deepEqual(names((await discover(plain.kube, signal)).kinds), ['/v1/pods', 'apps/v1/deployments']);
  assert.deepEqual(plain.asked, ['/api', '/apis']);
  const shared = answering({
    '/api': answers['/api'],
    '/apis': list(aggregated('x', ['pods']), aggregated('down', [], 'Stale')),
    '/api/v1': {
      resources: [{ name: 'pods', kind: 'pods', verbs: ['list'], storageVersionHash: 'h' }, { name: 'pods/log' }],
    },
  });
  const found = await discover(shared.kube, signal);
  assert.deepEqual(
    found.kinds.map(({ storageHash }) => storageHash),
    ['h', ''],
  );
  assert.deepEqual(
    found.failures.map(({ group }) => group),
    ['down'],
  );
});

test('without aggregation each group is asked, and one that fails is told, not taken for gone', async () => {
  const { kube } = answering({
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': {
      kind: 'APIGroupList',
      groups: [
        { name: 'apps', versions: [{ version: 'v1' }] },
        { name: 'm', versions: [{ version: 'v1' }] },
      ],
    },
    '/api/v1': {
      resources: [
        { name: 'pods', kind: 'Pod', verbs: ['list', 'watch'] },
        { name: 'pods/exec', kind: 'x', verbs: ['create'] },
      ],
    },
    '/apis/apps/v1': { resources: [{ name: 'deployments', kind: 'Deployment', verbs: ['list', 'watch'] }] },
  });
  const found = await discover(kube, signal);
  assert.deepEqual(names(found.kinds), ['/v1/pods', 'apps/v1/deployments']);
  assert.deepEqual(
    found.failures.map(({ group, reason }) => [group, reason]),
    [['m', '/apis/m/v1: HTTP 503']],
  );
});

test('discovery of any shape is read or refused with a KubeError', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (core, groups) => {
      const { kube } = answering({ '/api': core, '/apis': groups });
      await discover(kube, signal).catch((error: unknown) => assert.ok(error instanceof KubeError));
    }),
  );
});
