/**
 * Counts of outcomes by control and namespace. Whole numbers only: the score made of them is the same whether they were
 * counted up one change at a time or all at once.
 */
import type { Category, ControlMeta } from '../contract.ts';
import { outcomeCode } from '../engine/outcome.ts';

export type Score = {
  /** cluster | namespace:<name> | category:<name> | control:<id> */
  readonly scope: string;
  /** Weight of what passes. */
  readonly earned: number;
  /** Weight of what passes or fails. */
  readonly possible: number;
  /** 0–100, two decimals; 100 when nothing could fail. */
  readonly score: number;
  readonly passing: number;
  readonly failing: number;
};

export type ScoreCard = {
  readonly cluster: Score;
  /** Namespaces by name; cluster-scoped objects count for the cluster only. */
  readonly namespaces: readonly Score[];
  readonly categories: readonly Score[];
  readonly controls: readonly Score[];
  /** (control, object) pairs that count for no score. */
  readonly unjudged: number;
  readonly notAssessable: number;
};

export type Tally = {
  /** One (control, object) goes from one outcome code to another. */
  move(control: string, namespace: string, from: number, to: number): void;
  score(metaOf: (control: string) => ControlMeta | undefined): ScoreCard;
};

type Pair = { passing: number; failing: number };
/** Pairs by namespace. */
type Counts = Map<string, Pair>;
type Counted = { readonly meta: ControlMeta; readonly counts: Counts };

export function createTally(): Tally {
  const byControl = new Map<string, Counts>();
  let unjudged = 0;
  let notAssessable = 0;

  function count(counts: Counts, namespace: string, code: number, by: 1 | -1): void {
    if (code === outcomeCode.unjudged) unjudged += by;
    else if (code === outcomeCode.notAssessable) notAssessable += by;
    else if (code === outcomeCode.pass || code === outcomeCode.fail) {
      const pair = counts.get(namespace) ?? { passing: 0, failing: 0 };
      if (code === outcomeCode.pass) pair.passing += by;
      else pair.failing += by;
      if (pair.passing === 0 && pair.failing === 0) counts.delete(namespace);
      else counts.set(namespace, pair);
    }
  }

  return {
    move(control, namespace, from, to) {
      if (from === to) return;
      const counts = byControl.get(control) ?? new Map<string, Pair>();
      byControl.set(control, counts);
      count(counts, namespace, from, -1);
      count(counts, namespace, to, 1);
    },
    score(metaOf) {
      const counted = [...byControl].flatMap(([control, counts]) => {
        const meta = metaOf(control);
        return meta === undefined || counts.size === 0 ? [] : [{ meta, counts }];
      });
      counted.sort((a, b) => (a.meta.id < b.meta.id ? -1 : 1));
      return { ...scoreCard(counted), unjudged, notAssessable };
    },
  };
}

function scoreCard(counted: readonly Counted[]): Omit<ScoreCard, 'unjudged' | 'notAssessable'> {
  const cluster = createSum('cluster');
  const namespaces = new Map<string, Sum>();
  const categories = new Map<Category, Sum>();
  const controls: Score[] = [];
  for (const { meta, counts } of counted) {
    const whole: Pair = { passing: 0, failing: 0 };
    for (const [namespace, pair] of counts) {
      whole.passing += pair.passing;
      whole.failing += pair.failing;
      if (namespace !== '') sumIn(namespaces, namespace, `namespace:${namespace}`).add(meta, pair);
    }
    const control = createSum(`control:${meta.id}`);
    for (const sum of [control, cluster, sumIn(categories, meta.category, `category:${meta.category}`)])
      sum.add(meta, whole);
    controls.push(control.score());
  }
  return { cluster: cluster.score(), namespaces: ordered(namespaces), categories: ordered(categories), controls };
}

type Sum = { add(meta: ControlMeta, pair: Pair): void; score(): Score };

/** Counts are summed first and weighted once a control, in the order of ids: fractional weights give the same bits every time. */
function createSum(scope: string): Sum {
  let earned = 0;
  let possible = 0;
  let passing = 0;
  let failing = 0;
  return {
    add({ weight }, pair) {
      earned += weight * pair.passing;
      possible += weight * (pair.passing + pair.failing);
      passing += pair.passing;
      failing += pair.failing;
    },
    score: () => ({
      scope,
      earned,
      possible,
      score: possible === 0 ? 100 : Math.round((earned / possible) * 10_000) / 100,
      passing,
      failing,
    }),
  };
}

function sumIn<K>(sums: Map<K, Sum>, key: K, scope: string): Sum {
  const sum = sums.get(key) ?? createSum(scope);
  sums.set(key, sum);
  return sum;
}

function ordered(sums: ReadonlyMap<string, Sum>): readonly Score[] {
  return [...sums.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum.score());
}
