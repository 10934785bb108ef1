/** Bindings that live as long as this object. */
import type { ClusterBinding, ClusterBindings } from '../../timeline/bindings/cluster-bindings.ts';

export const memoryBindings = (): Pick<ClusterBindings, 'find' | 'bind'> & {
  readonly all: Map<string, ClusterBinding>;
} => {
  const all = new Map<string, ClusterBinding>();
  return {
    all,
    find: async ({ tenant, cluster }) => all.get(`${tenant}/${cluster}`),
    async bind({ tenant, cluster }, before, { clusterUid, boundAtUs }) {
      const known = all.get(`${tenant}/${cluster}`);
      if (known !== undefined && known !== before) return known;
      const binding = { bindingOrdinal: (known?.bindingOrdinal ?? 0) + 1, clusterUid, boundAtUs };
      all.set(`${tenant}/${cluster}`, binding);
      return binding;
    },
  };
};
