import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ApiGrant, ApiGrants, ApiGrantUnits } from '@driftline/proto';
import type { VersionRow } from '../timeline/rows.ts';
import { audit, batch, gap, secondUs, startUs, version } from './testing/rows.ts';
import { openTestApi, type TestApi } from './testing/open-test-api.ts';

let api: TestApi;

const group = 'rbac.authorization.k8s.io';
const kinds: Readonly<Record<string, string>> = {
  roles: 'Role',
  clusterroles: 'ClusterRole',
  rolebindings: 'RoleBinding',
  clusterrolebindings: 'ClusterRoleBinding',
};

function rbac(
  sequence: number,
  resource: string,
  body: { metadata: { name: string; namespace?: string } },
): VersionRow {
  const { name, namespace = '' } = body.metadata;
  const kind = kinds[resource] ?? '';
  return version(sequence, { group, resource, kind, namespace, name, op: 'created', object: { ...body, kind } });
}

const audited = { level: 'Metadata', groups: ['dev', 'system:authenticated'], uid: '' } as const;
const secrets = { group: '', resource: 'secrets', name: 'db' } as const;
const until = 'until=2026-01-01T01:00:00Z&since=2025-12-31T00:00:00Z';
const describeGrant = ({ subject, use, uses, unused, notObservable }: ApiGrant): string => {
  const units = (list: readonly ApiGrantUnits[]) =>
    list.map(({ resources, verbs }) => `${verbs.join(',')} ${resources.join(',')}`).join('; ');
  const used = uses.map(({ verb, resource, requests }) => `${requests}× ${verb} ${resource}`).join('; ');
  return `${subject.kind} ${subject.name} ${use} | ${used} | ${units(unused)} | ${units(notObservable)}`;
};

before(async () => {
  api = await openTestApi({ now: () => (startUs + 3_600 * secondUs) / 1_000 });
  await api.record(
    batch([1, 40], {
      versions: [
        rbac(1, 'roles', {
          metadata: { name: 'deploy', namespace: 'shop' },
          rules: [
            { apiGroups: ['apps'], resources: ['deployments'], verbs: ['patch', 'delete'] },
            { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'update'], resourceNames: ['db'] },
          ],
        } as never),
        rbac(2, 'rolebindings', {
          metadata: { name: 'deployers', namespace: 'shop' },
          roleRef: { kind: 'Role', name: 'deploy' },
          subjects: [{ kind: 'User', name: 'alice@example.com' }],
        } as never),
        rbac(3, 'clusterroles', {
          metadata: { name: 'impersonator' },
          rules: [{ apiGroups: [''], resources: ['users', 'serviceaccounts'], verbs: ['impersonate'] }],
        } as never),
        rbac(4, 'clusterrolebindings', {
          metadata: { name: 'support' },
          roleRef: { kind: 'ClusterRole', name: 'impersonator' },
          subjects: [
            { kind: 'Group', name: 'support' },
            { kind: 'ServiceAccount', namespace: 'shop', name: 'robot' },
          ],
        } as never),
        rbac(5, 'clusterrolebindings', {
          metadata: { name: 'system:node', labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
          roleRef: { kind: 'ClusterRole', name: 'impersonator' },
          subjects: [{ kind: 'Group', name: 'system:nodes' }],
        } as never),
        version(20, {}),
      ],
      audits: [
        audit(20, audited),
        audit(21, { ...audited, auditId: 'id-21', stage: 'ResponseStarted' }),
        audit(22, { ...audited, ...secrets, verb: 'get', subresource: '' }),
        audit(23, { ...audited, ...secrets, verb: 'update', code: 403 }),
        audit(24, { ...audited, verb: 'delete', user: 'bob@example.com', groups: [] }),
        audit(25, {
          ...audited,
          user: 'carol@example.com',
          groups: ['support'],
          verb: 'delete',
          impersonatedUser: 'alice@example.com',
          event: JSON.stringify({ impersonatedUser: { username: 'alice@example.com', groups: ['dev'] } }),
        }),
      ],
      gaps: [gap(30, { group: '', resource: '', cause: 'audit_drop' })],
    }),
  );
});
after(() => api.close());

test('what each subject may do is held against what was asked of the API server', async () => {
  const { status, body } = await api.get(`grants?${until}`);
  assert.equal(status, 200, JSON.stringify(body));
  const { items, audited: sight } = body as ApiGrants;
  assert.deepEqual(items.map(describeGrant), [
    'Group support partly-used | 1× impersonate users | impersonate serviceaccounts | ',
    'ServiceAccount robot unused |  | impersonate users,serviceaccounts | ',
    'User alice@example.com partly-used | 1× delete deployments.apps; 1× get secrets; 1× patch deployments.apps | update secrets | ',
  ]);
  assert.deepEqual(sight, [{ cluster: 'east', since: '2026-01-01T00:00:20.000000Z', drops: 1 }]);
  const [first] = items;
  assert.deepEqual(
    [first?.binding, first?.role, first?.namespace],
    [{ kind: 'ClusterRoleBinding', namespace: '', name: 'support' }, { kind: 'ClusterRole', name: 'impersonator' }, ''],
  );
});

test('questions can be narrowed, and pages add up', async () => {
  const all = (query: string) => api.all<ApiGrant>(`grants?${until}&${query}`);
  assert.equal((await all('unused=true')).length, 3);
  assert.deepEqual(new Set((await all('namespace=shop')).map(({ binding }) => binding.name)), new Set(['deployers']));
  assert.equal((await all('subject=shop/robot')).length, 1);
  assert.equal((await all('subject=robot')).length, 1);
  assert.deepEqual(await all('subject=nobody'), []);
  assert.deepEqual(await all('cluster=west'), []);
  assert.equal((await all('builtin=true')).length, 4);
  assert.deepEqual(await all('limit=1'), await all('limit=500'));
});

test('only requests of the time asked for count, and without any event nothing is called unused', async () => {
  const before20 = 'since=2026-01-01T00:00:00Z&until=2026-01-01T00:00:10Z';
  const { items, audited: sight } = (await api.get(`grants?${before20}`)).body as ApiGrants;
  assert.deepEqual([...new Set(items.map(({ use }) => use))], ['not-observable']);
  assert.deepEqual(
    sight.map(({ since }) => since),
    [null],
  );
  const beforeBinding = await api.all<ApiGrant>('grants?until=2026-01-01T00:00:03Z');
  assert.deepEqual([...new Set(beforeBinding.map(({ subject }) => subject.name))], ['alice@example.com']);
});
