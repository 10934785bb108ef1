import type { Actor, ActorIdentity } from '../actor.ts';
import type { Writer } from '../api/writer.ts';
import type { Clock } from '../clock.ts';
import { storageKey } from '../store/kind.ts';
import type { Commit, Store } from '../store/store.ts';

export type ControllerWorld = {
  readonly store: Store;
  readonly clock: Clock;
  readonly writer: Writer;
  readonly actor: (identity: ActorIdentity) => Actor;
};

/** One loop: which changes concern it, and what it does about an object. */
export type Controller = {
  readonly name: string;
  /** Keys to look at again after a change; the controller reads the present state itself. */
  readonly concerns: (commit: Commit) => readonly string[];
  readonly reconcile: (key: string) => void;
};

/** Identity of a loop of the controller manager. */
export const controllerIdentity = (name: string): ActorIdentity => ({
  user: `system:serviceaccount:kube-system:${name}`,
  userAgent: `kube-controller-manager/v1.36.0 (linux/amd64) kubernetes/practice/system:serviceaccount:kube-system:${name}`,
  sourceIp: '10.0.1.11',
});

/** The changed object's own key when it is of the storage. */
export const keysOf = (commit: Commit, resource: string): readonly string[] =>
  storageKey(commit.kind) === resource ? [commit.change.key] : [];

/** `namespace/name` as its parts. */
export const splitKey = (key: string): { namespace: string; name: string } => {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};
