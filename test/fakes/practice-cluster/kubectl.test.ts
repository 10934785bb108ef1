import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { builtControlPlane } from '../../real/control-plane/control-plane.ts';
import { openPracticeCluster, type PracticeCluster } from './index.ts';

/** kubectl on the PATH, or the one in the control plane that the real tests build. */
const findKubectl = (): readonly string[] | undefined => {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'kubectl'));
  const found = onPath.find((file) => existsSync(file));
  if (found !== undefined) return [found];
  const bundled = builtControlPlane();
  return bundled === undefined ? undefined : [bundled, 'kubectl'];
};

const kubectl = findKubectl();
if (kubectl === undefined) console.error('SKIPPED: 6 kubectl cases: there is no kubectl on the PATH');

const manifest = (image: string, replicas = 'replicas') => `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: default }
data: { colour: blue }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: default }
spec:
  ${replicas}: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: web, image: "${image}", ports: [{ containerPort: 80 }] }
`;

describe('kubectl', { skip: kubectl === undefined }, () => {
  let cluster: PracticeCluster;
  let directory = '';
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'practice-kubectl-'));
    cluster = await openPracticeCluster({ tls: 'generated' });
    for (const user of ['admin', 'eve@example.com']) writeFileSync(join(directory, user), cluster.kubeconfigFor(user));
  });
  after(async () => {
    await cluster.stop();
    rmSync(directory, { recursive: true, maxRetries: 10 });
  });

  const run = (args: readonly string[], options: { input?: string; user?: string; editor?: string } = {}) =>
    new Promise<{ code: number; out: string }>((resolve) => {
      const [file = '', ...first] = kubectl ?? [];
      const env = {
        ...process.env,
        HOME: directory,
        KUBECONFIG: join(directory, options.user ?? 'admin'),
        EDITOR: options.editor ?? 'false',
      };
      const child = execFile(file, [...first, ...args], { env, timeout: 120_000 }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: stdout + stderr }),
      );
      child.stdin?.end(options.input ?? '');
    });
  const ok = async (args: readonly string[], options: Parameters<typeof run>[1] = {}): Promise<string> => {
    const { code, out } = await run(args, options);
    assert.equal(code, 0, `kubectl ${args.join(' ')}: ${out}`);
    return out;
  };

  test('apply creates, leaves alone, and changes, without any flags', async () => {
    assert.match(await ok(['apply', '-f', '-'], { input: manifest('web:1') }), /deployment\.apps\/web created/);
    assert.match(await ok(['apply', '-f', '-'], { input: manifest('web:1') }), /deployment\.apps\/web unchanged/);
    assert.match(await ok(['apply', '-f', '-'], { input: manifest('web:2') }), /deployment\.apps\/web configured/);
    assert.match(
      await ok(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input: manifest('web:3') }),
      /serverside-applied/,
    );
    assert.match(await ok(['apply', '--dry-run=server', '-f', '-'], { input: manifest('web:4') }), /server dry run/);
    assert.match(
      await ok(['get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}']),
      /^web:3/,
    );
    const typo = await run(['apply', '-f', '-'], { input: manifest('web:1', 'replicaz') });
    assert.match(typo.out, /strict decoding error: unknown field "spec\.replicaz"/);
  });

  test('get prints tables, describe tells the story', async () => {
    await ok(['rollout', 'status', 'deploy/web', '--timeout=100s']);
    assert.match(
      await ok(['get', 'deployments', '-o', 'wide']),
      /NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE[^\n]*\nweb\s+1\/1/,
    );
    assert.match(await ok(['get', 'nodes']), /node-1\s+Ready\s+control-plane/);
    assert.match(await ok(['get', 'pods', '-l', 'app=web']), /web-\S+\s+1\/1\s+Running/);
    const described = await ok(['describe', 'deployment', 'web']);
    assert.match(described, /NewReplicaSet:\s+web-/);
    assert.match(described, /ScalingReplicaSet/);
  });

  test('label, annotate, patch, scale, edit and set image', async () => {
    await ok(['label', 'deploy', 'web', 'tier=front']);
    await ok(['annotate', 'deploy', 'web', 'note=x']);
    await ok(['patch', 'deploy', 'web', '-p', '{"spec":{"replicas":2}}']);
    await ok(['scale', 'deploy', 'web', '--replicas=1']);
    await ok(['set', 'image', 'deploy/web', 'web=web:9']);
    assert.match(await ok(['edit', 'deploy', 'web'], { editor: 'sed -i s/tier:.front/tier:\\ back/' }), /edited/);
    const object = cluster.store.get('deployments.apps', 'default', 'web')!;
    assert.equal(object.metadata.labels?.['tier'], 'back');
    const managers = object.metadata.managedFields?.map((entry) => entry.manager) ?? [];
    for (const name of ['kubectl-annotate', 'kubectl-edit', 'kubectl-set'])
      assert.ok(managers.includes(name), `${name} in ${managers.join()}`);
  });

  test('create with typed clients, and tokens', async () => {
    assert.match(await ok(['create', 'deployment', 'typed', '--image=typed:1', '--replicas=0']), /created/);
    assert.equal(
      (cluster.store.get('deployments.apps', 'default', 'typed')!['spec'] as { replicas: number }).replicas,
      0,
    );
    await ok(['create', 'secret', 'generic', 's', '--from-literal=a=b']);
    await ok(['create', 'role', 'reader', '--verb=get,list', '--resource=pods']);
    await ok(['create', 'rolebinding', 'reader', '--role=reader', '--user=eve@example.com']);
    assert.match(await ok(['create', 'token', 'default']), /^\S+\.\S+\.\S+/);
  });

  test('auth can-i and api-resources', async () => {
    assert.match(await ok(['auth', 'can-i', '*', '*']), /yes/);
    assert.match((await run(['auth', 'can-i', 'delete', 'pods'], { user: 'eve@example.com' })).out, /no/);
    assert.match(await ok(['auth', 'can-i', 'list', 'pods'], { user: 'eve@example.com' }), /yes/);
    assert.match(
      (await run(['delete', 'deploy', 'web'], { user: 'eve@example.com' })).out,
      /Forbidden.*eve@example\.com/s,
    );
    assert.match(await ok(['api-resources']), /httproutes\s+gateway\.networking\.k8s\.io\/v1\s+true\s+HTTPRoute/);
  });

  test('delete waits until the object is gone', async () => {
    await ok(['delete', 'deploy', '--all', '--timeout=100s']);
    assert.match(await ok(['delete', 'configmap', 'settings']), /deleted/);
    assert.match((await run(['get', 'deploy', 'web'])).out, /NotFound/);
  });
});
