/** Controls for the oracle tests: between them they use every way of reading the cluster, and some misbehave. */
import type { Json, JsonObject } from '@driftline/proto';
import type {
  CompiledControl,
  Fact,
  GroupKind,
  LabelSelector,
  ObjectKey,
  TrackedView,
  Verdict,
  Violation,
} from '../../contract.ts';
import { labelsAt, listAt, objectAt, objectKeyOf, stringAt, stringsOf, valueAt } from '../../language/read-json.ts';

const rbac = 'rbac.authorization.k8s.io';
const core = (kind: string): GroupKind => ({ group: '', kind });

type Judge = (object: JsonObject, key: ObjectKey, view: TrackedView) => readonly Violation[] | Verdict;

function control(id: string, kinds: readonly GroupKind[], judge: Judge): CompiledControl {
  return {
    meta: {
      id,
      title: `control ${id}`,
      severity: 'medium',
      weight: id.length / 10 + 0.1,
      category: id.startsWith('net') ? 'network' : 'identity',
      rationale: '',
      remediation: { summary: '', fields: [], impact: '' },
      references: [],
      frameworks: id.startsWith('net') ? [{ framework: 'cis', requirements: ['5.3'] }] : [],
    },
    language: 'relation',
    kinds,
    selfContained: false,
    digest: id,
    evaluate(object, view) {
      const answer = judge(object, objectKeyOf(object), view);
      if ('verdict' in answer) return answer;
      return answer.length === 0 ? { verdict: 'pass' } : { verdict: 'fail', violations: answer };
    },
  };
}

const fails = (reason: string, path = '', value = ''): readonly Violation[] => [{ path, value, reason }];

const policyExists: Fact<true> = {
  name: 'policy-exists',
  group: 'networking.k8s.io',
  kind: 'NetworkPolicy',
  reads: [],
  project: () => true,
};
const mountsToken: Fact<boolean> = {
  name: 'mounts-token',
  ...core('ServiceAccount'),
  reads: [['automountServiceAccountToken']],
  project: (account) => account['automountServiceAccountToken'] !== false,
};
/** Fails on hostile objects, as a careless author's would. */
const roleVerbs: Fact<readonly string[]> = {
  name: 'role-verbs',
  group: rbac,
  kind: 'Role',
  reads: [['rules']],
  project(role) {
    if (role['rules'] === 'hostile') throw new Error('rules are not a list');
    return listAt(role, 'rules').flatMap((rule) => stringsOf(valueAt(rule, 'verbs')));
  },
};
type Binding = { readonly role: string; readonly accounts: readonly string[] };
const bindings: Fact<Binding> = {
  name: 'bindings',
  group: rbac,
  kind: 'RoleBinding',
  project: (binding) => ({
    role: roleOf(binding),
    accounts: listAt(binding, 'subjects').map(
      (subject) => `${stringAt(subject, 'namespace')}/${stringAt(subject, 'name')}`,
    ),
  }),
  keys: ({ accounts }) => accounts,
};
function roleOf(binding: JsonObject): string {
  if (binding['roleRef'] === 'hostile') throw new Error('roleRef is not an object');
  return stringAt(binding, 'roleRef', 'name');
}

const teams: Fact<string> = {
  name: 'teams',
  ...core('Namespace'),
  project: (namespace) => labelsAt(namespace, 'metadata', 'labels').get('team'),
};

const names = (objects: readonly JsonObject[]) => objects.map((object) => stringAt(object, 'metadata', 'name')).join();

function selectorOf(value: Json | undefined): LabelSelector {
  return (objectAt(value) ?? {}) as LabelSelector;
}

export const oracleControls: readonly CompiledControl[] = [
  control('net-isolated', [core('Namespace')], (_, { name }, view) =>
    view.facts(policyExists, name).length > 0 ? [] : fails('no policy'),
  ),
  control('team-alone', [core('Namespace')], (object, { name }, view) => {
    const team = labelsAt(object, 'metadata', 'labels').get('team');
    const others = view.facts(teams).filter((other) => other.value === team && other.key.name !== name);
    return team === undefined
      ? { verdict: 'not-applicable' }
      : others.map(({ key }) => ({ path: `team[${key.name}]`, value: team, reason: 'shared' }));
  }),
  control('token-mounted', [core('Pod')], (object, { namespace }, view) => {
    const account = { ...core('ServiceAccount'), namespace, name: stringAt(object, 'spec', 'serviceAccountName') };
    const mounts = view.fact(mountsToken, account);
    return mounts === undefined
      ? fails('no account', 'spec.serviceAccountName', account.name)
      : mounts
        ? fails('token')
        : [];
  }),
  control('net-service-pods', [core('Service')], (object, { namespace }, view) => {
    const matchLabels = Object.fromEntries(labelsAt(object, 'spec', 'selector'));
    const pods = view.list({ ...core('Pod'), namespace, selector: { matchLabels } });
    return pods.length === 1 ? [] : fails(`selects ${names(pods)}`, 'spec.selector', String(pods.length));
  }),
  control('net-policy-pods', [{ group: 'networking.k8s.io', kind: 'NetworkPolicy' }], (object, _, view) => {
    const pods = view.list({ ...core('Pod'), selector: selectorOf(valueAt(object, 'spec', 'podSelector')) });
    return pods.length > 0 ? fails(`anywhere: ${names(pods)}`) : [];
  }),
  control('net-ingress-service', [{ group: 'networking.k8s.io', kind: 'Ingress' }], (object, { namespace }, view) => {
    const service = view.get({ ...core('Service'), namespace, name: stringAt(object, 'spec', 'service') });
    return service === undefined
      ? fails('no service')
      : fails('reaches', 'spec.service', stringAt(service, 'spec', 'type'));
  }),
  control('account-grants', [core('ServiceAccount')], (_, { namespace, name }, view) =>
    view.lookup(bindings, `${namespace}/${name}`).flatMap(({ key, value }) => {
      const verbs =
        view.fact(roleVerbs, { group: rbac, kind: 'Role', namespace: key.namespace, name: value.role }) ?? [];
      return verbs.includes('*') ? fails('wildcard', `${key.namespace}/${key.name}`, value.role) : [];
    }),
  ),
  control('roles-counted', [core('Namespace')], (_, { name }, view) => {
    if (!view.covers({ group: rbac, kind: 'Role' })) return fails('blind');
    const verbs = view.facts(roleVerbs, name).flatMap(({ value }) => value);
    return verbs.length > 2 ? fails(verbs.join()) : [];
  }),
  control('expires', [core('Pod'), core('Service')], (object, _, view) => {
    const at = Number(labelsAt(object, 'metadata', 'labels').get('expires') ?? 'NaN');
    if (Number.isNaN(at)) return { verdict: 'not-applicable' };
    return view.now(at) ? fails('expired', 'metadata.labels.expires', String(at)) : [];
  }),
  control('throws', [core('Pod'), core('Service')], (object, { namespace }, view) => {
    if (labelsAt(object, 'metadata', 'labels').get('app') === 'c') throw new Error('cannot take c');
    return view.list({ ...core('Service'), namespace }).length > 1 ? fails('crowded') : [];
  }),
];
