/**
 * The objects of one kind in one namespace, or in all: its members in order, and who listed them. A listing with a
 * selector is filed under one label it requires, so that a change asks only the selectors its labels could satisfy.
 */
import type { JsonObject } from '@driftline/proto';
import { compareKeys, createReadNode, type ReadNode, type Subject, type Wake } from './graph.ts';
import { type CompiledSelector, labelPairs, selects } from './selector.ts';

type SelectorNode = { readonly selector: CompiledSelector; readonly node: ReadNode };

export type Scope = {
  members(): readonly Subject[];
  /** Members with these labels, in order. */
  matching(selector: CompiledSelector): readonly Subject[];
  /** The node of a listing. */
  node(selector: CompiledSelector | undefined): ReadNode;
  /** A member was added, changed or removed: called after its fields were updated, with the labels it had. */
  update(subject: Subject, labelsBefore: JsonObject | undefined, wake: Wake): void;
  isIdle(): boolean;
};

/** `onIdle` is called when the scope has neither members nor readers. */
export function createScope(onIdle: () => void): Scope {
  const members = new Set<Subject>();
  let ordered: readonly Subject[] | undefined;
  let byLabel: Map<string, Set<Subject>> | undefined;
  let listing: ReadNode | undefined;
  const selectors = new Map<string, SelectorNode>();
  /** By one required label; '' holds those that require none. */
  const selectorsByLabel = new Map<string, Set<SelectorNode>>();

  const isIdle = () => members.size === 0 && listing === undefined && selectors.size === 0;
  const settle = () => {
    if (isIdle()) onIdle();
  };

  function selectorNode(selector: CompiledSelector): ReadNode {
    const known = selectors.get(selector.text);
    if (known !== undefined) return known.node;
    const filedUnder = selector.pairs[0] ?? '';
    const created: SelectorNode = {
      selector,
      node: createReadNode(() => {
        selectors.delete(selector.text);
        removeFrom(selectorsByLabel, filedUnder, created);
        settle();
      }),
    };
    selectors.set(selector.text, created);
    addTo(selectorsByLabel, filedUnder, created);
    return created.node;
  }

  function labelIndex(): Map<string, Set<Subject>> {
    if (byLabel === undefined) {
      byLabel = new Map();
      for (const subject of members) for (const pair of labelPairs(subject.labels)) addTo(byLabel, pair, subject);
    }
    return byLabel;
  }

  function reindex(subject: Subject, before: readonly string[], after: readonly string[]): void {
    if (byLabel === undefined) return;
    for (const pair of before) removeFrom(byLabel, pair, subject);
    for (const pair of after) addTo(byLabel, pair, subject);
  }

  function wakeSelectors(
    pairs: Iterable<string>,
    labels: readonly [JsonObject | undefined, JsonObject | undefined],
    wake: Wake,
  ): void {
    for (const pair of pairs) {
      for (const { selector, node } of selectorsByLabel.get(pair) ?? []) {
        if (selects(selector, labels[0]) || selects(selector, labels[1])) wake(node);
      }
    }
  }

  const sorted = () => (ordered ??= [...members].sort((a, b) => compareKeys(a.key, b.key)));

  return {
    members: sorted,
    matching(selector) {
      const sets = selector.pairs.map((pair) => labelIndex().get(pair));
      if (sets.length === 0) return sorted().filter((subject) => selects(selector, subject.labels));
      const smallest = sets.reduce((a, b) => ((a?.size ?? 0) <= (b?.size ?? 0) ? a : b)) ?? [];
      return [...smallest]
        .filter((subject) => selects(selector, subject.labels))
        .sort((a, b) => compareKeys(a.key, b.key));
    },
    node(selector) {
      if (selector !== undefined && selector.requirements.length > 0) return selectorNode(selector);
      listing ??= createReadNode(() => {
        listing = undefined;
        settle();
      });
      return listing;
    },
    update(subject, labelsBefore, wake) {
      const wasMember = members.has(subject);
      if (subject.present !== wasMember) {
        ordered = undefined;
        if (subject.present) members.add(subject);
        else members.delete(subject);
      }
      if (byLabel !== undefined || selectors.size > 0) {
        const before = wasMember ? labelPairs(labelsBefore) : [];
        const after = subject.present ? labelPairs(subject.labels) : [];
        reindex(subject, before, after);
        if (selectors.size > 0) wakeSelectors(new Set(['', ...before, ...after]), [labelsBefore, subject.labels], wake);
      }
      if (listing !== undefined) wake(listing);
      settle();
    },
    isIdle,
  };
}

export function addTo<T>(index: Map<string, Set<T>>, key: string, value: T): void {
  const set = index.get(key);
  if (set === undefined) index.set(key, new Set([value]));
  else set.add(value);
}

export function removeFrom<T>(index: Map<string, Set<T>>, key: string, value: T): void {
  const set = index.get(key);
  if (set?.delete(value) === true && set.size === 0) index.delete(key);
}
