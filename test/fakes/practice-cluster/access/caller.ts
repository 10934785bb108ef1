/** Who makes a request. */
export type Caller = {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
};

/** What a request wants to do, as the authoriser and the audit log see it. */
export type Attributes = {
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Path without the query, for non-resource requests. */
  readonly path: string;
};

export const anonymous: Caller = { name: 'system:anonymous', uid: '', groups: ['system:unauthenticated'] };

/** A caller of this name with the groups the API server adds by itself. */
export const callerOf = (name: string, groups: readonly string[] = []): Caller => {
  const [, , namespace] = name.split(':');
  const own = name.startsWith('system:serviceaccount:')
    ? ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
    : name.startsWith('system:node:')
      ? ['system:nodes']
      : [];
  return { name, uid: '', groups: [...new Set([...own, ...groups, 'system:authenticated'])] };
};
