/**
 * Sums of outcomes for every scope that a score is given for, kept as outcomes move: a change costs what it moves, and
 * the sums are those of a count of everything at once. Whole numbers only, so the order of moves leaves no trace.
 */
import type { ControlMeta } from '../contract.ts';
import { outcomeCode } from '../engine/outcome.ts';
import { PairSum, pointsOf, type Score, type ScoreCard } from './score.ts';

/** Where a pair counts, besides its control. */
export type Place = {
  /** '' for cluster-scoped objects. */
  readonly namespace: string;
  /** Who the object itself names; '' leaves it to its namespace. */
  readonly owner: string;
};

/** What of a control decides where and how much its pairs count. */
type Measure = Pick<ControlMeta, 'weight' | 'category' | 'frameworks' | 'severity'>;

/** What a pair counts as. */
export type Standing = {
  /** Outcome code. */
  readonly code: number;
  /** Findings of it that are open. */
  readonly open: number;
};

type Counted = { measure: Measure; readonly byPlace: Map<string, Pairs> };
type Pairs = {
  readonly place: Place;
  /** All it counts for but the owner. */
  sums: readonly ScopeSum[];
  /** How many, by outcome code. */
  readonly codes: Map<number, number>;
  open: number;
};

/** One is dropped only when nothing counts for it and that was told, so whoever counts may hold on to it. */
type ScopeSum = { readonly scope: string; readonly sum: PairSum; isChanged: boolean };

const counting: ReadonlySet<number> = new Set([
  outcomeCode.pass,
  outcomeCode.fail,
  outcomeCode.excepted,
  outcomeCode.notAssessable,
  outcomeCode.unjudged,
]);

export class Tally {
  readonly #measureOf: (control: string) => Measure | undefined;
  readonly #byControl = new Map<string, Counted>();
  readonly #sums = new Map<string, ScopeSum>();
  /** By namespace: what its objects that name nobody count for. */
  readonly #unclaimed = new Map<string, PairSum>();
  readonly #namespaceOwners = new Map<string, string>();
  #changed: ScopeSum[] = [];

  constructor(measureOf: (control: string) => Measure | undefined) {
    this.#measureOf = measureOf;
  }

  /** One (control, object) goes from one standing to another. */
  move(control: string, place: Place, from: Standing, to: Standing): void {
    if (from.code === to.code && from.open === to.open) return;
    const isCounted = counting.has(to.code);
    const wasCounted = counting.has(from.code);
    if (!isCounted && !wasCounted) return;
    const counted = this.#countedOf(control);
    const { measure, byPlace } = counted;
    const key = `${place.namespace.length} ${place.namespace}${place.owner}`;
    let pairs = byPlace.get(key);
    if (pairs === undefined) {
      pairs = { place, sums: this.#sumsOf(control, measure, place), codes: new Map(), open: 0 };
      byPlace.set(key, pairs);
    }
    if (isCounted) countCode(pairs.codes, to.code, 1);
    if (wasCounted) countCode(pairs.codes, from.code, -1);
    if (pairs.codes.size === 0) byPlace.delete(key);
    if (byPlace.size === 0) this.#byControl.delete(control);
    const opened = (isCounted ? to.open : 0) - (wasCounted ? from.open : 0);
    pairs.open += opened;
    const points = pointsOf(measure.weight);
    this.#inAll(pairs, (sum) => {
      if (isCounted) sum.add(to.code, points, 1);
      if (wasCounted) sum.add(from.code, points, -1);
      if (opened !== 0) sum.addOpen(measure.severity, opened);
    });
  }

  /** What the namespace's objects that name nobody belong to from now on; '' when it names nobody. */
  nameOwner(namespace: string, owner: string): void {
    const before = this.#namespaceOwners.get(namespace) ?? '';
    if (before === owner) return;
    if (owner === '') this.#namespaceOwners.delete(namespace);
    else this.#namespaceOwners.set(namespace, owner);
    const moved = this.#unclaimed.get(namespace);
    if (moved === undefined) return;
    this.#change(this.#sumOf(`owner:${owner}`)).merge(moved, 1);
    this.#change(this.#sumOf(`owner:${before}`)).merge(moved, -1);
  }

  /** Controls may have other weights, categories and frameworks now. */
  remeasure(): void {
    for (const [control, counted] of this.#byControl) {
      const measure = this.#measureOf(control);
      if (measure === undefined || sameMeasure(measure, counted.measure)) continue;
      for (const pairs of counted.byPlace.values()) {
        this.#addAll(pairs, counted.measure, -1);
        pairs.sums = this.#sumsOf(control, measure, pairs.place);
        this.#addAll(pairs, measure, 1);
      }
      counted.measure = measure;
    }
  }

  /** Every scope that a pair of this control counts for. */
  scopesOf(control: string, place: Place): readonly string[] {
    const measure = this.#byControl.get(control)?.measure ?? this.#measureOf(control);
    return measure === undefined ? [] : [...scopesOf(control, measure, place), `owner:${this.#ownerIn(place)}`];
  }

  card(): ScoreCard {
    const scores = [...this.#sums.values()].filter(({ sum }) => !sum.isEmpty()).map(scoreOf);
    scores.sort((a, b) => (a.scope < b.scope ? -1 : 1));
    const of = (type: string) => scores.filter(({ scope }) => scope.startsWith(`${type}:`));
    return {
      cluster: scoreOf(this.#sumOf('cluster')),
      namespaces: of('namespace'),
      owners: of('owner'),
      categories: of('category'),
      controls: of('control'),
      frameworks: of('framework'),
    };
  }

  /** Scores that moved since this was last called; of a scope that nothing counts for any more, an empty one. */
  takeChanged(): readonly Score[] {
    const changed = this.#changed;
    this.#changed = [];
    return changed.map((one) => {
      one.isChanged = false;
      if (one.sum.isEmpty()) this.#sums.delete(one.scope);
      return scoreOf(one);
    });
  }

  #countedOf(control: string): Counted {
    const known = this.#byControl.get(control);
    if (known !== undefined) return known;
    const measure = this.#measureOf(control);
    if (measure === undefined) throw new Error(`no control ${control} to count for`);
    const created: Counted = { measure, byPlace: new Map() };
    this.#byControl.set(control, created);
    return created;
  }

  #addAll(pairs: Pairs, { weight, severity }: Measure, sign: 1 | -1): void {
    const points = pointsOf(weight);
    this.#inAll(pairs, (sum) => {
      for (const [code, count] of pairs.codes) sum.add(code, points, sign * count);
      sum.addOpen(severity, sign * pairs.open);
    });
  }

  #inAll({ place, sums }: Pairs, add: (sum: PairSum) => void): void {
    for (const one of sums) add(this.#change(one));
    add(this.#change(this.#sumOf(`owner:${this.#ownerIn(place)}`)));
    if (place.owner !== '') return;
    const sum = this.#unclaimed.get(place.namespace) ?? new PairSum();
    add(sum);
    if (sum.isEmpty()) this.#unclaimed.delete(place.namespace);
    else this.#unclaimed.set(place.namespace, sum);
  }

  #ownerIn({ namespace, owner }: Place): string {
    return owner === '' ? (this.#namespaceOwners.get(namespace) ?? '') : owner;
  }

  #sumsOf(control: string, measure: Measure, place: Place): readonly ScopeSum[] {
    return scopesOf(control, measure, place).map((scope) => this.#sumOf(scope));
  }

  #sumOf(scope: string): ScopeSum {
    const known = this.#sums.get(scope);
    if (known !== undefined) return known;
    const created: ScopeSum = { scope, sum: new PairSum(), isChanged: false };
    this.#sums.set(scope, created);
    return created;
  }

  #change(one: ScopeSum): PairSum {
    if (!one.isChanged) {
      one.isChanged = true;
      this.#changed.push(one);
    }
    return one.sum;
  }
}

function countCode(codes: Map<number, number>, code: number, by: 1 | -1): void {
  const left = (codes.get(code) ?? 0) + by;
  if (left === 0) codes.delete(code);
  else codes.set(code, left);
}

function scoreOf({ scope, sum }: ScopeSum): Score {
  return sum.score(scope);
}

function scopesOf(control: string, { category, frameworks }: Measure, { namespace }: Place): readonly string[] {
  return [
    'cluster',
    `control:${control}`,
    `category:${category}`,
    ...(namespace === '' ? [] : [`namespace:${namespace}`]),
    ...namesOf(frameworks).map((framework) => `framework:${framework}`),
  ];
}

function namesOf(frameworks: Measure['frameworks']): readonly string[] {
  return frameworks.length < 2
    ? frameworks.map(({ framework }) => framework)
    : [...new Set(frameworks.map(({ framework }) => framework))];
}

function sameMeasure(a: Measure, b: Measure): boolean {
  return (
    a.weight === b.weight &&
    a.severity === b.severity &&
    a.category === b.category &&
    namesOf(a.frameworks).join() === namesOf(b.frameworks).join()
  );
}
