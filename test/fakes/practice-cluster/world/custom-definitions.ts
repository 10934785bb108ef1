import type { JsonObject } from '../object/json.ts';

type Definition = {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly versions: readonly string[];
  readonly shortNames?: readonly string[];
  readonly columns?: readonly (readonly [name: string, path: string])[];
};

const open: JsonObject = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** A CustomResourceDefinition that keeps every field; the last version is the stored one. */
export const definition = (of: Definition): JsonObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${of.plural}.${of.group}` },
  spec: {
    group: of.group,
    scope: of.namespaced ? 'Namespaced' : 'Cluster',
    names: {
      kind: of.kind,
      plural: of.plural,
      singular: of.kind.toLowerCase(),
      listKind: `${of.kind}List`,
      shortNames: [...(of.shortNames ?? [])],
    },
    versions: of.versions.map((name, index) => ({
      name,
      served: true,
      storage: index === of.versions.length - 1,
      schema: { openAPIV3Schema: { type: 'object', properties: { spec: open, status: open, operation: open } } },
      subresources: { status: {} },
      additionalPrinterColumns: (of.columns ?? []).map(([column, jsonPath]) => ({
        name: column,
        type: 'string',
        jsonPath,
      })),
    })),
  },
});

export const gatewayDefinitions = (): JsonObject[] => [
  definition({
    group: 'gateway.networking.k8s.io',
    kind: 'GatewayClass',
    plural: 'gatewayclasses',
    namespaced: false,
    versions: ['v1'],
    shortNames: ['gc'],
    columns: [['Controller', '.spec.controllerName']],
  }),
  definition({
    group: 'gateway.networking.k8s.io',
    kind: 'Gateway',
    plural: 'gateways',
    namespaced: true,
    versions: ['v1beta1', 'v1'],
    shortNames: ['gtw'],
    columns: [['Class', '.spec.gatewayClassName']],
  }),
  definition({
    group: 'gateway.networking.k8s.io',
    kind: 'HTTPRoute',
    plural: 'httproutes',
    namespaced: true,
    versions: ['v1beta1', 'v1'],
    columns: [['Hostnames', '.spec.hostnames']],
  }),
];

export const argoDefinitions = (): JsonObject[] => [
  definition({
    group: 'argoproj.io',
    kind: 'Application',
    plural: 'applications',
    namespaced: true,
    versions: ['v1alpha1'],
    shortNames: ['app', 'apps'],
    columns: [
      ['Sync Status', '.status.sync.status'],
      ['Health Status', '.status.health.status'],
      ['Revision', '.status.sync.revision'],
    ],
  }),
];
