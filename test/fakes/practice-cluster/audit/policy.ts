import type { Attributes, Caller } from '../access/caller.ts';

export type AuditLevel = 'None' | 'Metadata' | 'Request' | 'RequestResponse';

/** A rule matches when each of its parts that is given matches; the first matching rule decides. */
export type AuditRule = {
  readonly level: AuditLevel;
  readonly users?: readonly string[];
  readonly verbs?: readonly string[];
  /** Resources by group, `resource` or `resource/subresource`; every resource of the group when empty. */
  readonly resources?: { readonly [group: string]: readonly string[] };
  readonly namespaces?: readonly string[];
  /** Exact paths, or prefixes that end in `*`. */
  readonly nonResourceUrls?: readonly string[];
};

/** Bodies for every change, metadata for reads, nothing for heartbeats and for the control plane's own reads. */
export const defaultAuditPolicy: readonly AuditRule[] = [
  { level: 'None', resources: { 'coordination.k8s.io': ['leases'], '': ['events'], 'events.k8s.io': ['events'] } },
  { level: 'None', nonResourceUrls: ['/healthz*', '/livez*', '/readyz*', '/version', '/metrics', '/openapi/*'] },
  {
    level: 'None',
    users: ['system:kube-controller-manager', 'system:kube-scheduler'],
    verbs: ['get', 'list', 'watch'],
  },
  {
    level: 'Metadata',
    resources: { '': ['secrets', 'configmaps', 'serviceaccounts/token'], 'authentication.k8s.io': ['tokenreviews'] },
  },
  { level: 'RequestResponse', verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] },
  { level: 'Metadata' },
];

export const auditLevel = (policy: readonly AuditRule[], request: Attributes, caller: Caller): AuditLevel =>
  policy.find((rule) => matches(rule, request, caller))?.level ?? 'None';

const matches = (rule: AuditRule, request: Attributes, caller: Caller): boolean => {
  if (rule.users?.includes(caller.name) === false) return false;
  if (rule.verbs?.includes(request.verb) === false) return false;
  if (rule.namespaces?.includes(request.namespace) === false) return false;
  if (rule.nonResourceUrls !== undefined) {
    return (
      !request.isResource &&
      rule.nonResourceUrls.some((url) =>
        url.endsWith('*') ? request.path.startsWith(url.slice(0, -1)) : url === request.path,
      )
    );
  }
  if (rule.resources === undefined) return true;
  const names = rule.resources[request.group];
  if (!request.isResource || names === undefined) return false;
  const name = request.subresource === '' ? request.resource : `${request.resource}/${request.subresource}`;
  return names.length === 0 || names.includes(name) || names.includes('*');
};
