/**
 * What a judgement of a change read of the cluster, kept as plain JSON: who asked for the change may become known an
 * hour later, and it is judged by the cluster as it was then.
 */
import { canonicalJson, type Json, type JsonObject } from '@driftline/proto';
import type { Fact, FactOf, GroupKind, LabelSelector, ObjectKey, TrackedView } from '../contract.ts';

/** Questions and their answers, in the order in which they were asked. */
export type KeptReads = {
  readonly atMs: number;
  readonly answers: readonly (readonly [question: string, answer: Json])[];
};

type ListQuery = GroupKind & { readonly namespace?: string; readonly selector?: LabelSelector };

const questions = {
  get: ({ group, kind, namespace, name }: ObjectKey) => JSON.stringify(['get', group, kind, namespace, name]),
  list: ({ group, kind, namespace, selector }: ListQuery) =>
    canonicalJson(['list', group, kind, namespace ?? null, (selector ?? null) as Json]),
  fact: (name: string, key: ObjectKey) => JSON.stringify(['fact', name, key.group, key.kind, key.namespace, key.name]),
  covers: ({ group, kind }: GroupKind) => JSON.stringify(['covers', group, kind]),
};

const unsupported = (): never => {
  throw new Error('what judges a change reads single objects and lists');
};

/** Answers from another view and keeps what it said. Time is that of the change. */
export class KeepingView implements TrackedView {
  readonly #view: TrackedView;
  readonly #atMs: number;
  /** Made with the first answer: most policies ask the cluster nothing. */
  #answers: Map<string, Json> | undefined;

  constructor(view: TrackedView, atMs: number) {
    this.#view = view;
    this.#atMs = atMs;
  }

  get(key: ObjectKey): JsonObject | undefined {
    return this.#keep(questions.get(key), this.#view.get(key));
  }

  list(query: ListQuery): readonly JsonObject[] {
    return this.#keep(questions.list(query), this.#view.list(query));
  }

  fact<T>(fact: Fact<T>, key: ObjectKey): T | undefined {
    return this.#keep(questions.fact(fact.name, key), this.#view.fact(fact, key));
  }

  covers(kind: GroupKind): boolean {
    return this.#keep(questions.covers(kind), this.#view.covers(kind));
  }

  now(deadlineMs: number): boolean {
    return this.#atMs >= deadlineMs;
  }

  facts(): never {
    return unsupported();
  }

  lookup(): never {
    return unsupported();
  }

  kept(): KeptReads {
    return { atMs: this.#atMs, answers: [...(this.#answers ?? [])] };
  }

  #keep<T>(question: string, answer: T): T {
    this.#answers ??= new Map();
    this.#answers.set(question, (answer ?? null) as Json);
    return answer;
  }
}

/** Answers what was asked before; anything else ends the evaluation. */
export function keptView({ atMs, answers }: KeptReads): TrackedView {
  const known = new Map(answers);
  const answer = (question: string): Json => {
    const found = known.get(question);
    if (found === undefined) throw new Error('what it reads of the cluster depends on who asked, and was not kept');
    return found;
  };
  return {
    get: (key) => (answer(questions.get(key)) ?? undefined) as JsonObject | undefined,
    list: (query) => answer(questions.list(query)) as readonly JsonObject[],
    fact: <T>(fact: Fact<T>, key: ObjectKey) => (answer(questions.fact(fact.name, key)) ?? undefined) as T | undefined,
    covers: (kind) => answer(questions.covers(kind)) === true,
    now: (deadlineMs) => atMs >= deadlineMs,
    facts: unsupported as () => readonly FactOf<never>[],
    lookup: unsupported as () => readonly FactOf<never>[],
  };
}
