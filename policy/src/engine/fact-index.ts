/**
 * One fact over all objects of its kind: the projections, kept, and who read them. A change wakes readers only when the
 * projected value differs (equality cut-off). Built when the fact is first read, kept up to date from then on.
 */
import { type Json, jsonEqual, type JsonObject } from '@driftline/proto';
import type { Fact, FactOf, ObjectKey } from '../contract.ts';
import { compareKeys, createReadNode, type ReadNode, type Subject, type Wake } from './graph.ts';
import { deepFreeze } from './deep-freeze.ts';
import { projectionOf } from './projection.ts';

/** `error` is '' unless the projection threw: then whoever could have read it is unjudged. */
type Projected = { readonly fact: FactOf<Json>; readonly keys: readonly string[]; readonly error: string };

export type FactReading = {
  readonly facts: readonly FactOf<Json>[];
  /** Why a projection among them failed; '' when none did. */
  readonly error: string;
  readonly nodes: readonly ReadNode[];
};

export type FactIndex = {
  readonly fact: Fact<unknown>;
  /** Counts the facts of the kind. */
  readonly position: number;
  /** namespace undefined: all. */
  facts(namespace: string | undefined): FactReading;
  one(subject: Subject): FactReading;
  lookup(key: string): FactReading;
  /** object undefined: it has gone. */
  update(subject: Subject, object: JsonObject | undefined, wake: Wake): void;
};

/** Projections that are read together, and the node of those who do. */
class Group {
  readonly members = new Map<Subject, Projected>();
  readonly #onIdle: () => void;
  #node: ReadNode | undefined;
  #reading: { readonly facts: readonly FactOf<Json>[]; readonly error: string } | undefined;

  constructor(onIdle: () => void = () => undefined) {
    this.#onIdle = onIdle;
  }

  read(): FactReading {
    this.#reading ??= readingOf([...this.members.values()]);
    return { ...this.#reading, nodes: [this.node()] };
  }

  node(): ReadNode {
    this.#node ??= createReadNode(() => {
      this.#node = undefined;
      this.#onIdle();
    });
    return this.#node;
  }

  change(subject: Subject, projected: Projected | undefined): void {
    if (projected === undefined) this.members.delete(subject);
    else this.members.set(subject, projected);
    this.#reading = undefined;
  }

  wake(wake: Wake): void {
    if (this.#node !== undefined) wake(this.#node);
  }

  isIdle(): boolean {
    return this.members.size === 0 && this.#node === undefined;
  }
}

export type FactIndexOptions = {
  readonly position: number;
  /** Called when a subject is no longer read one by one. */
  readonly onUnread: (subject: Subject) => void;
};

export function createFactIndex(fact: Fact<unknown>, { position, onUnread }: FactIndexOptions): FactIndex {
  const projections = new Map<Subject, Projected>();
  const all = new Group();
  /** Failed projections have no index keys, so every lookup depends on them. */
  const failed = new Group();
  const byNamespace = new Map<string, Group>();
  const byKey = new Map<string, Group>();
  const bySubject = new Map<Subject, ReadNode>();

  function groupIn(index: Map<string, Group>, key: string): Group {
    const known = index.get(key);
    if (known !== undefined) return known;
    const created = new Group(() => forgetIdle(index, key));
    index.set(key, created);
    return created;
  }

  function groupsOf(key: ObjectKey, projected: Projected | undefined): readonly Group[] {
    if (projected === undefined) return [];
    const own = [all, groupIn(byNamespace, key.namespace)];
    return projected.error === ''
      ? [...own, ...projected.keys.map((indexKey) => groupIn(byKey, indexKey))]
      : [...own, failed];
  }

  const project = projectionOf(fact);
  return {
    fact,
    position,
    facts: (namespace) => (namespace === undefined ? all : groupIn(byNamespace, namespace)).read(),
    one(subject) {
      let node = bySubject.get(subject);
      if (node === undefined) {
        node = createReadNode(() => {
          bySubject.delete(subject);
          subject.pins -= 1;
          onUnread(subject);
        });
        subject.pins += 1;
        bySubject.set(subject, node);
      }
      const projected = projections.get(subject);
      return { facts: projected === undefined ? [] : [projected.fact], error: projected?.error ?? '', nodes: [node] };
    },
    lookup(key) {
      const found = groupIn(byKey, key).read();
      const failures = failed.read();
      return { facts: found.facts, error: failures.error, nodes: [...found.nodes, ...failures.nodes] };
    },
    update(subject, object, wake) {
      const before = projections.get(subject);
      const after =
        object === undefined ? undefined : projected(fact, subject.key, { project: () => project(object), before });
      if (after === before) return;
      if (after === undefined) projections.delete(subject);
      else projections.set(subject, after);
      const left = groupsOf(subject.key, before);
      const entered = groupsOf(subject.key, after);
      for (const group of left) group.change(subject, undefined);
      for (const group of entered) group.change(subject, after);
      const node = bySubject.get(subject);
      if (node !== undefined) wake(node);
      for (const group of new Set([...left, ...entered])) group.wake(wake);
      forgetIdle(byNamespace, subject.key.namespace);
      for (const key of before?.keys ?? []) forgetIdle(byKey, key);
    },
  };
}

function forgetIdle(index: Map<string, Group>, key: string): void {
  if (index.get(key)?.isIdle() === true) index.delete(key);
}

function readingOf(projections: readonly Projected[]): { facts: readonly FactOf<Json>[]; error: string } {
  const ordered = [...projections].sort((a, b) => compareKeys(a.fact.key, b.fact.key));
  const error = ordered.find((one) => one.error !== '')?.error ?? '';
  return { facts: Object.freeze(ordered.map((one) => one.fact)), error };
}

type Projecting = { readonly project: () => unknown; readonly before: Projected | undefined };

/** `before` itself when nothing is different. */
function projected(fact: Fact<unknown>, key: ObjectKey, { project, before }: Projecting): Projected | undefined {
  try {
    const value = project() as Json | undefined;
    if (value === undefined) return undefined;
    // Keys follow from the value.
    if (before?.error === '' && equal(before.fact.value, value)) return before;
    const keys = fact.keys === undefined ? [] : [...new Set(fact.keys(value, key))].sort();
    return { fact: Object.freeze({ key, value: deepFreeze(value) }), keys, error: '' };
  } catch (cause) {
    const where = key.namespace === '' ? key.name : `${key.namespace}/${key.name}`;
    const error = `fact ${fact.name} of ${key.kind} ${where} failed: ${messageOf(cause)}`;
    return before?.error === error ? before : { fact: { key, value: null }, keys: [], error };
  }
}

/** Values nested beyond the stack count as different: whoever read them runs again. */
function equal(a: Json, b: Json): boolean {
  try {
    return jsonEqual(a, b);
  } catch {
    return false;
  }
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
