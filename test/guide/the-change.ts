/**
 * The change that every chapter of the guide follows: at two in the morning the shop is down, and alice lets a group in
 * that was never meant to be there. RoleBinding shop/shop-developers, before and after, as the API server sends it.
 */
import { createHash, createHmac } from 'node:crypto';
import type { Hmac, JsonObject, Sha256 } from '@driftline/proto';

export const roleBindings = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  resource: 'rolebindings',
  kind: 'RoleBinding',
} as const;

export const binding = (resourceVersion: string, groups: readonly string[]): JsonObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: {
    name: 'shop-developers',
    namespace: 'shop',
    uid: '6f0d8a52-0f0c-4a55-9d0c-0d5a3a6c1b7e',
    resourceVersion,
    creationTimestamp: '2026-03-02T09:00:00Z',
    managedFields: [
      {
        manager: 'kubectl-edit',
        operation: 'Update',
        apiVersion: 'rbac.authorization.k8s.io/v1',
        time: '2026-11-21T02:13:20Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:roleRef': {}, 'f:subjects': {} },
      },
    ],
  },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
  subjects: groups.map((name) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name })),
});

export const before = binding('4711', ['shop-developers']);
export const after = binding('4712', ['shop-developers', 'system:unauthenticated']);

/** The key is a Secret mounted into the agent; the collector never has it. */
export const hmac: Hmac = (text) =>
  createHmac('sha256', 'the key of this cluster').update(text).digest('base64url').slice(0, 22);
export const sha256: Sha256 = (text) => createHash('sha256').update(text).digest('hex');
