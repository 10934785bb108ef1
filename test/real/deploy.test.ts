/**
 * What is deployed, on a real API server: the manifests pass the restricted Pod Security level, and give the agent's
 * ServiceAccount every read and no write.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { call, openWatch } from '../contract/kube-client.ts';
import type { ContractCluster } from '../contract/kube-client.ts';
import { until } from '../fakes/embedded/process.ts';
import { startControlPlane } from './control-plane/control-plane.ts';
import type { ControlPlane } from './control-plane/control-plane.ts';
import { discover, nameOf, pathOf, watchable } from './discover.ts';
import type { Served } from './discover.ts';
import { withWebhook } from './deploy/agent-values.ts';
import { namespace, renderChart } from './deploy/helm.ts';
import type { Loose } from './deploy/helm.ts';
import { manifests, manifestsFolder } from './deploy/plain-manifests.ts';

const readVerbs = ['get', 'list', 'watch'];

describe('on a real API server', () => {
  let control: ControlPlane;
  let admin: ContractCluster;
  let agent: ContractCluster;
  let served: readonly Served[];

  /** Applies as a person would; what the API server warns of comes on standard error. */
  const apply = (yaml: string): void => {
    const { status, stderr } = control.kubectlAs('admin', ['apply', '--server-side', '-n', namespace, '-f', '-'], yaml);
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
  };

  before(async () => {
    control = startControlPlane();
    const ca = readFileSync(control.caFile, 'utf8');
    admin = { url: control.server, token: control.adminToken, ca, close: async () => {} };
    apply(readFileSync(join(manifestsFolder, 'namespace.yaml'), 'utf8'));
    apply(renderChart('driftline-agent', withWebhook));
    const token = control.kubectl(['create', 'token', 'driftline-agent', '-n', namespace]).trim();
    agent = { ...admin, token };
    served = await discover(admin);
  });
  after(() => control.stop());

  test('everything is accepted without a warning, and pods are admitted at the restricted level', async () => {
    for (const { file } of manifests) apply(readFileSync(join(manifestsFolder, file), 'utf8'));
    const wanted = ['agent', 'collector', 'gateway', 'worker'].map((name) => `driftline-${name}`);
    let pods: readonly string[] = [];
    const areThere = () => {
      const list = JSON.parse(control.kubectl(['get', 'pods', '-n', namespace, '-o', 'json'])) as Loose;
      pods = (list.items as Loose[]).map((pod) => String(pod.metadata.name));
      return wanted.every((name) => pods.some((pod) => pod.startsWith(name)));
    };
    await until(areThere, 'a pod of each').catch((error: unknown) => assert.fail(`${String(error)}: ${pods.join()}`));
    const events = control.kubectl(['get', 'events', '-n', namespace, '--field-selector', 'reason=FailedCreate']);
    assert.equal(events, '');
    apply(renderChart('driftline-agent', withWebhook));
  });

  test('the level is enforced: the same pod with one right more is refused', () => {
    const privileged = renderChart('driftline-agent', withWebhook).replace(
      'allowPrivilegeEscalation: false',
      'allowPrivilegeEscalation: true',
    );
    const { stderr } = control.kubectlAs('admin', ['apply', '--dry-run=server', '-f', '-'], privileged);
    assert.match(stderr, /would violate PodSecurity "restricted/);
  });

  test('the agent may read every kind that it watches by default', async () => {
    const kinds = watchable(served);
    assert.ok(kinds.length > 50, `only ${kinds.length} kinds are served`);
    const denied: string[] = [];
    for (const kind of kinds) {
      const list = await call(agent, `${pathOf(kind)}?limit=1`);
      const resourceVersion = String(list.body.metadata?.resourceVersion);
      const watch = await openWatch(agent, pathOf(kind), { timeoutSeconds: '1', resourceVersion });
      watch.close();
      if (list.status !== 200 || watch.status !== 200) denied.push(`${nameOf(kind)}: ${list.status} ${watch.status}`);
    }
    assert.deepEqual(denied, []);
  });

  test('the rules of the agent in any namespace hold no verb but get, list and watch', async () => {
    for (const where of [namespace, 'default', 'kube-system']) {
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectRulesReview',
        spec: { namespace: where },
      };
      const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
      const { body: review } = await call(agent, path, { method: 'POST', body });
      assert.equal(review.status.incomplete, false);
      const rules = review.status.resourceRules as { verbs: string[]; apiGroups: string[]; resources: string[] }[];
      // What Kubernetes gives to every authenticated user: asking about oneself.
      const own = rules.filter(
        ({ resources }) => !resources.every((resource) => /^selfsubject(access|rules)?reviews$/.test(resource)),
      );
      assert.ok(own.length > 10);
      for (const { verbs, resources } of own) {
        assert.deepEqual(
          verbs.filter((verb) => !readVerbs.includes(verb)),
          [],
          resources.join(),
        );
        assert.deepEqual(
          resources.filter((resource) => resource.includes('/')),
          [],
        );
      }
    }
  });

  test('every write to every resource, and every subresource, is denied', async () => {
    const writes = [
      'create',
      'update',
      'patch',
      'delete',
      'deletecollection',
      'impersonate',
      'bind',
      'escalate',
      'approve',
    ];
    const questions = served.flatMap(({ group, version, resource }) => {
      const [name = '', subresource] = resource.split('/');
      if (/^selfsubject(access|rules)?reviews$/.test(name)) return [];
      const verbs = subresource === undefined ? writes : [...writes, ...readVerbs];
      return verbs.map((verb) => ({ verb, group, version, resource: name, ...(subresource && { subresource }) }));
    });
    assert.ok(questions.length > 1_000);
    const allowed: string[] = [];
    const ask = async (attributes: (typeof questions)[number]): Promise<void> => {
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { namespace, ...attributes } },
      };
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      const answer = await call(agent, path, { method: 'POST', body });
      assert.equal(answer.status, 201);
      if (answer.body.status.allowed) allowed.push(`${attributes.verb} ${attributes.resource}`);
    };
    for (let at = 0; at < questions.length; at += 50) await Promise.all(questions.slice(at, at + 50).map(ask));
    assert.deepEqual(allowed, []);
  });

  test('attempts to write, to exec and to reach through a proxy are answered with 403', async () => {
    const metadata = { name: 'attempt' };
    const pod = { metadata, spec: { containers: [{ name: 'a', image: 'a' }] } };
    const collection = (kind: string): string => `/api/v1/namespaces/default/${kind}`;
    for (const kind of ['configmaps', 'secrets', 'serviceaccounts']) {
      const body = { apiVersion: 'v1', metadata: { ...metadata } };
      assert.ok([201, 409].includes((await call(admin, collection(kind), { method: 'POST', body })).status));
    }
    const run = { method: 'POST', body: pod };
    assert.equal((await call(admin, collection('pods'), run)).status, 201);
    const patch = {
      method: 'PATCH',
      body: { metadata: { labels: { a: 'b' } } },
      contentType: 'application/merge-patch+json',
    };
    const attempts = ['configmaps', 'secrets', 'serviceaccounts', 'pods'].flatMap((kind) => [
      { path: collection(kind), ...run },
      { path: `${collection(kind)}/attempt`, method: 'PUT', body: pod },
      { path: `${collection(kind)}/attempt`, ...patch },
      { path: `${collection(kind)}/attempt`, method: 'DELETE' },
      { path: collection(kind), method: 'DELETE' },
    ]);
    const through = [
      `${collection('pods')}/attempt/exec?command=id&stdout=true`,
      `${collection('pods')}/attempt/attach?stdout=true`,
      `${collection('pods')}/attempt/portforward?ports=80`,
      `${collection('pods')}/attempt/proxy/`,
      `${collection('pods')}/attempt/log`,
      `${collection('services')}/kubernetes/proxy/`,
      '/api/v1/nodes/any/proxy/run/default/p/c?cmd=id',
      '/api/v1/nodes/any/proxy/metrics',
    ].flatMap((path) => [{ path }, { path, method: 'POST' }]);
    const elsewhere = [
      { path: `${collection('serviceaccounts')}/attempt/token`, method: 'POST', body: { spec: {} } },
      { path: '/api/v1/namespaces', method: 'POST', body: { metadata } },
      { path: '/apis/rbac.authorization.k8s.io/v1/clusterroles/driftline-agent', ...patch },
      { path: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`, method: 'POST', body: { metadata } },
      { path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', method: 'POST', body: { metadata } },
    ];
    const answers = await Promise.all(
      [...attempts, ...through, ...elsewhere].map(async ({ path, ...options }) => {
        const { status } = await call(agent, path, options);
        return status === 403 ? '' : `${'method' in options ? options.method : 'GET'} ${path}: ${status}`;
      }),
    );
    assert.deepEqual(
      answers.filter((answer) => answer !== ''),
      [],
    );
  });

  test('without leave to read Secrets the agent is refused them and nothing else', async () => {
    apply(renderChart('driftline-agent', { ...withWebhook, 'rbac.secrets': false }));
    // The authoriser follows its own watch.
    await until(async () => (await call(agent, '/api/v1/secrets')).status === 403, 'Secrets are refused');
    assert.equal((await call(agent, '/api/v1/configmaps')).status, 200);
  });
});
