/** Names that stand beside their value instead of before it: `{name: DB_PASSWORD, value: x}`. */
import { ownString } from '../json.ts';
import type { JsonObject } from '../message.ts';

const valueKeys: ReadonlySet<string> = new Set(['value', 'val', 'default', 'defaultValue', 'stringValue']);
/** Private members of a JSON Web Key. */
const keyParameters: ReadonlySet<string> = new Set(['k', 'd', 'p', 'q', 'dp', 'dq', 'qi']);
const nameKeys = ['name', 'key', 'header', 'headerName', 'field', 'property', 'id'];

/** The name of the value under `key`: of its sibling, or of a JSON Patch operation's path; undefined when there is none. */
export function pairedName(object: JsonObject, key: string): string | undefined {
  if (keyParameters.has(key) && ownString(object, 'kty') !== '') return 'private_key';
  if (!valueKeys.has(key)) return undefined;
  for (const nameKey of nameKeys) {
    const name = ownString(object, nameKey);
    if (name !== '') return name;
  }
  const path = ownString(object, 'path');
  return path.startsWith('/') && ownString(object, 'op') !== '' ? patchedName(path) : undefined;
}

/**
 * The field that a patch writes. Of an environment variable or an argument that is addressed by its position nobody can
 * say what it is: it counts as a secret.
 */
function patchedName(path: string): string | undefined {
  if (/\/env\/\d+\/value$|\/(?:args|command)\/(?:\d+|-)$/.test(path)) return 'secret';
  const segment = path.split('/').findLast((part) => part !== '-' && !/^\d+$/.test(part));
  return segment === undefined || segment === 'value' ? undefined : segment.replaceAll('~1', '/').replaceAll('~0', '~');
}
