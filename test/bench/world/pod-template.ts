import type { JsonObject } from '@driftline/proto';
import type { Random } from './random.ts';

/** A pod's spec with one or two containers: some careful, some not, as they are found. */
export function podTemplate(place: {
  readonly random: Random;
  readonly app: string;
  readonly index: number;
}): JsonObject {
  const { index, app } = place;
  const containers = [container(place, 'web', 8080)];
  if (index % 3 === 1) containers.push(container(place, 'proxy', 15_001));
  return {
    containers,
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    serviceAccountName: app,
    terminationGracePeriodSeconds: 30,
    securityContext: index % 5 === 0 ? {} : { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    volumes: [
      { name: 'config', configMap: { name: `${app}-config`, defaultMode: 420 } },
      ...(index % 8 === 7 ? [{ name: 'host', hostPath: { path: '/var/log', type: '' } }] : []),
    ],
  };
}

function container(
  { random, app, index }: { readonly random: Random; readonly app: string; readonly index: number },
  name: string,
  port: number,
): JsonObject {
  const isCareful = index % 2 === 0;
  const probe = {
    failureThreshold: 3,
    httpGet: { path: '/healthz', port: 'http', scheme: 'HTTP' },
    periodSeconds: 10,
    successThreshold: 1,
    timeoutSeconds: 1,
  };
  return {
    name,
    image: isCareful
      ? `registry.example.com/shop/${app}@sha256:${random.hex(64)}`
      : `registry.example.com/shop/${app}:1.${random.below(40)}.${random.below(20)}`,
    imagePullPolicy: 'IfNotPresent',
    args: ['--listen', `:${port}`, '--log-level=info'],
    env: [
      ...Array.from({ length: 6 }, (_, i) => ({ name: `SETTING_${i}`, value: random.hex(12) })),
      { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
      { name: 'DATABASE_PASSWORD', valueFrom: { secretKeyRef: { name: `${app}-db`, key: 'password' } } },
    ],
    ports: [{ containerPort: port, name: 'http', protocol: 'TCP' }],
    livenessProbe: probe,
    readinessProbe: probe,
    resources:
      index % 4 === 3 ? {} : { limits: { cpu: '500m', memory: '512Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
    securityContext: isCareful
      ? {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          readOnlyRootFilesystem: true,
        }
      : {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    volumeMounts: [{ mountPath: '/etc/app', name: 'config', readOnly: true }],
  };
}
