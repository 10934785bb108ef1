import type { Attributes } from '../access/caller.ts';

const verbs: { readonly [method: string]: string } = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

const isTrue = (value: string | null): boolean => value === 'true' || value === '1';

/** What a method and a path ask for, by the API server's conventions. */
export const attributesOf = (method: string, path: string, query: URLSearchParams): Attributes => {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decoded);
  const base = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '', path };
  const nonResource: Attributes = { ...base, verb: method.toLowerCase(), isResource: false };
  const start = parts[0] === 'api' ? 1 : parts[0] === 'apis' ? 2 : 0;
  if (start === 0 || parts.length < start + 2) return nonResource;
  const [version = '', ...rest] = parts.slice(start);
  const target = targetOf(rest);
  if (target.resource === '') return nonResource;
  return {
    ...base,
    ...target,
    group: start === 2 ? (parts[1] ?? '') : '',
    version,
    verb: verbOf(method, target.name, query),
    isResource: true,
  };
};

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

/** `namespaces/x/pods/y/log` and `namespaces/x/status` differ only in what the third part is. */
const targetOf = (parts: readonly string[]) => {
  const [first = '', second, third = ''] = parts;
  if (
    first === 'namespaces' &&
    second !== undefined &&
    parts.length > 2 &&
    third !== 'status' &&
    third !== 'finalize'
  ) {
    return { namespace: second, resource: third, name: parts[3] ?? '', subresource: parts.slice(4).join('/') };
  }
  const namespace = first === 'namespaces' ? (second ?? '') : '';
  return { namespace, resource: first, name: second ?? '', subresource: parts.slice(2).join('/') };
};

const verbOf = (method: string, name: string, query: URLSearchParams): string => {
  const verb = verbs[method] ?? method.toLowerCase();
  if (verb === 'get' && isTrue(query.get('watch'))) return 'watch';
  if (verb === 'get' && name === '') return 'list';
  if (verb === 'delete' && name === '') return 'deletecollection';
  return verb;
};

export const flag = (query: URLSearchParams, name: string): boolean => isTrue(query.get(name));
