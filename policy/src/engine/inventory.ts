/**
 * What the engine knows of the cluster: every object's key, uid and labels by kind and namespace, and the facts that were
 * asked for. Objects themselves are held here or fetched from a store.
 */
import type { JsonObject } from '@driftline/proto';
import type { Fact, GroupKind, ObjectChange, ObjectKey } from '../contract.ts';
import { objectAt } from '../language/read-json.ts';
import { createFactIndex, type FactIndex } from './fact-index.ts';
import { createReadNode, type ReadNode, type Subject, type Wake } from './graph.ts';
import type { ObjectStore } from './object-store.ts';
import { createScope, type Scope } from './scope.ts';

type Kind = {
  readonly name: GroupKind;
  readonly subjects: Map<string, Map<string, Subject>>;
  readonly all: Scope;
  readonly namespaces: Map<string, Scope>;
  readonly facts: Map<string, FactIndex>;
};

export type Inventory = {
  /** The subject of a key, made when there is none. */
  subject(key: ObjectKey): Subject;
  find(key: ObjectKey): Subject | undefined;
  /** Drops a subject that is not there, has no verdicts and that nobody reads. */
  release(subject: Subject): void;
  /** The node of those who read the object itself. */
  readers(subject: Subject): ReadNode;
  /** Takes a change in, waking whoever read something that is now different. */
  place(subject: Subject, change: ObjectChange, wake: Wake): void;
  object(subject: Subject): JsonObject | undefined;
  /** Lets go of the objects of a batch when a store holds them. */
  letGo(subjects: Iterable<Subject>): void;
  scope(kind: GroupKind, namespace: string | undefined): Scope;
  facts(fact: Fact<unknown>): FactIndex;
  /** Present objects of a kind, in order. */
  members(kind: GroupKind): readonly Subject[];
};

/** Without a store the inventory holds the objects itself. */
export function createInventory(store: ObjectStore | undefined): Inventory {
  const kinds = new Map<string, Kind>();

  function kindOf({ group, kind }: GroupKind): Kind {
    const id = `${group}/${kind}`;
    const known = kinds.get(id);
    if (known !== undefined) return known;
    const created: Kind = {
      name: { group, kind },
      subjects: new Map(),
      all: createScope(() => undefined),
      namespaces: new Map(),
      facts: new Map(),
    };
    kinds.set(id, created);
    return created;
  }

  function scopeOf(kind: Kind, namespace: string | undefined): Scope {
    if (namespace === undefined) return kind.all;
    const known = kind.namespaces.get(namespace);
    if (known !== undefined) return known;
    const created = createScope(() => kind.namespaces.delete(namespace));
    kind.namespaces.set(namespace, created);
    return created;
  }

  const objectOf = (subject: Subject) => (subject.present ? (subject.object ?? store?.get(subject.key)) : undefined);

  function newSubject(kind: Kind, key: ObjectKey): Subject {
    const created: Subject = {
      key: Object.freeze({ ...key }),
      uid: '',
      present: false,
      object: undefined,
      labels: undefined,
      readers: undefined,
      pins: 0,
      verdicts: undefined,
    };
    let inNamespace = kind.subjects.get(key.namespace);
    if (inNamespace === undefined) {
      inNamespace = new Map();
      kind.subjects.set(key.namespace, inNamespace);
    }
    inNamespace.set(key.name, created);
    return created;
  }

  function release(subject: Subject): void {
    if (subject.present || subject.pins > 0 || subject.verdicts !== undefined) return;
    const kind = kindOf(subject.key);
    const inNamespace = kind.subjects.get(subject.key.namespace);
    inNamespace?.delete(subject.key.name);
    if (inNamespace?.size === 0) kind.subjects.delete(subject.key.namespace);
  }

  return {
    subject(key) {
      const kind = kindOf(key);
      return kind.subjects.get(key.namespace)?.get(key.name) ?? newSubject(kind, key);
    },
    find: (key) => kinds.get(`${key.group}/${key.kind}`)?.subjects.get(key.namespace)?.get(key.name),
    release,
    readers(subject) {
      if (subject.readers === undefined) {
        subject.pins += 1;
        subject.readers = createReadNode(() => {
          subject.readers = undefined;
          subject.pins -= 1;
          release(subject);
        });
      }
      return subject.readers;
    },
    place(subject, change, wake) {
      const kind = kindOf(subject.key);
      const labelsBefore = subject.labels;
      subject.present = change.after !== undefined;
      subject.uid = change.after === undefined ? subject.uid : change.uid;
      subject.object = change.after;
      subject.labels = objectAt(change.after, 'metadata', 'labels');
      if (subject.readers !== undefined) wake(subject.readers);
      kind.all.update(subject, labelsBefore, wake);
      scopeOf(kind, subject.key.namespace).update(subject, labelsBefore, wake);
      for (const facts of kind.facts.values()) facts.update(subject, change.after, wake);
    },
    object: objectOf,
    letGo(subjects) {
      if (store !== undefined) for (const subject of subjects) subject.object = undefined;
    },
    scope: (kind, namespace) => scopeOf(kindOf(kind), namespace),
    facts(fact) {
      const kind = kindOf(fact);
      const known = kind.facts.get(fact.name);
      if (known !== undefined) {
        if (known.fact.project !== fact.project)
          throw new Error(`two different facts of ${fact.kind} are named ${fact.name}`);
        return known;
      }
      const created = createFactIndex(fact, release);
      for (const subject of kind.all.members()) created.update(subject, objectOf(subject), () => undefined);
      kind.facts.set(fact.name, created);
      return created;
    },
    members: (kind) => kindOf(kind).all.members(),
  };
}
