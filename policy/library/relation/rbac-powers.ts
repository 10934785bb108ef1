/** What the rules of a role let a subject do, as far as it leads to more rights: names for sets of verbs on resources. */
import { listAt, stringsOf, valueAt } from '@driftline/policy';
import type { Json, JsonObject } from '@driftline/proto';

type Sought = { readonly group: string; readonly resources: readonly string[]; readonly verbs: readonly string[] };

const rbac = 'rbac.authorization.k8s.io';
const certificates = 'certificates.k8s.io';
const writing = ['create', 'update', 'patch'] as const;

/** A power is held by whoever may use one of the verbs on one of the resources of one entry. */
const soughtByPower = {
  everything: [{ group: '*', resources: ['*'], verbs: ['*'] }],
  'escalate ClusterRoles': [{ group: rbac, resources: ['clusterroles'], verbs: ['escalate'] }],
  'change ClusterRoles': [{ group: rbac, resources: ['clusterroles'], verbs: ['update', 'patch'] }],
  'bind ClusterRoles': [{ group: rbac, resources: ['clusterroles'], verbs: ['bind'] }],
  'write ClusterRoleBindings': [{ group: rbac, resources: ['clusterrolebindings'], verbs: writing }],
  'write RoleBindings': [{ group: rbac, resources: ['rolebindings'], verbs: writing }],
  'escalate Roles': [{ group: rbac, resources: ['roles'], verbs: ['escalate'] }],
  'change Roles': [{ group: rbac, resources: ['roles'], verbs: ['update', 'patch'] }],
  'impersonate users': [{ group: '', resources: ['users'], verbs: ['impersonate'] }],
  'impersonate groups': [{ group: '', resources: ['groups'], verbs: ['impersonate'] }],
  'impersonate service accounts': [{ group: '', resources: ['serviceaccounts'], verbs: ['impersonate'] }],
  'create tokens': [{ group: '', resources: ['serviceaccounts/token'], verbs: ['create'] }],
  'read Secrets': [{ group: '', resources: ['secrets'], verbs: ['get', 'list', 'watch'] }],
  'create Secrets': [{ group: '', resources: ['secrets'], verbs: ['create'] }],
  'run pods': [
    { group: '', resources: ['pods'], verbs: ['create'] },
    { group: '', resources: ['replicationcontrollers'], verbs: writing },
    { group: 'apps', resources: ['deployments', 'daemonsets', 'statefulsets', 'replicasets'], verbs: writing },
    { group: 'batch', resources: ['jobs', 'cronjobs'], verbs: writing },
  ],
  'enter pods': [
    { group: '', resources: ['pods/exec', 'pods/attach'], verbs: ['create', 'get'] },
    { group: '', resources: ['pods/ephemeralcontainers'], verbs: ['update', 'patch'] },
  ],
  'reach kubelets': [{ group: '', resources: ['nodes/proxy'], verbs: ['get', 'create'] }],
  'change mutating webhooks': [
    { group: 'admissionregistration.k8s.io', resources: ['mutatingwebhookconfigurations'], verbs: writing },
  ],
  'request certificates': [{ group: certificates, resources: ['certificatesigningrequests'], verbs: ['create'] }],
  'approve certificates': [
    { group: certificates, resources: ['certificatesigningrequests/approval'], verbs: ['update', 'patch'] },
  ],
  'approve for signers': [{ group: certificates, resources: ['signers'], verbs: ['approve'] }],
} as const satisfies Record<string, readonly Sought[]>;

export type Power = keyof typeof soughtByPower;

/** names: the objects it is limited to; empty when it is not limited. */
export type Grant = { readonly power: Power; readonly names: readonly string[] };

const powers: readonly (readonly [Power, readonly Sought[]])[] = Object.entries(soughtByPower) as never;

/** In the order of the table above, each power once for each list of names. */
export function grantsOf(role: JsonObject): readonly Grant[] {
  const rules = listAt(role, 'rules').map(ruleOf);
  const found = new Map<string, Grant>();
  for (const [power, sought] of powers) {
    for (const rule of rules.filter((one) => sought.some((entry) => allows(one, entry))))
      found.set(JSON.stringify([power, rule.names]), { power, names: rule.names });
  }
  return [...found.values()];
}

type Rule = {
  readonly groups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly names: readonly string[];
};

function ruleOf(rule: Json): Rule {
  return {
    groups: stringsOf(valueAt(rule, 'apiGroups')),
    resources: stringsOf(valueAt(rule, 'resources')),
    verbs: stringsOf(valueAt(rule, 'verbs')),
    names: [...stringsOf(valueAt(rule, 'resourceNames'))].sort(),
  };
}

function allows(rule: Rule, { group, resources, verbs }: Sought): boolean {
  return names(rule.verbs, verbs) && names(rule.groups, [group]) && resources.some((one) => namesResource(rule, one));
}

function names(given: readonly string[], wanted: readonly string[]): boolean {
  return given.includes('*') || wanted.some((one) => given.includes(one));
}

/** `*` and `*\/subresource` are the wildcards that the API server knows. */
function namesResource({ resources }: Rule, wanted: string): boolean {
  const subresource = wanted.split('/')[1];
  return names(resources, subresource === undefined ? [wanted] : [wanted, `*/${subresource}`]);
}
