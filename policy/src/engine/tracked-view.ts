/** The view of one evaluation: it answers from the inventory and notes every read. When the evaluation is over it is closed. */
import type { JsonObject } from '@driftline/proto';
import type { Fact, FactOf, GroupKind, LabelSelector, ObjectKey, TrackedView } from '../contract.ts';
import type { Coverage } from './coverage.ts';
import { deepFreeze } from './deep-freeze.ts';
import type { FactReading } from './fact-index.ts';
import type { ReadNode, Subject } from './graph.ts';
import type { Inventory } from './inventory.ts';
import { engineLimits } from './limits.ts';
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

export class RecordingView implements TrackedView {
  readonly #source: ViewSource;
  readonly #reads = new Set<ReadNode>();
  /** Kinds whose coverage the control asked about itself. */
  #asked: Set<string> | undefined;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #count = 0;
  #isOpen = true;
  /** What the view threw: it decides even when the control caught it. */
  #refusal: Error | undefined;

  private constructor(source: ViewSource) {
    this.#source = source;
  }

  static record<T>(source: ViewSource, evaluate: (view: TrackedView) => T): Recording<T> {
    const view = new RecordingView(source);
    const end = (result: Recording<T>['result']): Recording<T> => ({
      result,
      reads: view.#reads,
      deadlineMs: view.#deadlineMs,
    });
    try {
      const value = evaluate(view);
      return end(view.#refusal === undefined ? { ok: true, value } : { ok: false, thrown: view.#refusal });
    } catch (thrown) {
      return end({ ok: false, thrown: view.#refusal ?? thrown });
    } finally {
      view.#isOpen = false;
    }
  }

  get(key: ObjectKey): JsonObject | undefined {
    const { inventory } = this.#enter(key);
    this.#spend(1);
    const subject = inventory.subject(key);
    this.#reads.add(inventory.readers(subject));
    return subject.present ? this.#fetch(subject) : undefined;
  }

  list({
    group,
    kind,
    namespace,
    selector,
  }: GroupKind & { readonly namespace?: string; readonly selector?: LabelSelector }): readonly JsonObject[] {
    const { inventory } = this.#enter({ group, kind });
    const scope = inventory.scope({ group, kind }, namespace);
    const compiled = selector === undefined ? undefined : compileSelector(selector);
    this.#reads.add(scope.node(compiled));
    const members = compiled === undefined ? scope.members() : scope.matching(compiled);
    this.#spend(1 + members.length);
    return Object.freeze(members.map((subject) => this.#fetch(subject)));
  }

  facts<T>(fact: Fact<T>, namespace?: string): readonly FactOf<T>[] {
    const { inventory } = this.#enter(fact);
    return this.#take(inventory.facts(fact).facts(namespace));
  }

  fact<T>(fact: Fact<T>, key: ObjectKey): T | undefined {
    if (key.group !== fact.group || key.kind !== fact.kind)
      this.#refuse(new Error(`fact ${fact.name} is of ${fact.kind}, not of ${key.kind}`));
    const { inventory } = this.#enter(fact);
    const found: readonly FactOf<T>[] = this.#take(inventory.facts(fact).one(inventory.subject(key)));
    return found[0]?.value;
  }

  lookup<T>(fact: Fact<T>, key: string): readonly FactOf<T>[] {
    if (fact.keys === undefined) this.#refuse(new Error(`fact ${fact.name} has no index keys`));
    const { inventory } = this.#enter(fact);
    return this.#take(inventory.facts(fact).lookup(key));
  }

  now(deadlineMs: number): boolean {
    this.#spend(1);
    if (this.#source.nowMs() >= deadlineMs) return true;
    this.#deadlineMs = Math.min(this.#deadlineMs, deadlineMs);
    return false;
  }

  covers({ group, kind }: GroupKind): boolean {
    this.#spend(1);
    (this.#asked ??= new Set()).add(`${group}/${kind}`);
    return this.#isCovered({ group, kind });
  }

  /** Every read of a kind is a read of its coverage: what cannot be seen must not look like what is not there. */
  #enter({ group, kind }: GroupKind): ViewSource {
    if (!this.#isCovered({ group, kind }) && this.#asked?.has(`${group}/${kind}`) !== true) {
      this.#refuse(new NotAssessable(cannotSee({ group, kind })));
    }
    return this.#source;
  }

  #isCovered(kind: GroupKind): boolean {
    const { covered, node } = this.#source.coverage.read(kind);
    this.#reads.add(node);
    return covered;
  }

  #spend(reads: number): void {
    if (!this.#isOpen) throw new Error('a view answers only while the evaluation it was given to runs');
    this.#count += reads;
    if (this.#count > engineLimits.maxReadsPerEvaluation) {
      this.#refuse(new Error(`more than ${engineLimits.maxReadsPerEvaluation} reads in one evaluation`));
    }
  }

  #refuse(error: Error): never {
    this.#refusal ??= error;
    throw error;
  }

  #take(reading: FactReading): readonly FactOf<never>[] {
    for (const node of reading.nodes) this.#reads.add(node);
    this.#spend(1 + reading.facts.length);
    if (reading.error !== '') this.#refuse(new Error(reading.error));
    return reading.facts as readonly FactOf<never>[];
  }

  #fetch(subject: Subject): JsonObject {
    const object = this.#source.inventory.object(subject);
    if (object === undefined)
      return this.#refuse(new Error(`${subject.key.kind} ${subject.key.name} is not in the object store`));
    return deepFreeze(object);
  }
}
