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
import { createReadPlan, type ReadPlan } from './read-plan.ts';
import { Scope } from './scope.ts';

type Kind = {
  readonly subjects: Map<string, Map<string, Subject>>;
  readonly all: Scope;
  readonly namespaces: Map<string, Scope>;
  readonly facts: Map<string, FactIndex>;
  /** Which facts a change can concern; made when one is first compared. */
  factPlan: ReadPlan<FactIndex> | undefined;
};

export class Inventory {
  readonly #store: ObjectStore | undefined;
  /** By kind, then group. */
  readonly #kinds = new Map<string, Map<string, Kind>>();

  /** Without a store the inventory holds the objects itself. */
  constructor(store: ObjectStore | undefined) {
    this.#store = store;
  }

  /** The subject of a key, made when there is none. */
  subject(key: ObjectKey): Subject {
    const { subjects } = this.#kind(key);
    const known = subjects.get(key.namespace)?.get(key.name);
    if (known !== undefined) return known;
    const { group, kind, namespace, name } = key;
    const created: Subject = {
      key: Object.freeze({ group, kind, namespace, name }),
      uid: '',
      present: false,
      object: undefined,
      digest: undefined,
      labels: undefined,
      owner: '',
      readers: undefined,
      pins: 0,
      verdicts: undefined,
    };
    const inNamespace = subjects.get(namespace) ?? new Map<string, Subject>();
    subjects.set(namespace, inNamespace);
    inNamespace.set(name, created);
    return created;
  }

  find({ group, kind, namespace, name }: ObjectKey): Subject | undefined {
    return this.#kinds.get(kind)?.get(group)?.subjects.get(namespace)?.get(name);
  }

  /** Drops a subject that is not there, has no verdicts and that nobody reads. */
  release(subject: Subject): void {
    if (subject.present || subject.pins > 0 || subject.verdicts !== undefined) return;
    const { subjects } = this.#kind(subject.key);
    const inNamespace = subjects.get(subject.key.namespace);
    // One that was dropped before may have a successor that others read.
    if (inNamespace?.get(subject.key.name) !== subject) return;
    inNamespace.delete(subject.key.name);
    if (inNamespace.size === 0) subjects.delete(subject.key.namespace);
  }

  /** The node of those who read the object itself. */
  readers(subject: Subject): ReadNode {
    if (subject.readers !== undefined) return subject.readers;
    subject.pins += 1;
    subject.readers = createReadNode(() => {
      subject.readers = undefined;
      subject.pins -= 1;
      this.release(subject);
    });
    return subject.readers;
  }

  /** Takes a change in, waking whoever read something that is different now. */
  place(subject: Subject, change: ObjectChange, wake: Wake): void {
    const kind = this.#kind(subject.key);
    const labelsBefore = subject.labels;
    const earlier = this.earlier(subject, change);
    subject.present = change.after !== undefined;
    if (change.after !== undefined) subject.uid = change.uid;
    subject.object = change.after;
    subject.digest = change.after === undefined ? undefined : change.digest;
    subject.labels = objectAt(change.after, 'metadata', 'labels');
    if (subject.readers !== undefined) wake(subject.readers);
    kind.all.update(subject, labelsBefore, wake);
    this.scope(subject.key, subject.key.namespace).update(subject, labelsBefore, wake);
    for (const facts of factsConcerned(kind, earlier, change.after)) facts.update(subject, change.after, wake);
  }

  /** The form placed last, when it is at hand; to be asked before the change is placed. */
  earlier(subject: Subject, { earlier }: ObjectChange): JsonObject | undefined {
    if (!subject.present || subject.object !== undefined) return subject.object;
    return earlier !== undefined && earlier.digest === subject.digest ? earlier.object : undefined;
  }

  object(subject: Subject): JsonObject | undefined {
    return subject.present ? (subject.object ?? this.#store?.get(subject.key)) : undefined;
  }

  /** Lets go of objects that the store holds too. */
  letGo(subjects: Iterable<Subject>): void {
    if (this.#store !== undefined) for (const subject of subjects) subject.object = undefined;
  }

  /** namespace undefined: all. */
  scope(of: GroupKind, namespace: string | undefined): Scope {
    const { all, namespaces } = this.#kind(of);
    if (namespace === undefined) return all;
    const known = namespaces.get(namespace);
    if (known !== undefined) return known;
    const created = new Scope(() => namespaces.delete(namespace));
    namespaces.set(namespace, created);
    return created;
  }

  /** Throws when the name stands for another fact already. */
  facts(fact: Fact<unknown>): FactIndex {
    const kind = this.#kind(fact);
    const known = kind.facts.get(fact.name);
    if (known !== undefined) {
      if (known.fact.project !== fact.project)
        throw new Error(`two different facts of ${fact.kind} are named ${fact.name}`);
      return known;
    }
    const { size: position } = kind.facts;
    const created = createFactIndex(fact, { position, onUnread: (subject) => this.release(subject) });
    for (const subject of kind.all.members()) {
      const object = this.object(subject);
      // What was not found was not projected: no form counts as known.
      if (object === undefined) subject.digest = undefined;
      created.update(subject, object, () => undefined);
    }
    kind.facts.set(fact.name, created);
    kind.factPlan = undefined;
    return created;
  }

  /** Present objects of a kind, in order. */
  members(kind: GroupKind): readonly Subject[] {
    return this.#kind(kind).all.members();
  }

  /** Subjects, those that are only read included, and namespaces with members or readers. */
  size(): { readonly subjects: number; readonly namespaces: number } {
    let subjects = 0;
    let namespaces = 0;
    for (const kind of [...this.#kinds.values()].flatMap((byGroup) => [...byGroup.values()])) {
      for (const inNamespace of kind.subjects.values()) subjects += inNamespace.size;
      namespaces += kind.namespaces.size;
    }
    return { subjects, namespaces };
  }

  #kind({ group, kind }: GroupKind): Kind {
    let byGroup = this.#kinds.get(kind);
    if (byGroup === undefined) {
      byGroup = new Map();
      this.#kinds.set(kind, byGroup);
    }
    const known = byGroup.get(group);
    if (known !== undefined) return known;
    const created: Kind = {
      subjects: new Map(),
      all: new Scope(() => undefined),
      namespaces: new Map(),
      facts: new Map(),
      factPlan: undefined,
    };
    byGroup.set(group, created);
    return created;
  }
}

/** All of them, when it cannot be said. */
function factsConcerned(
  kind: Kind,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
): Iterable<FactIndex> {
  if (before === undefined || after === undefined || kind.facts.size === 0) return kind.facts.values();
  kind.factPlan ??= createReadPlan([...kind.facts.values()], ({ fact }) =>
    fact.reads === undefined ? undefined : { deciding: fact.reads, telling: [] },
  );
  try {
    return kind.factPlan.concerned(before, after, () => true);
  } catch {
    // Nested beyond the stack.
    return kind.facts.values();
  }
}
