import { type JsonObject, ownObject, ownString } from '@driftline/proto';
import type { ObjectName } from '../known/known.ts';

export function nameOf(object: JsonObject): ObjectName {
  const metadata = ownObject(object, 'metadata');
  return { namespace: ownString(metadata, 'namespace'), name: ownString(metadata, 'name') };
}

/** Of a name within its kind: names hold no slash. */
export function nameKey(name: ObjectName): string {
  return `${name.namespace}/${name.name}`;
}
