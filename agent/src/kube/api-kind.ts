/** One kind of object as the API server serves it: the version is how we read it, not part of its identity. */
export type ApiKind = {
  readonly group: string;
  readonly version: string;
  /** Plural, as in the URL. */
  readonly resource: string;
  readonly kind: string;
};

/** `pods` or `deployments.apps`: the name by which people and configuration call a kind. */
export function kindName(kind: Pick<ApiKind, 'group' | 'resource'>): string {
  return kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`;
}

/** `v1` or `apps/v1`. */
export function apiVersionOf(kind: Pick<ApiKind, 'group' | 'version'>): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

/** Path of the collection over all namespaces. */
export function collectionPath(kind: ApiKind): string {
  return `${groupVersionPath(kind)}/${kind.resource}`;
}

export function groupVersionPath({ group, version }: Pick<ApiKind, 'group' | 'version'>): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}
