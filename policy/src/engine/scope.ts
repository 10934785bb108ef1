/**
 * The objects of one kind in one namespace, or in all: its members in order, and who listed them. A listing with a
 * selector is filed under one label it requires, so that a change asks only the selectors its labels could satisfy.
 */
import type { JsonObject } from '@driftline/proto';
import { compareKeys, createReadNode, type ReadNode, type Subject, type Wake } from './graph.ts';
import { type CompiledSelector, labelPairs, selects } from './selector.ts';

type SelectorNode = { readonly selector: CompiledSelector; readonly node: ReadNode };

/** Files selectors that require no label. No label pair is empty. */
const unfiled = '';

export class Scope {
  readonly #members = new Set<Subject>();
  readonly #onIdle: () => void;
  readonly #selectors = new Map<string, SelectorNode>();
  readonly #selectorsByLabel = new Map<string, Set<SelectorNode>>();
  #ordered: readonly Subject[] | undefined;
  /** Made when a selector is first asked. */
  #membersByLabel: Map<string, Set<Subject>> | undefined;
  #listing: ReadNode | undefined;

  /** `onIdle` is called when the scope has neither members nor readers. */
  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  members(): readonly Subject[] {
    this.#ordered ??= [...this.#members].sort((a, b) => compareKeys(a.key, b.key));
    return this.#ordered;
  }

  /** Members with these labels, in order. */
  matching(selector: CompiledSelector): readonly Subject[] {
    const sets = selector.pairs.map((pair) => this.#labelIndex().get(pair));
    if (sets.length === 0) return this.members().filter((subject) => selects(selector, subject.labels));
    const smallest = sets.reduce((a, b) => ((a?.size ?? 0) <= (b?.size ?? 0) ? a : b)) ?? [];
    const found = [...smallest].filter((subject) => selects(selector, subject.labels));
    return found.sort((a, b) => compareKeys(a.key, b.key));
  }

  /** The node of a listing. */
  node(selector: CompiledSelector | undefined): ReadNode {
    if (selector !== undefined && selector.requirements.length > 0) return this.#selectorNode(selector);
    this.#listing ??= createReadNode(() => {
      this.#listing = undefined;
      this.#settle();
    });
    return this.#listing;
  }

  /** A member was added, changed or removed: called when its fields are up to date, with the labels it had. */
  update(subject: Subject, labelsBefore: JsonObject | undefined, wake: Wake): void {
    const wasMember = this.#members.has(subject);
    if (subject.present !== wasMember) {
      this.#ordered = undefined;
      if (subject.present) this.#members.add(subject);
      else this.#members.delete(subject);
    }
    if (this.#membersByLabel !== undefined || this.#selectors.size > 0) {
      const before = wasMember ? labelPairs(labelsBefore) : [];
      const after = subject.present ? labelPairs(subject.labels) : [];
      this.#reindex(subject, before, after);
      for (const pair of new Set([unfiled, ...before, ...after]))
        this.#wakeFiled(pair, [labelsBefore, subject.labels], wake);
    }
    if (this.#listing !== undefined) wake(this.#listing);
    this.#settle();
  }

  #selectorNode(selector: CompiledSelector): ReadNode {
    const known = this.#selectors.get(selector.text);
    if (known !== undefined) return known.node;
    const label = selector.pairs[0] ?? unfiled;
    const node = createReadNode(() => {
      this.#selectors.delete(selector.text);
      removeFrom(this.#selectorsByLabel, label, created);
      this.#settle();
    });
    const created: SelectorNode = { selector, node };
    this.#selectors.set(selector.text, created);
    addTo(this.#selectorsByLabel, label, created);
    return node;
  }

  #wakeFiled(pair: string, labels: readonly [JsonObject | undefined, JsonObject | undefined], wake: Wake): void {
    for (const { selector, node } of this.#selectorsByLabel.get(pair) ?? []) {
      if (selects(selector, labels[0]) || selects(selector, labels[1])) wake(node);
    }
  }

  #labelIndex(): Map<string, Set<Subject>> {
    if (this.#membersByLabel === undefined) {
      this.#membersByLabel = new Map();
      for (const subject of this.#members) this.#reindex(subject, [], labelPairs(subject.labels));
    }
    return this.#membersByLabel;
  }

  #reindex(subject: Subject, before: readonly string[], after: readonly string[]): void {
    if (this.#membersByLabel === undefined) return;
    for (const pair of before) removeFrom(this.#membersByLabel, pair, subject);
    for (const pair of after) addTo(this.#membersByLabel, pair, subject);
  }

  #settle(): void {
    if (this.#members.size === 0 && this.#listing === undefined && this.#selectors.size === 0) this.#onIdle();
  }
}

function addTo<T>(index: Map<string, Set<T>>, key: string, value: T): void {
  const set = index.get(key);
  if (set === undefined) index.set(key, new Set([value]));
  else set.add(value);
}

function removeFrom<T>(index: Map<string, Set<T>>, key: string, value: T): void {
  const set = index.get(key);
  if (set?.delete(value) === true && set.size === 0) index.delete(key);
}
