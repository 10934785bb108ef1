/**
 * Controls exported as admission policies, in a real API server: all of them are accepted and its type check has nothing to
 * say; what the cases of a control fail is denied, what they pass is allowed. Nothing is created: every try is a dry run.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { exportControl, type ExportResult, type LoadedControl, loadBundle, objectKeyOf } from '@driftline/policy';
import { readLibrary } from '@driftline/policy/library';
import { isJsonObject, type JsonObject } from '@driftline/proto';
import { call } from '../contract/kube-client.ts';
import type { ContractCluster, Loose } from '../contract/kube-client.ts';
import { startControlPlane } from './control-plane/control-plane.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';
import { eventually } from './flow/api.ts';

let control: ControlPlane;
let admin: ContractCluster;

before(() => {
  control = startControlPlane();
  admin = {
    url: control.server,
    token: control.adminToken,
    ca: readFileSync(control.caFile, 'utf8'),
    close: async () => {},
  };
});
after(() => control.stop());

const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const bindings = `${policies.slice(0, -'policies'.length)}policybindings`;

type Exported = Extract<ExportResult, { ok: true }>;
type Sent = { readonly status: number; readonly text: string };

async function send(method: string, path: string, body?: unknown): Promise<Sent> {
  const answer = await call(admin, path, { method, ...(body === undefined ? {} : { body: body as Loose }) });
  return { status: answer.status, text: answer.text };
}

async function apply({ name, policy, binding }: Exported): Promise<void> {
  for (const [path, body] of [
    [policies, policy],
    [bindings, binding],
  ] as const) {
    const { status, text } = await send('POST', path, body);
    assert.equal(status, 201, `${name}: ${text}`);
  }
}

const exporting = { exceptions: [], actions: ['Deny'], version: 'b', nowMs: 0 } as const;

/** Where objects of the kinds are created; of the kinds that this server has. */
const collections: Readonly<Record<string, string>> = {
  '/Pod': '/api/v1/namespaces/shop/pods',
  '/Service': '/api/v1/namespaces/shop/services',
  '/ConfigMap': '/api/v1/namespaces/shop/configmaps',
  'apps/Deployment': '/apis/apps/v1/namespaces/shop/deployments',
  'apps/DaemonSet': '/apis/apps/v1/namespaces/shop/daemonsets',
  'apps/StatefulSet': '/apis/apps/v1/namespaces/shop/statefulsets',
  'batch/CronJob': '/apis/batch/v1/namespaces/shop/cronjobs',
  'batch/Job': '/apis/batch/v1/namespaces/shop/jobs',
  'networking.k8s.io/Ingress': '/apis/networking.k8s.io/v1/namespaces/shop/ingresses',
  'networking.k8s.io/NetworkPolicy': '/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies',
  'rbac.authorization.k8s.io/Role': '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles',
  'rbac.authorization.k8s.io/RoleBinding': '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings',
  'rbac.authorization.k8s.io/ClusterRole': '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  'rbac.authorization.k8s.io/ClusterRoleBinding': '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
};

const pathOf = (object: JsonObject): string | undefined => {
  const { group, kind, namespace } = objectKeyOf(object);
  const path = collections[`${group}/${kind}`];
  return path === undefined || (namespace !== 'shop' && path.includes('/shop/')) ? undefined : `${path}?dryRun=All`;
};

/** What the API server says to its creation: allowed, the policy that denies it, or why it is no object at all. */
async function attempt(object: JsonObject): Promise<string> {
  const path = pathOf(object);
  if (path === undefined) return 'no such kind here';
  const { status, text } = await send('POST', path, object);
  if (status === 201) return 'allowed';
  const [, name] = /ValidatingAdmissionPolicy '([^']+)' with binding/.exec(text) ?? [];
  return name === undefined ? text : `denied by ${name}`;
}

type Exportable = { readonly loaded: LoadedControl; readonly result: Exported; readonly name: string };
type Try = { readonly what: string; readonly object: JsonObject; readonly isFailing: boolean };

test('every exported policy is accepted, and the type check of the API server has nothing to say', async () => {
  const exported = await exportAll();
  assert.ok(exported.length > 150, String(exported.length));
  for (const { result, name } of exported) {
    const { status, text } = await send('POST', policies, result.policy);
    assert.equal(status, 201, `${name}: ${text}`);
  }
  const checked = await eventually(typeChecks, (found) => found.size === exported.length, 'all policies are checked');
  assert.deepEqual(
    [...checked].filter(([, warnings]) => warnings !== '[]'),
    [],
  );
});

async function exportAll(): Promise<readonly Exportable[]> {
  const library = await readLibrary();
  assert.ok(library.ok);
  return library.bundle.controls.flatMap((loaded) => {
    const result = exportControl(loaded, exporting);
    return result.ok ? [{ loaded, result, name: result.name }] : [];
  });
}

/** Warnings by policy, of those that were looked at. */
async function typeChecks(): Promise<ReadonlyMap<string, string>> {
  const list = JSON.parse((await send('GET', policies)).text) as {
    readonly items: readonly {
      readonly metadata: { readonly name: string; readonly generation: number };
      readonly status?: {
        readonly observedGeneration?: number;
        readonly typeChecking?: { readonly expressionWarnings?: readonly unknown[] };
      };
    }[];
  };
  return new Map(
    list.items
      .filter(({ metadata, status }) => status?.observedGeneration === metadata.generation)
      .map(({ metadata, status }) => [metadata.name, JSON.stringify(status?.typeChecking?.expressionWarnings ?? [])]),
  );
}

/** Its binding is about objects that say so: the API server names one of the policies that deny a request, and this is it. */
const label = 'driftline.dev/try';

test('what a case of a control fails is denied by its policy, and what it passes is allowed', async (t) => {
  control.kubectl(['create', 'namespace', 'shop']);
  const account = () => send('GET', '/api/v1/namespaces/shop/serviceaccounts/default');
  await eventually(account, ({ status }) => status === 200, 'the namespace has its service account');
  const tries = new Map<Exportable, readonly Try[]>();
  for (const one of await exportAll()) {
    const usable = await triesOf(one);
    if (usable.some(({ isFailing }) => isFailing)) tries.set(one, usable);
  }
  for (const { name, result } of tries.keys()) {
    const matchResources = { objectSelector: { matchLabels: { [label]: name } } };
    const spec = { ...(result.binding['spec'] as JsonObject), matchResources };
    assert.equal((await send('POST', bindings, { ...result.binding, spec })).status, 201);
  }
  const told = { denied: 0, allowed: 0 };
  const wrong: string[] = [];
  for (const [{ name }, usable] of tries) {
    const denied = `denied by ${name}`;
    const probe = usable.find(({ isFailing }) => isFailing)?.object ?? {};
    await eventually(
      () => attempt(probe),
      (answer) => answer === denied,
      `${name} is in force`,
      30_000,
    );
    for (const { what, object, isFailing } of usable) {
      const answer = await attempt(object);
      if (answer === (isFailing ? denied : 'allowed')) told[isFailing ? 'denied' : 'allowed'] += 1;
      else wrong.push(`${name} ${what}: ${answer}`);
    }
  }
  t.diagnostic(`${tries.size} policies: ${JSON.stringify(told)}`);
  assert.deepEqual(wrong, []);
  assert.ok(told.denied >= 100 && told.allowed >= 100, JSON.stringify(told));
  for (const { name } of tries.keys()) await send('DELETE', `${bindings}/${name}`);
});

/** Cases whose object this server takes as it is, by its own word: cases leave out what they are not about. */
async function triesOf({ name: policy, loaded: { cases, source } }: Exportable): Promise<readonly Try[]> {
  // Each of their cases has a namespace of its own kind.
  if (JSON.stringify(source?.section ?? {}).includes('namespaceObject')) return [];
  const usable: Try[] = [];
  for (const { name, expect, objects, params, change } of cases()) {
    // What a change does to an object cannot be tried by creating it.
    if (change !== undefined) continue;
    const [given = {}] = objects as readonly JsonObject[];
    const object = labelled(given, policy);
    // Owners count from controllers only; cases with other parameters are about another policy.
    if (params !== undefined || JSON.stringify(object).includes('ownerReferences')) continue;
    if ((await attempt(object)) === 'allowed') usable.push({ what: name, object, isFailing: expect === 'fail' });
  }
  return usable;
}

function labelled(object: JsonObject, value: string): JsonObject {
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {};
  const labels = isJsonObject(metadata['labels']) ? metadata['labels'] : {};
  return { ...object, metadata: { ...metadata, labels: { ...labels, [label]: value } } };
}

test('an exception lets through what it is about, a creation after its end and a forged owner are denied', async () => {
  const library = await readLibrary();
  assert.ok(library.ok);
  const privileged = library.bundle.controls.find(({ control: { meta } }) => meta.id === 'DL-POD-001');
  assert.ok(privileged);
  const exception = (id: string, name: string, expires: string) => ({
    path: `${id}.yaml`,
    text: JSON.stringify({
      apiVersion: 'driftline.dev/v1',
      kind: 'Exception',
      id,
      controls: ['DL-POD-001'],
      scope: { namespaces: ['shop'], objects: [{ kind: 'Pod', name }] },
      owner: 'a',
      approver: 'b',
      reason: 'c',
      expires,
    }),
  });
  const result = loadBundle({
    files: [exception('EX-1', 'kept-*', '2999-01-01'), exception('EX-2', 'ended-*', '2020-01-01')],
    relations: [],
    sha256: (text) => String(text.length),
  });
  assert.ok(result.ok);
  // As if exported before the second one ended.
  const exported = exportControl(privileged, { ...exporting, exceptions: result.bundle.exceptions, nowMs: 0 });
  assert.ok(exported.ok, JSON.stringify(exported));
  await send('DELETE', `${policies}/${exported.name}`);
  await apply(exported);
  const pod = (name: string, more: JsonObject = {}): JsonObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', ...more },
    spec: { containers: [{ name: 'web', image: 'web:1', securityContext: { privileged: true } }] },
  });
  const denied = `denied by ${exported.name}`;
  await eventually(
    () => attempt(pod('other')),
    (answer) => answer === denied,
    'it is in force',
    30_000,
  );
  await eventually(
    () => attempt(pod('kept-1')),
    (answer) => answer === 'allowed',
    'what was before it is not',
    30_000,
  );
  assert.equal(await attempt(pod('other')), denied);
  assert.equal(await attempt(pod('ended-1')), denied, 'the API server says when it is created');
  const controller = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: '1', controller: true };
  const owned = pod('owned', { ownerReferences: [controller] });
  assert.equal(await attempt(owned), denied);
  control.kubectl(
    ['create', '--dry-run=server', '-f', '-', '--as=system:serviceaccount:kube-system:replicaset-controller'],
    JSON.stringify(owned),
  );
});
