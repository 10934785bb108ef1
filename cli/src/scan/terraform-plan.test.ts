import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanFiles, told } from './testing/scan-files.ts';

const resource = (address: string, type: string, values: unknown) => ({ address, mode: 'managed', type, values });
const plan = (root: unknown) =>
  JSON.stringify({ format_version: '1.2', terraform_version: '1.9.0', planned_values: { root_module: root } }, null, 1);

const pod = {
  host_network: true,
  service_account_name: 'web',
  container: [
    {
      name: 'web',
      image: 'registry.example.org/web:1.0',
      command: [],
      port: [{ container_port: 80 }],
      env: [
        { name: 'LOG', value: 'info', value_from: [] },
        {
          name: 'TOKEN',
          value: '',
          value_from: [{ secret_key_ref: [{ name: 'web', key: 'token' }] }],
        },
      ],
      resources: [{ limits: { cpu: '1', memory: '1Gi' }, requests: null }],
      security_context: [{ privileged: true, run_as_non_root: true, capabilities: [{ add: ['NET_ADMIN'], drop: [] }] }],
      liveness_probe: [{ http_get: [{ path: '/live', port: '80' }] }],
    },
  ],
  volume: [
    { name: 'a', secret: [{ secret_name: 's', items: [{ key: 'k', path: 'p' }] }] },
    { name: 'h', host_path: [{ path: '/' }] },
  ],
};
const meta = [{ name: 'web', namespace: 'shop', labels: { app_name: 'web' }, annotations: null }];

test("the provider's blocks become the manifest they stand for", async () => {
  const report = await scanFiles({
    'plan.json': plan({
      resources: [
        resource('kubernetes_deployment_v1.web', 'kubernetes_deployment_v1', {
          id: null,
          metadata: meta,
          wait_for_rollout: true,
          spec: [
            {
              replicas: '1',
              selector: [{ match_labels: { app_name: 'web' } }],
              template: [{ metadata: meta, spec: [pod] }],
            },
          ],
        }),
        resource('kubernetes_ingress_v1.web', 'kubernetes_ingress_v1', {
          metadata: meta,
          spec: [
            {
              rule: [
                {
                  host: 'x.example.org',
                  http: [
                    {
                      path: [
                        {
                          path: '/',
                          path_type: 'Prefix',
                          backend: [{ service: [{ name: 'web', port: [{ number: 80 }] }] }],
                        },
                      ],
                    },
                  ],
                },
              ],
              tls: [],
            },
          ],
        }),
        resource('kubernetes_cluster_role.r', 'kubernetes_cluster_role', {
          metadata: [{ name: 'r' }],
          rule: [{ api_groups: ['*'], resources: ['*'], verbs: ['*'] }],
        }),
        resource('kubernetes_unknown.x', 'kubernetes_unknown', { metadata: meta }),
        { ...resource('data.kubernetes_secret.x', 'kubernetes_secret', { metadata: meta }), mode: 'data' },
      ],
    }),
  });
  const [deployment, ingress, role, ...others] = report.objects.map(({ object }) => object);
  assert.deepEqual(others, []);
  const metadata = { name: 'web', namespace: 'shop', labels: { app_name: 'web' } };
  assert.deepEqual(deployment, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas: '1',
      selector: { matchLabels: { app_name: 'web' } },
      template: {
        metadata,
        spec: {
          hostNetwork: true,
          serviceAccountName: 'web',
          containers: [
            {
              name: 'web',
              image: 'registry.example.org/web:1.0',
              ports: [{ containerPort: 80 }],
              env: [
                { name: 'LOG', value: 'info' },
                { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'web', key: 'token' } } },
              ],
              resources: { limits: { cpu: '1', memory: '1Gi' } },
              securityContext: { privileged: true, runAsNonRoot: true, capabilities: { add: ['NET_ADMIN'] } },
              livenessProbe: { httpGet: { path: '/live', port: '80' } },
            },
          ],
          volumes: [
            { name: 'a', secret: { secretName: 's', items: [{ key: 'k', path: 'p' }] } },
            { name: 'h', hostPath: { path: '/' } },
          ],
        },
      },
    },
  });
  assert.deepEqual(ingress?.['spec'], {
    rules: [
      {
        host: 'x.example.org',
        http: {
          paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }],
        },
      },
    ],
  });
  assert.deepEqual(role, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'r' },
    rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
  });
});

test('findings of a plan have its address and point at the resource; credentials are looked for in all of it', async () => {
  const manifest = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'q', namespace: 'shop' },
    spec: { hostPID: true },
  };
  const report = await scanFiles({
    'plan.json': plan({
      resources: [resource('aws_db_instance.db', 'aws_db_instance', { password: 'hunter2hunter2' })],
      child_modules: [{ resources: [resource('module.a.kubernetes_manifest.q', 'kubernetes_manifest', { manifest })] }],
    }),
  });
  assert.deepEqual(told(report, 'DL-POD-002', 'DL-SCAN-001'), [
    'DL-SCAN-001 plan.json:12 planned_values.root_module.resources[0].values.password',
    'DL-POD-002 plan.json:23 Pod shop/q spec.hostPID',
  ]);
  assert.equal(
    report.findings.find(({ control }) => control.id === 'DL-POD-002')?.address,
    'module.a.kubernetes_manifest.q',
  );
  assert.ok(!JSON.stringify(report.findings).includes('hunter2'));
});
