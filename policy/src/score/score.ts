/**
 * What a score is. Of the pairs (control, object), those that pass or fail are possible points, by the control's weight;
 * those that pass are earned. What is excepted, not assessable or unjudged counts for neither: it is shown beside.
 */
import type { Severity } from '../contract.ts';
import { outcomeCode } from '../engine/outcome.ts';

/** Pairs (control, object) by what became of them. */
export type PairCounts = {
  readonly passing: number;
  readonly failing: number;
  readonly excepted: number;
  /** A kind that cannot be seen counts once for each control that judges it. */
  readonly notAssessable: number;
  readonly unjudged: number;
};

export type SeverityCounts = Readonly<Record<Severity, number>>;

export type Score = PairCounts & {
  /** cluster | namespace:<name> | owner:<name> | category:<name> | control:<id> | framework:<id> */
  readonly scope: string;
  /** Weight of what passes. */
  readonly earned: number;
  /** Weight of what passes or fails. */
  readonly possible: number;
  /** 0–100, two decimals; 100 when nothing could fail. */
  readonly score: number;
  /** Findings that are open: a pair that fails has one or more. */
  readonly openBySeverity: SeverityCounts;
};

export type ScoreCard = {
  readonly cluster: Score;
  /** By name, here and below. Cluster-scoped objects count for no namespace. */
  readonly namespaces: readonly Score[];
  /** `owner:` is what nobody is named for. All of them together are the cluster. */
  readonly owners: readonly Score[];
  /** All of them together are the cluster. */
  readonly categories: readonly Score[];
  /** All of them together are the cluster. */
  readonly controls: readonly Score[];
  /** One control can count for several. */
  readonly frameworks: readonly Score[];
};

const severities: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];

/** Weights are counted in thousandths: sums of whole numbers are the same in every order. */
const pointsOfOne = 1_000;

export function pointsOf(weight: number): number {
  return Math.round(weight * pointsOfOne);
}

export function weightOf(points: number): number {
  return points / pointsOfOne;
}

/** 0–100, two decimals; 100 when nothing could fail. */
export function percentOf(earned: number, possible: number): number {
  return possible === 0 ? 100 : Math.round((earned / possible) * 10_000) / 100;
}

/** Counts that can be added to and taken from. */
export class PairSum {
  readonly counts = { passing: 0, failing: 0, excepted: 0, notAssessable: 0, unjudged: 0 };
  readonly open: Record<Severity, number> = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
  #earned = 0;
  #possible = 0;

  /** `by`: how many pairs of this outcome more (less, when negative), of `points` each. */
  add(code: number, points: number, by: number): void {
    const { counts } = this;
    switch (code) {
      case outcomeCode.pass:
        counts.passing += by;
        this.#earned += points * by;
        this.#possible += points * by;
        break;
      case outcomeCode.fail:
        counts.failing += by;
        this.#possible += points * by;
        break;
      case outcomeCode.excepted:
        counts.excepted += by;
        break;
      case outcomeCode.notAssessable:
        counts.notAssessable += by;
        break;
      case outcomeCode.unjudged:
        counts.unjudged += by;
        break;
    }
  }

  addOpen(severity: Severity, by: number): void {
    this.open[severity] += by;
  }

  /** All of another sum, `by` 1 or -1 times. */
  merge(other: PairSum, by: 1 | -1): void {
    const { counts } = this;
    counts.passing += other.counts.passing * by;
    counts.failing += other.counts.failing * by;
    counts.excepted += other.counts.excepted * by;
    counts.notAssessable += other.counts.notAssessable * by;
    counts.unjudged += other.counts.unjudged * by;
    for (const severity of severities) this.open[severity] += other.open[severity] * by;
    this.#earned += other.#earned * by;
    this.#possible += other.#possible * by;
  }

  isEmpty(): boolean {
    const { passing, failing, excepted, notAssessable, unjudged } = this.counts;
    if (passing !== 0 || failing !== 0 || excepted !== 0 || notAssessable !== 0 || unjudged !== 0) return false;
    return severities.every((severity) => this.open[severity] === 0);
  }

  score(scope: string): Score {
    const [earned, possible] = [weightOf(this.#earned), weightOf(this.#possible)];
    const score = percentOf(this.#earned, this.#possible);
    return { scope, earned, possible, score, ...this.counts, openBySeverity: { ...this.open } };
  }
}
