/** Random histories of a small cluster: few names, so that objects meet, go and come back. */
import type { JsonObject } from '@driftline/proto';
import * as fc from 'fast-check';
import type { ObjectChange } from '../../contract.ts';
import { objectKeyOf } from '../../language/read-json.ts';

export type Step =
  | { readonly type: 'changes'; readonly changes: readonly ObjectChange[] }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'coverage'; readonly kind: string; readonly covered: boolean }
  | { readonly type: 'controls'; readonly without: number; readonly renamed: boolean };

const namespace = fc.constantFrom('a', 'b');
const name = fc.constantFrom('x', 'y', 'z');
const app = fc.constantFrom('a', 'b', 'c');
const labels = fc.record(
  {
    app,
    tier: fc.constantFrom('web', 'db'),
    team: fc.constantFrom('red', 'blue'),
    expires: fc.integer({ min: 0, max: 60 }).map(String),
  },
  { requiredKeys: [] },
);
const selector = fc.record(
  {
    matchLabels: fc.record({ app, tier: fc.constantFrom('web', 'db') }, { requiredKeys: [] }),
    matchExpressions: fc.array(
      fc.record({
        key: fc.constantFrom('app', 'tier'),
        operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
        values: fc.subarray(['a', 'web']),
      }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
);

type Body = Record<string, unknown>;
const kind = (apiVersion: string, kind: string, body: fc.Arbitrary<Body>): fc.Arbitrary<JsonObject> =>
  fc
    .tuple(kind === 'Namespace' ? fc.record({ name: namespace, labels }) : fc.record({ name, namespace, labels }), body)
    .map(([metadata, rest]) => ({ apiVersion, kind, metadata, ...rest }) as JsonObject);

const roleRef = fc.oneof(
  { weight: 9, arbitrary: fc.record({ name }) },
  { weight: 1, arbitrary: fc.constant('hostile') },
);
const subjects = fc.array(fc.record({ kind: fc.constant('ServiceAccount'), namespace, name }), { maxLength: 2 });
const rules = fc.oneof(
  { weight: 9, arbitrary: fc.array(fc.record({ verbs: fc.subarray(['get', '*', 'list']) }), { maxLength: 2 }) },
  { weight: 1, arbitrary: fc.constant('hostile') },
);

const object: fc.Arbitrary<JsonObject> = fc.oneof(
  kind('v1', 'Namespace', fc.constant({})),
  kind('v1', 'Pod', fc.record({ spec: fc.record({ serviceAccountName: name, containers: fc.constant([]) }) })),
  kind('v1', 'ServiceAccount', fc.record({ automountServiceAccountToken: fc.boolean() })),
  kind(
    'v1',
    'Service',
    fc.record({ spec: fc.record({ selector: labels, type: fc.constantFrom('ClusterIP', 'NodePort') }) }),
  ),
  kind('networking.k8s.io/v1', 'NetworkPolicy', fc.record({ spec: fc.record({ podSelector: selector }) })),
  kind('networking.k8s.io/v1', 'Ingress', fc.record({ spec: fc.record({ service: name }) })),
  kind('rbac.authorization.k8s.io/v1', 'Role', fc.record({ rules })),
  kind('rbac.authorization.k8s.io/v1', 'RoleBinding', fc.record({ roleRef, subjects })),
);

const change: fc.Arbitrary<ObjectChange> = fc
  .record({ object, uid: fc.constantFrom('1', '1', '1', '2'), gone: fc.constantFrom(false, false, true) })
  .map(({ object, uid, gone }) => ({ key: objectKeyOf(object), uid, after: gone ? undefined : object }));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      type: fc.constant('changes' as const),
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('coverage' as const),
      kind: fc.constantFrom('Role', 'Service', 'Pod', 'NetworkPolicy'),
      covered: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('controls' as const), without: fc.nat(12), renamed: fc.boolean() }),
  },
);

export const history: fc.Arbitrary<readonly Step[]> = fc.array(step, {
  minLength: 1,
  maxLength: 60,
  size: 'max',
});
