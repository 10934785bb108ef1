/**
 * The admission request that a policy sees when the state of an object is judged: the one that would create it. Who asks
 * is not in it, so what reads that, or the object before, judges changes and not states.
 */
import type { JsonObject } from '@driftline/proto';
import type { ObjectKey, RequestedChange, TrackedView } from '../../contract.ts';
import { dynType } from '../../cel/index.ts';
import type { ReadPath } from '../../read-path.ts';
import type { Bindings, Scope } from '../compile-expression.ts';
import { stringAt } from '../read-json.ts';
import { requesterFields, requestValue } from './asked.ts';
import type { CelPolicy } from './cel-policy.ts';
import { resourceNameOf } from './resource-name.ts';

/** Names of a ValidatingAdmissionPolicy but `authorizer`, which asks the API server questions that nobody can ask later. */
export const admissionScope: Scope = {
  object: dynType,
  oldObject: dynType,
  request: dynType,
  params: dynType,
  namespaceObject: dynType,
  variables: dynType,
};

/** The creation of an object as it is now. */
export function creationOf(object: JsonObject, key: ObjectKey): RequestedChange {
  return {
    object,
    oldObject: null,
    request: createRequest(object, key, { operation: 'CREATE', resource: resourceNameOf(key.kind) }),
  };
}

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

/** AdmissionRequest of what is known without its requester. Requests that change nothing (dry runs) are not observed. */
export function createRequest(
  object: JsonObject,
  key: ObjectKey,
  asked: { readonly operation: Operation; readonly resource: string },
): JsonObject {
  const apiVersion = stringAt(object, 'apiVersion');
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  const kind = { group: key.group, version, kind: key.kind };
  const resource = { group: key.group, version, resource: asked.resource };
  return {
    operation: asked.operation,
    kind,
    requestKind: kind,
    resource,
    requestResource: resource,
    subResource: '',
    requestSubResource: '',
    name: key.name,
    namespace: key.namespace,
    dryRun: false,
  };
}

/** What a policy's expressions see of a change. Parameters are null until somebody gives them. */
export function bindingsOf(
  { readsNamespace }: Pick<CelPolicy, 'readsNamespace'>,
  change: RequestedChange,
  { key, view }: { readonly key: ObjectKey; readonly view: TrackedView },
): Bindings {
  const namespace = { group: '', kind: 'Namespace', namespace: '', name: key.namespace };
  const isAsked = readsNamespace && key.namespace !== '';
  const { object, oldObject } = change;
  const namespaceObject = isAsked ? (view.get(namespace) ?? null) : null;
  return { object, oldObject, request: requestValue(change), params: null, namespaceObject };
}

/** What judging a state by these paths reads of the object itself, the request and `matchConstraints` included. */
export function readsOfState(paths: readonly ReadPath[]): readonly ReadPath[] {
  const ofObject = paths.filter(([root]) => root === 'object').map(([, ...rest]) => rest);
  const ofRequest = ['name', 'namespace', 'labels'].map((name) => ['metadata', name]);
  return [['apiVersion'], ['kind'], ...ofRequest, ...ofObject];
}

/** What a policy reads that only a request has: the first such path, as text; undefined when it judges a state. */
export function readOfChange(paths: readonly ReadPath[]): string | undefined {
  return paths
    .find(
      ([root, field]) =>
        root === 'oldObject' || (root === 'request' && (typeof field !== 'string' || requesterFields.includes(field))),
    )
    ?.slice(0, 2)
    .filter((step) => typeof step === 'string')
    .join('.');
}

/** Whether it reads which operation it is: a state is a creation to it, and other operations are another question. */
export function readsOperation(paths: readonly ReadPath[]): boolean {
  return paths.some(([root, field]) => root === 'request' && field === 'operation');
}
