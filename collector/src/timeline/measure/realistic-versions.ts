/** Deployments of 2–4 KB and their later versions, as a cluster would make them: for measuring and for tests. */
import type { VersionRow } from '../rows.ts';

export type VersionSource = {
  /** Next version of object i, `0 ≤ i < objects`. */ next(i: number, sequence: number): VersionRow;
};

export function createVersionSource(startUs: number): VersionSource {
  const generations = new Map<number, number>();
  return {
    next(i, sequence) {
      const generation = (generations.get(i) ?? 0) + 1;
      generations.set(i, generation);
      const isNew = generation === 1;
      return {
        sequence,
        group: 'apps',
        resource: 'deployments',
        kind: 'Deployment',
        apiVersion: 'apps/v1',
        namespace: `team-${i % 40}`,
        name: `service-${i}`,
        uid: uidOf(i),
        resourceVersion: String(100_000 + sequence * 3),
        op: isNew ? 'created' : 'modified',
        observedAtUs: startUs + sequence * 20_000,
        notBeforeUs: startUs + sequence * 20_000 - 15_000,
        paths: isNew ? [] : changedPaths(generation),
        body: JSON.stringify(deployment(i, generation)),
        managers: [
          {
            manager: 'kubectl-client-side-apply',
            operation: 'Update',
            subresource: '',
            timeUs: startUs + sequence * 20_000,
            paths: changedPaths(generation),
          },
        ],
        synthesised: false,
      };
    },
  };
}

function changedPaths(generation: number): readonly string[] {
  return generation % 3 === 0
    ? ['/spec/replicas', '/metadata/generation']
    : ['/spec/template/spec/containers/0/image', '/metadata/generation'];
}

/** Pseudo-random but the same in every run. */
function digits(seed: number, count: number): string {
  let state = (seed * 2654435761) % 4294967296;
  let text = '';
  while (text.length < count) {
    state = (state * 1664525 + 1013904223) % 4294967296;
    text += Math.floor(state).toString(16).padStart(8, '0');
  }
  return text.slice(0, count);
}

function uidOf(i: number): string {
  const hex = digits(i + 17, 32);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function deployment(i: number, generation: number): object {
  const labels = {
    'app.kubernetes.io/name': `service-${i}`,
    'app.kubernetes.io/part-of': `shop-${i % 40}`,
    owner: `team-${i % 40}`,
    environment: 'production',
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      annotations: {
        'deployment.kubernetes.io/revision': String(generation),
        'kubernetes.io/change-cause': `release ${digits(i * 131 + generation, 8)}`,
      },
      creationTimestamp: '2026-01-01T00:00:00Z',
      generation,
      labels,
      name: `service-${i}`,
      namespace: `team-${i % 40}`,
      uid: uidOf(i),
    },
    spec: {
      progressDeadlineSeconds: 600,
      replicas: 2 + (Math.floor(generation / 3) % 5),
      revisionHistoryLimit: 10,
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' }, type: 'RollingUpdate' },
      template: {
        metadata: { labels },
        spec: {
          containers: containers(i, generation),
          dnsPolicy: 'ClusterFirst',
          restartPolicy: 'Always',
          serviceAccountName: `service-${i}`,
        },
      },
    },
  };
}

function containers(i: number, generation: number): readonly object[] {
  const release = Math.ceil((generation * 2) / 3);
  return Array.from({ length: 1 + (i % 3) }, (_, c) => ({
    env: Array.from({ length: 6 }, (_, e) => ({ name: `SETTING_${e}`, value: digits(i * 7 + c * 3 + e, 12) })),
    image: `registry.example.com/shop/service-${i}@sha256:${digits(i * 1009 + release * 31 + c, 64)}`,
    imagePullPolicy: 'IfNotPresent',
    livenessProbe: {
      failureThreshold: 3,
      httpGet: { path: '/healthz', port: 'http', scheme: 'HTTP' },
      periodSeconds: 10,
      successThreshold: 1,
      timeoutSeconds: 1,
    },
    name: c === 0 ? 'web' : `sidecar-${c}`,
    ports: [{ containerPort: 8080 + c, name: 'http', protocol: 'TCP' }],
    resources: { limits: { cpu: '500m', memory: '512Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    volumeMounts: [{ mountPath: `/var/run/secrets/${digits(i + c, 10)}`, name: 'config', readOnly: true }],
  }));
}
