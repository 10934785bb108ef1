/**
 * The view an evaluation gets: it answers from the inventory and notes every read. One view serves all evaluations of an
 * engine, one at a time; outside of an evaluation it refuses to answer.
 */
import type { JsonObject } from '@driftline/proto';
import type { Fact, FactOf, GroupKind, ObjectKey, TrackedView } from '../contract.ts';
import type { Coverage } from './coverage.ts';
import type { FactReading } from './fact-index.ts';
import type { ReadNode, Subject } from './graph.ts';
import type { Inventory } from './inventory.ts';
import { engineLimits } from './limits.ts';
import { deepFreeze } from './deep-freeze.ts';
import { compileSelector } from './selector.ts';

/** Ends an evaluation as not-assessable. */
export class NotAssessable extends Error {}

export function cannotSee({ group, kind }: GroupKind): string {
  return `${kind}${group === '' ? '' : `.${group}`} objects cannot be seen`;
}

export type Recording<T> = {
  /** The answer, or what the evaluation threw. */
  readonly result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly thrown: unknown };
  readonly reads: ReadonlySet<ReadNode>;
  /** The earliest deadline asked about and not reached; Infinity when none. */
  readonly deadlineMs: number;
};

export type ViewSource = { readonly inventory: Inventory; readonly coverage: Coverage; readonly nowMs: () => number };

type Session = {
  readonly reads: Set<ReadNode>;
  readonly asked: Set<string>;
  deadlineMs: number;
  count: number;
  /** What the view threw: it decides even when the control caught it. */
  refusal: Error | undefined;
};

export type RecordingView = { record<T>(evaluate: (view: TrackedView) => T): Recording<T> };

export function createRecordingView({ inventory, coverage, nowMs }: ViewSource): RecordingView {
  let session: Session | undefined;

  function current(): Session {
    if (session === undefined) throw new Error('a view answers only while the evaluation it was given to runs');
    return session;
  }

  function refuse(error: Error): never {
    current().refusal ??= error;
    throw error;
  }

  function count(reads: number): void {
    const open = current();
    open.count += reads;
    if (open.count > engineLimits.maxReadsPerEvaluation)
      refuse(new Error(`more than ${engineLimits.maxReadsPerEvaluation} reads in one evaluation`));
  }

  /** Every read of a kind is a read of its coverage: what cannot be seen must not look like what is not there. */
  function enter({ group, kind }: GroupKind): Session {
    const open = current();
    open.reads.add(coverage.node({ group, kind }));
    if (!open.asked.has(`${group}/${kind}`) && !coverage.covers({ group, kind })) {
      refuse(new NotAssessable(cannotSee({ group, kind })));
    }
    return open;
  }

  function take(open: Session, reading: FactReading): readonly FactOf<never>[] {
    for (const node of reading.nodes) open.reads.add(node);
    count(1 + reading.facts.length);
    if (reading.error !== '') refuse(new Error(reading.error));
    return reading.facts as readonly FactOf<never>[];
  }

  function fetch(subject: Subject): JsonObject {
    const object = inventory.object(subject);
    return object === undefined
      ? refuse(new Error(`${subject.key.kind} ${subject.key.name} is not in the object store`))
      : deepFreeze(object);
  }

  const view: TrackedView = {
    get(key: ObjectKey) {
      const open = enter(key);
      count(1);
      const subject = inventory.subject(key);
      open.reads.add(inventory.readers(subject));
      return subject.present ? fetch(subject) : undefined;
    },
    list({ group, kind, namespace, selector }) {
      const open = enter({ group, kind });
      const scope = inventory.scope({ group, kind }, namespace);
      const compiled = selector === undefined ? undefined : compileSelector(selector);
      open.reads.add(scope.node(compiled));
      const members = compiled === undefined ? scope.members() : scope.matching(compiled);
      count(1 + members.length);
      return Object.freeze(members.map(fetch));
    },
    facts<T>(fact: Fact<T>, namespace?: string): readonly FactOf<T>[] {
      const open = enter(fact);
      return take(open, inventory.facts(fact).facts(namespace));
    },
    fact<T>(fact: Fact<T>, key: ObjectKey): T | undefined {
      if (key.group !== fact.group || key.kind !== fact.kind)
        refuse(new Error(`fact ${fact.name} is of ${fact.kind}, not of ${key.kind}`));
      const open = enter(fact);
      const found: readonly FactOf<T>[] = take(open, inventory.facts(fact).one(inventory.subject(key)));
      return found[0]?.value;
    },
    lookup<T>(fact: Fact<T>, key: string): readonly FactOf<T>[] {
      if (fact.keys === undefined) refuse(new Error(`fact ${fact.name} has no index keys`));
      const open = enter(fact);
      return take(open, inventory.facts(fact).lookup(key));
    },
    now(deadlineMs) {
      const open = current();
      if (nowMs() >= deadlineMs) return true;
      open.deadlineMs = Math.min(open.deadlineMs, deadlineMs);
      return false;
    },
    covers({ group, kind }) {
      const open = current();
      open.reads.add(coverage.node({ group, kind }));
      open.asked.add(`${group}/${kind}`);
      return coverage.covers({ group, kind });
    },
  };
  Object.freeze(view);

  return {
    record(evaluate) {
      const open: Session = {
        reads: new Set(),
        asked: new Set(),
        deadlineMs: Number.POSITIVE_INFINITY,
        count: 0,
        refusal: undefined,
      };
      session = open;
      try {
        const value = evaluate(view);
        if (open.refusal !== undefined) throw open.refusal;
        return { result: { ok: true, value }, reads: open.reads, deadlineMs: open.deadlineMs };
      } catch (thrown) {
        return { result: { ok: false, thrown }, reads: open.reads, deadlineMs: open.deadlineMs };
      } finally {
        session = undefined;
      }
    },
  };
}
