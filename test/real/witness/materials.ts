/** What the writers write: small objects of several kinds, each with something that changes and something that does not count. */
import type { Random } from './random.ts';

export type Material = {
  /** Below /apis or /api, with `NS` for the namespace. */
  readonly collection: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** Strategic merge patches are for built-in kinds alone. */
  readonly isBuiltIn: boolean;
  /** What the object says beside its metadata in this turn. */
  readonly content: (turn: number, random: Random) => Readonly<Record<string, unknown>>;
};

const pods = (labels: Readonly<Record<string, string>>, image: string) => ({
  metadata: { labels },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image, env: [{ name: 'MODE', value: 'quiet' }], resources: { limits: { cpu: '1' } } }],
  },
});

export const materials: readonly Material[] = [
  {
    collection: '/api/v1/namespaces/NS/configmaps',
    apiVersion: 'v1',
    kind: 'ConfigMap',
    isBuiltIn: true,
    content: (turn, random) => ({
      data: {
        turn: String(turn),
        text: 'x'.repeat(turn % 300),
        ...(random.chance(0.2) ? { password: `pw-${turn}` } : {}),
      },
    }),
  },
  {
    collection: '/api/v1/namespaces/NS/secrets',
    apiVersion: 'v1',
    kind: 'Secret',
    isBuiltIn: true,
    // A secret that is written again with the same value is no change.
    content: (turn) => ({ stringData: { value: `secret-${Math.floor(turn / 2)}` } }),
  },
  {
    collection: '/api/v1/namespaces/NS/services',
    apiVersion: 'v1',
    kind: 'Service',
    isBuiltIn: true,
    content: (turn) => ({
      spec: { selector: { turn: String(turn) }, ports: [{ name: 'web', port: 80 + (turn % 3) }] },
    }),
  },
  {
    collection: '/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies',
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    isBuiltIn: true,
    content: (turn) => ({ spec: { podSelector: { matchLabels: { turn: String(turn) } }, policyTypes: ['Ingress'] } }),
  },
  {
    collection: '/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles',
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    isBuiltIn: true,
    content: (turn) => ({
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: turn % 2 === 0 ? ['get'] : ['get', 'list'] }],
    }),
  },
  {
    collection: '/apis/apps/v1/namespaces/NS/deployments',
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    isBuiltIn: true,
    content: (turn) => ({
      spec: {
        replicas: turn % 3,
        selector: { matchLabels: { app: 'witness' } },
        template: pods({ app: 'witness' }, `registry.k8s.io/web:1.${turn % 5}`),
      },
    }),
  },
  {
    collection: '/api/v1/namespaces/NS/pods',
    apiVersion: 'v1',
    kind: 'Pod',
    isBuiltIn: true,
    content: () => pods({ app: 'bare' }, 'registry.k8s.io/pause:3.10'),
  },
];

/** A custom kind of its own for each number, with a schema that keeps what it does not know. */
export const customKind = (
  number: number,
): { readonly definition: object; readonly name: string; readonly material: Material } => {
  const [group, plural, kind] = ['witness.example.com', `widget${number}s`, `Widget${number}`];
  return {
    name: `${plural}.${group}`,
    definition: {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural, singular: `widget${number}`, kind, listKind: `${kind}List` },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    },
    material: {
      collection: `/apis/${group}/v1/namespaces/NS/${plural}`,
      apiVersion: `${group}/v1`,
      kind,
      isBuiltIn: false,
      content: (turn) => ({
        spec: { turn, ['__proto__x']: 'harmless', nested: { list: [turn, turn % 2 === 0, null] } },
      }),
    },
  };
};
