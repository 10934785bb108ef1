import type { Actor, ActorIdentity } from '../actor.ts';
import type { JsonObject } from '../object/json.ts';
import { alice, argo, helm, pipeline } from '../stories/people.ts';
import { argoDefinitions } from './custom-definitions.ts';
import { gitOps } from './gitops.ts';
import { chart, releaseSecret } from './helm.ts';
import * as make from './manifests.ts';

const registry = 'registry.example.com';
const image = (name: string, tag: string) => `${registry}/${name}:${tag}`;
const fromNamespace = (name: string): JsonObject => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
});
const secretEnv = (name: string, secretName: string, key: string): JsonObject => ({
  name,
  valueFrom: { secretKeyRef: { name: secretName, key } },
});

const restricted = {
  'pod-security.kubernetes.io/enforce': 'restricted',
  'pod-security.kubernetes.io/warn': 'restricted',
};
const team = (owner: string, environment: string, classification: string) => ({
  owner,
  environment,
  'data-classification': classification,
});

/** Teams, what they may, and where they live. */
const foundations = (): JsonObject[] => [
  make.binding('', 'platform-admins', 'cluster-admin', [{ kind: 'Group', name: 'platform-admins' }]),
  make.namespace('shop', { ...team('shop', 'production', 'internal'), ...restricted }),
  make.namespace('payments', { ...team('payments', 'production', 'confidential'), ...restricted }),
  make.namespace('data', team('data', 'production', 'confidential')),
  make.namespace('internal-tools', { owner: 'platform' }),
  make.namespace('ingress-nginx', {
    ...team('platform', 'production', 'public'),
    'pod-security.kubernetes.io/enforce': 'baseline',
  }),
  make.namespace('argocd', team('platform', 'production', 'internal')),
  make.namespace('ci', team('platform', 'build', 'internal')),
  make.serviceAccount('argocd', 'argocd-application-controller'),
  make.serviceAccount('ci', 'deployer'),
  make.binding('', 'argocd-application-controller', 'cluster-admin', [
    { kind: 'ServiceAccount', name: 'argocd-application-controller', namespace: 'argocd' },
  ]),
  make.binding('shop', 'shop-developers', 'edit', [{ kind: 'Group', name: 'shop-developers' }]),
  make.binding('payments', 'payments-developers', 'view', [{ kind: 'Group', name: 'payments-developers' }]),
  make.binding('data', 'data-engineers', 'edit', [{ kind: 'Group', name: 'data-engineers' }]),
  make.binding('internal-tools', 'ci-deployer', 'edit', [
    { kind: 'ServiceAccount', name: 'deployer', namespace: 'ci' },
  ]),
  make.binding('ci', 'ci-deployer', 'role/pipeline-runs', [
    { kind: 'ServiceAccount', name: 'deployer', namespace: 'ci' },
  ]),
  make.role('ci', 'pipeline-runs', [
    { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'list', 'watch', 'delete'] },
  ]),
  make.role('', 'support-read-pods', [
    { apiGroups: [''], resources: ['pods', 'pods/log', 'events'], verbs: ['get', 'list', 'watch'] },
  ]),
  make.binding('', 'support', 'support-read-pods', [{ kind: 'Group', name: 'support' }]),
  ...argoDefinitions(),
];

/** What the GitOps controller keeps. */
const shop = (): JsonObject[] => [
  make.quota('shop'),
  make.denyAll('shop'),
  make.allowFrom('shop', 'frontend', fromNamespace('ingress-nginx'), 8080),
  make.allowFrom('shop', 'checkout', { podSelector: { matchLabels: { 'app.kubernetes.io/name': 'frontend' } } }, 8080),
  make.configMap('shop', 'frontend-config', {
    'features.yaml': 'search: true\nrecommendations: false\n',
    LOG_LEVEL: 'info',
  }),
  make.workload('shop', 'frontend', {
    image: image('shop/frontend', '4.12.0'),
    replicas: 3,
    port: 8080,
    owner: 'shop',
  }),
  make.workload('shop', 'checkout', {
    image: image('shop/checkout', '2.8.1'),
    port: 8080,
    owner: 'shop',
    env: [secretEnv('PAYMENTS_TOKEN', 'checkout-credentials', 'token')],
  }),
  make.workload('shop', 'catalog', { image: image('shop/catalog', '1.31.0'), port: 8080, owner: 'shop' }),
  make.workload('shop', 'cart', { image: image('shop/cart', '1.9.4'), port: 8080, owner: 'shop' }),
  ...['frontend', 'checkout', 'catalog', 'cart'].flatMap((name) => [
    make.service('shop', name, 80),
    make.budget('shop', name),
  ]),
  make.autoscaler('shop', 'frontend'),
  make.ingress('shop', 'frontend', 'shop.example.com'),
];

const payments = (): JsonObject[] => [
  make.quota('payments'),
  make.denyAll('payments'),
  make.allowFrom('payments', 'payments-api', fromNamespace('shop'), 8443),
  make.serviceAccount('payments', 'payments-api'),
  make.workload('payments', 'payments-api', {
    image: image('payments/api', '7.3.2'),
    port: 8443,
    owner: 'payments',
    account: 'payments-api',
    env: [secretEnv('DATABASE_URL', 'payments-db', 'url')],
  }),
  make.workload('payments', 'ledger', {
    kind: 'StatefulSet',
    image: image('payments/ledger', '3.0.5'),
    replicas: 2,
    port: 5432,
    owner: 'payments',
  }),
  make.workload('payments', 'fraud-check', {
    image: image('payments/fraud-check', '0.14.0'),
    replicas: 1,
    port: 8080,
    owner: 'payments',
  }),
  ...['payments-api', 'ledger', 'fraud-check'].map((name) => make.service('payments', name, 80)),
  make.budget('payments', 'payments-api'),
  make.cronJob('payments', 'settlement', '15 3 * * *', image('payments/settlement', '2.2.0')),
];

/** Applied by hand, long ago: not everything is as tidy as it should be. */
const tools = (): JsonObject[] => [
  make.workload('internal-tools', 'wiki', {
    image: 'docker.io/library/wiki:latest',
    replicas: 1,
    port: 3000,
    owner: 'platform',
    hardened: false,
  }),
  make.workload('internal-tools', 'admin-panel', {
    image: image('tools/admin-panel', '0.9.0'),
    replicas: 1,
    port: 8080,
    owner: 'platform',
    hardened: false,
  }),
  make.workload('internal-tools', 'report-runner', {
    image: image('tools/report-runner', '1.1.0'),
    replicas: 1,
    owner: 'data',
    env: [{ name: 'LOG_LEVEL', value: 'debug' }],
    hardened: false,
  }),
  make.service('internal-tools', 'wiki', 80),
  make.service('internal-tools', 'admin-panel', 80),
];

const data = (): JsonObject[] => [
  make.workload('data', 'warehouse', {
    kind: 'StatefulSet',
    image: image('data/warehouse', '24.8.3'),
    replicas: 1,
    port: 8123,
    owner: 'data',
  }),
  make.workload('data', 'events-collector', {
    image: image('data/events-collector', '5.2.0'),
    port: 4318,
    owner: 'data',
  }),
  make.service('data', 'warehouse', 8123),
  make.service('data', 'events-collector', 4318),
  make.denyAll('data'),
];

const edge = (): JsonObject[] => [
  make.workload('ingress-nginx', 'ingress-nginx-controller', {
    image: image('mirror/ingress-nginx', '1.13.0'),
    port: 8080,
    owner: 'platform',
  }),
  make.service('ingress-nginx', 'ingress-nginx-controller', 80, 'LoadBalancer'),
  make.workload('kube-system', 'node-agent', {
    kind: 'DaemonSet',
    image: image('mirror/node-agent', '3.1.4'),
    owner: 'platform',
  }),
];

/** Synthetic values: nothing here opens anything. */
const secrets = (): JsonObject[] => [
  make.secret('shop', 'checkout-credentials', 'Opaque', { token: 'practice-only-checkout-token' }),
  make.secret('payments', 'payments-db', 'Opaque', { url: 'postgres://practice:practice-only@ledger/payments' }),
  make.secret('shop', 'frontend-tls', 'kubernetes.io/tls', {
    'tls.crt': 'practice certificate',
    'tls.key': 'practice key',
  }),
  make.secret('ci', 'registry-pull', 'kubernetes.io/dockerconfigjson', {
    '.dockerconfigjson': '{"auths":{"registry.example.com":{"auth":"cHJhY3RpY2U6cHJhY3RpY2U="}}}',
  }),
];

const withLastApplied = (object: JsonObject): JsonObject => {
  const text = `${JSON.stringify(object)}\n`;
  const metadata = object['metadata'] as JsonObject;
  return {
    ...object,
    metadata: { ...metadata, annotations: { 'kubectl.kubernetes.io/last-applied-configuration': text } },
  };
};

/** A small company: seven namespaces, some fifteen workloads, kept by GitOps, Helm, a pipeline and by hand. */
export const createCompany = (actorOf: (identity: ActorIdentity) => Actor): void => {
  const setup = actorOf({ ...alice, isTrusted: true });
  for (const object of foundations()) setup.create(object, '?fieldManager=kubectl-client-side-apply');
  for (const object of secrets()) setup.create(object, '?fieldManager=kubectl-create');
  gitOps.install(actorOf(argo), {
    application: 'shop',
    namespace: 'shop',
    revision: '3f1c9d0a7be24c5f8a6d1e2b9c4f7a8e5d6b1c2a',
    objects: shop(),
  });
  gitOps.install(actorOf(argo), {
    application: 'payments',
    namespace: 'payments',
    revision: '9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b',
    objects: payments(),
  });
  for (const object of data())
    actorOf(helm).create(
      chart(object, { release: 'data-platform', namespace: 'data', chart: 'data-platform-1.4.0' }),
      '?fieldManager=helm',
    );
  actorOf(helm).create(
    releaseSecret({
      release: 'data-platform',
      namespace: 'data',
      chart: 'data-platform',
      version: '1.4.0',
      revision: 1,
    }),
    '?fieldManager=Helm',
  );
  for (const object of edge()) setup.create(withLastApplied(object), '?fieldManager=kubectl-client-side-apply');
  for (const object of tools())
    actorOf(pipeline).create(withLastApplied(object), '?fieldManager=kubectl-client-side-apply');
};
