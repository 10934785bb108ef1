/**
 * An afternoon in a cluster: people, a pipeline and controllers change things in every way the API offers, and what each
 * request did is noted from the API server's own answer.
 */
import assert from 'node:assert/strict';
import { call } from '../../contract/kube-client.ts';
import type { Answer, Loose } from '../../contract/kube-client.ts';
import type { Rig } from './rig.ts';

export const users = 'alice:developers bob:operators ci-bot:pipelines eve:guests';

/** Values that must never leave the agent. Each is in a place of its own. */
export const canaries = {
  secret: 'canary-secret-7f3a91c2',
  rotated: 'canary-rotated-5be1d0aa',
  environment: 'canary-env-P4ssw0rd-19d2',
  argument: 'canary-arg-77aa13ff0c',
  configMap: 'canary-config-0c44e8b1',
  lastApplied: 'canary-applied-91cc6d2e',
  custom: 'canary-custom-ab09d7e5',
};

/** One request that changed one object. */
export type Act = {
  readonly title: string;
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly name: string;
  readonly uid: string;
  /** '' for a delete. */
  readonly resourceVersion: string;
  readonly userAgent: string;
};

const shop = 'shop';
const labels = { owner: 'shop-team', environment: 'production', 'data-classification': 'internal' };
const paths = {
  deployments: `/apis/apps/v1/namespaces/${shop}/deployments`,
  configmaps: `/api/v1/namespaces/${shop}/configmaps`,
  secrets: `/api/v1/namespaces/${shop}/secrets`,
  pods: `/api/v1/namespaces/${shop}/pods`,
  orders: `/apis/shop.example.com/v1/namespaces/${shop}/orders`,
  definitions: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
} as const;
type Resource = keyof typeof paths;

const contentTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

const kubectlAgent = 'kubectl/v1.36.0 (linux/amd64) kubernetes';

/** Requests as people; every one that succeeds is an act. */
export class Story {
  readonly acts: Act[] = [];
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  async create(user: string, resource: Resource, body: Loose): Promise<Act> {
    const answer = await this.#send(user, paths[resource], { method: 'POST', body });
    return this.#note({ user, resource, verb: 'create', answer });
  }

  async update(user: string, resource: Resource, name: string, change: (object: Loose) => void): Promise<Act> {
    const path = `${paths[resource]}/${name}`;
    // A controller may write between; the conflict that is answered then is one more request that changes nothing.
    for (;;) {
      const { body } = await call(this.#rig.as(user), path);
      change(body);
      const answer = await call(this.#rig.as(user), path, { method: 'PUT', body, userAgent: kubectlAgent });
      if (answer.status === 409) continue;
      assert.equal(answer.status, 200, answer.text);
      return this.#note({ user, resource, verb: 'update', answer });
    }
  }

  async patch(
    user: string,
    target: { readonly resource: Resource; readonly name: string; readonly type: keyof typeof contentTypes },
    body: Loose,
  ): Promise<Act> {
    const query = target.type === 'apply' ? '?fieldManager=shop-apply&force=true' : '';
    const path = `${paths[target.resource]}/${target.name}${query}`;
    const answer = await this.#send(user, path, { method: 'PATCH', body, contentType: contentTypes[target.type] });
    return this.#note({ user, resource: target.resource, verb: 'patch', answer });
  }

  async remove(user: string, resource: Resource, name: string): Promise<Act> {
    const { body } = await call(this.#rig.as('admin'), `${paths[resource]}/${name}`);
    const path = `${paths[resource]}/${name}?gracePeriodSeconds=0`;
    await this.#send(user, path, { method: 'DELETE' });
    const { uid } = body.metadata;
    return this.#keep({ user, verb: 'delete', resource, name, uid, resourceVersion: '' });
  }

  async #send(
    user: string,
    path: string,
    options: { readonly method: string; readonly body?: Loose; readonly contentType?: string },
  ): Promise<Answer> {
    const answer = await call(this.#rig.as(user), path, { userAgent: kubectlAgent, ...options });
    assert.ok(answer.status < 300, `${user} ${options.method} ${path}: ${answer.status} ${answer.text.slice(0, 500)}`);
    return answer;
  }

  #note(done: { user: string; resource: Resource; verb: string; answer: Answer }): Act {
    const { uid, name, resourceVersion } = done.answer.body.metadata;
    return this.#keep({ user: done.user, verb: done.verb, resource: done.resource, name, uid, resourceVersion });
  }

  #keep(act: Omit<Act, 'title' | 'userAgent'>): Act {
    const whole = { ...act, title: `${act.user} ${act.verb} ${act.resource}/${act.name}`, userAgent: kubectlAgent };
    this.acts.push(whole);
    return whole;
  }
}

/** The namespace, and who may do what in it. */
export function prepareShop(rig: Rig): void {
  const roleBinding = (name: string, clusterRole: string, group: string): Loose => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name, namespace: shop },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: clusterRole },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
  });
  const objects = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: shop, labels } },
    roleBinding('developers', 'edit', 'developers'),
    roleBinding('operators', 'admin', 'operators'),
    roleBinding('pipelines', 'edit', 'pipelines'),
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'definitions' },
      rules: [
        { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: ['*'] },
        { apiGroups: ['shop.example.com'], resources: ['*'], verbs: ['*'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'operators-definitions' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'definitions' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'operators' }],
    },
  ];
  rig.control.kubectl(['apply', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n'));
}

const web = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web', ...labels } },
      spec: { containers: [{ name: 'web', image: 'registry.k8s.io/web:1.4.2' }] },
    },
  },
};

export type WebStory = Readonly<Record<'created' | 'latest' | 'pinned' | 'scaled' | 'annotated' | 'leaked', Act>>;

/** One Deployment through every kind of patch. */
export async function playWeb(story: Story): Promise<WebStory> {
  const target = (type: keyof typeof contentTypes) => ({ resource: 'deployments' as const, name: 'web', type });
  const container = (fields: Loose): Loose => ({
    spec: { template: { spec: { containers: [{ name: 'web', ...fields }] } } },
  });
  const created = await story.create('alice', 'deployments', web);
  const latest = await story.patch('alice', target('strategic'), container({ image: 'registry.k8s.io/web:latest' }));
  const image = '/spec/template/spec/containers/0/image';
  const pinned = await story.patch('bob', target('json'), [
    { op: 'test', path: image, value: 'registry.k8s.io/web:latest' },
    { op: 'replace', path: image, value: 'registry.k8s.io/web:1.4.3' },
  ]);
  const scaled = await story.patch('bob', target('merge'), { spec: { replicas: 3 } });
  const annotated = await story.update('ci-bot', 'deployments', 'web', (object) => {
    object.metadata.annotations = { ...object.metadata.annotations, 'kubernetes.io/change-cause': 'release 42' };
  });
  const leaked = await story.patch('alice', target('strategic'), {
    spec: {
      template: {
        spec: {
          containers: [
            {
              name: 'web',
              env: [{ name: 'DB_PASSWORD', value: canaries.environment }],
              args: [`--password=${canaries.argument}`],
            },
          ],
        },
      },
    },
  });
  return { created, latest, pinned, scaled, annotated, leaked };
}

/** Secrets, ConfigMaps by server-side apply, and a collection that is deleted at once. */
export async function playConfiguration(story: Story, rig: Rig): Promise<void> {
  const applied = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'database' },
    stringData: { p: canaries.lastApplied },
  };
  const lastApplied = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(applied) };
  const metadata = { name: 'database', annotations: lastApplied };
  await story.create('bob', 'secrets', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata,
    stringData: { password: canaries.secret },
  });
  await story.patch(
    'bob',
    { resource: 'secrets', name: 'database', type: 'merge' },
    { stringData: { password: canaries.rotated } },
  );
  const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' } };
  const applySettings = (data: Loose) =>
    story.patch('alice', { resource: 'configmaps', name: 'settings', type: 'apply' }, { ...settings, data });
  await applySettings({ mode: 'slow', password: canaries.configMap });
  await applySettings({ mode: 'fast', password: canaries.configMap });
  for (const name of ['batch-1', 'batch-2', 'batch-3'])
    await story.create('alice', 'configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, labels: { batch: 'yes' } },
    });
  const collection = `${paths.configmaps}?labelSelector=batch%3Dyes`;
  const swept = await call(rig.as('bob'), collection, { method: 'DELETE', userAgent: kubectlAgent });
  assert.equal(swept.status, 200);
}

export type DebugStory = Readonly<Record<'created' | 'removed', Act>>;

/** The debug pod that was left privileged, and found. */
export async function playDebugPod(story: Story): Promise<DebugStory> {
  const created = await story.create('bob', 'pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'debug', labels },
    spec: {
      containers: [{ name: 'shell', image: 'registry.k8s.io/shell:1.0.0', securityContext: { privileged: true } }],
    },
  });
  return { created, removed: await story.remove('bob', 'pods', 'debug') };
}

/** A kind that did not exist when the agent started. `whenWatched` resolves when the agent and the witness follow it. */
export async function playCustomResource(story: Story, whenWatched: () => Promise<void>): Promise<void> {
  const names = { plural: 'orders', singular: 'order', kind: 'Order' };
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  await story.create('bob', 'definitions', {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'orders.shop.example.com' },
    spec: {
      group: 'shop.example.com',
      scope: 'Namespaced',
      names,
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
  await whenWatched();
  const order = { apiVersion: 'shop.example.com/v1', kind: 'Order', metadata: { name: 'first' } };
  await story.create('bob', 'orders', { ...order, spec: { items: 1, apiToken: canaries.custom } });
  await story.patch('bob', { resource: 'orders', name: 'first', type: 'merge' }, { spec: { items: 2 } });
  await story.remove('bob', 'orders', 'first');
}

/** Requests that change nothing: refused, dry, and without effect. */
export async function playNothing(rig: Rig): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'never' } };
  const refused = await call(rig.as('eve'), paths.configmaps, { method: 'POST', body, userAgent: kubectlAgent });
  assert.equal(refused.status, 403);
  const dry = await call(rig.as('alice'), `${paths.configmaps}?dryRun=All`, { method: 'POST', body });
  assert.equal(dry.status, 201);
  const same = { spec: { replicas: 3 } };
  const options = { method: 'PATCH', body: same, contentType: contentTypes.merge };
  assert.equal((await call(rig.as('bob'), `${paths.deployments}/web`, options)).status, 200);
}
