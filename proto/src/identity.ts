import type { ObjectRef } from './message.ts';

/**
 * Map key of an object's place: group, resource, namespace, name. Names hold neither '/' nor spaces in Kubernetes; a
 * newline separates the parts so that no choice of names can make two places meet. uid is not part of it: after a
 * delete and a create the same place holds another object (sameObject tells them apart).
 */
export function objectKey(ref: Pick<ObjectRef, 'group' | 'resource' | 'namespace' | 'name'>): string {
  return `${ref.group}\n${ref.resource}\n${ref.namespace}\n${ref.name}`;
}

/** Same identity: place and uid. */
export function sameObject(a: ObjectRef, b: ObjectRef): boolean {
  return (
    a.uid === b.uid &&
    a.name === b.name &&
    a.namespace === b.namespace &&
    a.resource === b.resource &&
    a.group === b.group
  );
}
