import { objectKeyOf } from '../language/read-json.ts';
import type { ClusterSource } from './cluster-view.ts';
import type { ObservedChange } from './judge-change.ts';

/** The cluster as it was when the change was asked for: `source` may hold it already, or still a namesake of its object. */
export function clusterBefore(source: ClusterSource, { key: own, oldObject }: ObservedChange): ClusterSource {
  return {
    covers: (kind) => source.covers(kind),
    get(key) {
      const isOwn =
        key.group === own.group && key.kind === own.kind && key.namespace === own.namespace && key.name === own.name;
      return isOwn ? (oldObject ?? undefined) : source.get(key);
    },
    *list(kind, namespace) {
      const isOwnKind = kind.group === own.group && kind.kind === own.kind;
      if (isOwnKind && oldObject !== null && (namespace ?? own.namespace) === own.namespace) yield oldObject;
      for (const object of source.list(kind, namespace)) {
        const key = isOwnKind ? objectKeyOf(object) : undefined;
        if (key?.namespace !== own.namespace || key.name !== own.name) yield object;
      }
    },
  };
}
