import { type ApiKind, kindName } from '../kube/api-kind.ts';

/** What other verdicts lean on comes first. */
const first: readonly string[] = [
  'namespaces',
  'customresourcedefinitions.apiextensions.k8s.io',
  'apiservices.apiregistration.k8s.io',
  'clusterroles.rbac.authorization.k8s.io',
  'clusterrolebindings.rbac.authorization.k8s.io',
  'roles.rbac.authorization.k8s.io',
  'rolebindings.rbac.authorization.k8s.io',
  'serviceaccounts',
  'networkpolicies.networking.k8s.io',
];

/** The order in which kinds ask for their turn: the important ones, then the rest shuffled, so that agents differ. */
export function startOrder(kinds: readonly ApiKind[], random: () => number): readonly ApiKind[] {
  const keyed = kinds.map((kind) => {
    const rank = first.indexOf(kindName(kind));
    return { kind, rank: rank === -1 ? first.length + random() : rank };
  });
  return keyed.sort((a, b) => a.rank - b.rank).map(({ kind }) => kind);
}
