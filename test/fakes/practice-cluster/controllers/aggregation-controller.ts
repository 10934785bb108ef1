import { targetOf } from '../actor.ts';
import { objectAt, objectsAt, sameJson, valueAt } from '../object/json.ts';
import { labelsOf } from '../object/kube-object.ts';
import { matchesSelector } from '../object/selector.ts';
import { storageKey } from '../store/kind.ts';
import { type Controller, type ControllerWorld, controllerIdentity } from './controller.ts';

const resource = 'clusterroles.rbac.authorization.k8s.io';

/** ClusterRoles with an aggregation rule hold the rules of the roles it selects. */
export const aggregationController = ({ store, actor }: ControllerWorld): Controller => {
  const me = actor({ ...controllerIdentity('clusterrole-aggregation-controller') });
  const hasRule = (name: string) => valueAt(store.get(resource, '', name), 'aggregationRule') !== undefined;
  return {
    name: 'clusterrole-aggregation-controller',
    concerns: ({ kind }) =>
      storageKey(kind) === resource
        ? store
            .list(resource)
            .map((role) => role.metadata.name)
            .filter(hasRule)
        : [],
    reconcile: (name) => {
      const role = store.get(resource, '', name);
      if (role === undefined) return;
      const selectors = objectsAt(objectAt(role, 'aggregationRule'), 'clusterRoleSelectors');
      const sources = store
        .list(resource)
        .filter(
          (other) =>
            other.metadata.name !== name &&
            selectors.some((selector) => matchesSelector(selector, labelsOf(other.metadata.labels))),
        )
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
      const rules = sources.flatMap((other) => objectsAt(other, 'rules'));
      const distinct = rules.filter((rule, index) => rules.findIndex((earlier) => sameJson(earlier, rule)) === index);
      if (sameJson(distinct, role['rules'])) return;
      me.apply(
        { ...targetOf(role), apiVersion: role.apiVersion, kind: role.kind, metadata: { name }, rules: distinct },
        'clusterrole-aggregation-controller',
      );
    },
  };
};
