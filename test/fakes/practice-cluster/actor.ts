import { type Caller, callerOf } from './access/caller.ts';
import type { Dispatcher } from './api/dispatcher.ts';
import { type JsonObject, type Manifest, textOf } from './object/json.ts';
import type { KubeObject } from './object/kube-object.ts';
import { apiVersionOf, groupOf } from './store/kind.ts';
import type { Store } from './store/store.ts';

/** Somebody inside this program who uses the API like any client: authorised, audited, with an address and an agent. */
export type ActorIdentity = {
  readonly user: string;
  readonly groups?: readonly string[];
  readonly userAgent: string;
  readonly sourceIp: string;
  /** May do everything, whatever the stored roles say. */
  readonly isTrusted?: boolean;
};

export type Answer = { readonly status: number; readonly object: JsonObject };

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';
const patchTypes: { readonly [type in PatchType]: string } = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export type Target = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
};

export class Actor {
  readonly #dispatcher: Dispatcher;
  readonly #store: Store;
  readonly #identity: ActorIdentity;
  readonly #caller: Caller;

  constructor(dispatcher: Dispatcher, store: Store, identity: ActorIdentity) {
    this.#dispatcher = dispatcher;
    this.#store = store;
    this.#identity = identity;
    this.#caller = callerOf(identity.user, identity.groups);
  }

  /** Any request; the answer is a Status object when it failed. */
  request(method: string, url: string, body?: unknown, contentType = 'application/json'): Answer {
    const { reply } = this.#dispatcher.dispatch({
      method,
      url,
      headers: { 'user-agent': this.#identity.userAgent, 'content-type': contentType, accept: 'application/json' },
      body: body === undefined ? '' : JSON.stringify(body),
      sourceIps: [this.#identity.sourceIp],
      caller: this.#caller,
      isTrusted: this.#identity.isTrusted === true,
    });
    if (reply.type === 'watch') throw new Error('practice cluster: actors do not watch');
    return {
      status: reply.status,
      object: reply.type === 'object' ? reply.object : (JSON.parse(reply.text) as JsonObject),
    };
  }

  create(manifest: Manifest, query = ''): KubeObject {
    const object = manifest as JsonObject;
    const metadata = object['metadata'] as { namespace?: string } | undefined;
    const target = {
      apiVersion: textOf(object['apiVersion']),
      kind: textOf(object['kind']),
      ...(metadata?.namespace === undefined ? {} : { namespace: metadata.namespace }),
      name: '',
    };
    return this.#done(this.request('POST', `${this.path(target)}${query}`, object), target);
  }

  get(target: Target): KubeObject | undefined {
    const answer = this.request('GET', this.path(target));
    return answer.status === 404 ? undefined : this.#done(answer, target);
  }

  update(object: KubeObject, subresource = '', query = ''): KubeObject {
    const target = targetOf(object);
    return this.#done(this.request('PUT', `${this.path(target, subresource)}${query}`, object), target);
  }

  patch(
    target: Target,
    type: PatchType,
    patch: unknown,
    options: { subresource?: string; query?: string } = {},
  ): KubeObject {
    const url = `${this.path(target, options.subresource)}${options.query ?? ''}`;
    return this.#done(this.request('PATCH', url, patch, patchTypes[type]), target);
  }

  /** Server-side apply as `manager`; takes conflicting fields over. */
  apply(manifest: Manifest, manager: string): KubeObject {
    const object = manifest as JsonObject;
    const { name, namespace } = object['metadata'] as { name: string; namespace?: string };
    const target = {
      apiVersion: textOf(object['apiVersion']),
      kind: textOf(object['kind']),
      name,
      ...(namespace === undefined ? {} : { namespace }),
    };
    return this.patch(target, 'apply', object, { query: `?fieldManager=${encodeURIComponent(manager)}&force=true` });
  }

  /** Deletes; an object that is already gone is fine. */
  delete(target: Target, options: JsonObject = {}): void {
    const answer = this.request('DELETE', this.path(target), { kind: 'DeleteOptions', apiVersion: 'v1', ...options });
    if (answer.status !== 404) this.#done(answer, target);
  }

  /** URL path of an object, or of its collection when the name is empty. */
  path(target: Target, subresource = ''): string {
    const group = groupOf(target.apiVersion);
    const version = target.apiVersion.slice(target.apiVersion.indexOf('/') + 1);
    const kind = this.#store.kinds.byKind(group, target.kind);
    if (kind === undefined) throw new Error(`practice cluster: no kind ${target.kind} in ${target.apiVersion}`);
    const root = group === '' ? `/api/${version}` : `/apis/${apiVersionOf(group, version)}`;
    const scope = kind.namespaced ? `/namespaces/${target.namespace ?? 'default'}` : '';
    const name = target.name === '' ? '' : `/${encodeURIComponent(target.name)}`;
    return `${root}${scope}/${kind.resource}${name}${subresource === '' ? '' : `/${subresource}`}`;
  }

  #done(answer: Answer, target: Target): KubeObject {
    if (answer.status < 300) return answer.object as KubeObject;
    const message = `${this.#identity.user}, ${target.kind} ${target.namespace ?? ''}/${target.name}: ${answer.status} ${textOf(answer.object['message'])}`;
    throw new ActorError(message, answer.status);
  }
}

/** What the API refused to an actor. */
export class ActorError extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.name = 'ActorError';
    this.status = status;
  }
}

export const targetOf = (object: KubeObject): Target => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  name: object.metadata.name,
  ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
});
