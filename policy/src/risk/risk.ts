/**
 * How much a finding matters, 0–100: points for its severity, times one factor for each thing that makes it worse or
 * milder. Whole numbers only, and every factor is told with what it was read from: equal facts, equal risk.
 */
import type { Severity } from '../contract.ts';
import { type ShownFact, techniquesThatExploit } from './evidence.ts';

export type Criticality = 'critical' | 'high' | 'medium' | 'low';

export type RiskFacts = {
  readonly severity: Severity;
  /** ATT&CK techniques that the control maps to. */
  readonly techniques: readonly string[];
  /** What findings on the same object show, with the control and its reason. */
  readonly shown: readonly (ShownFact & { readonly control: string; readonly reason: string })[];
  /** The label's text where there is one; '' else. The object's own goes before its namespace's. */
  readonly criticality: { readonly ofObject: string; readonly ofNamespace: string };
  /** Whole days since it was opened. */
  readonly openDays: number;
  /** How often it came back. */
  readonly reopened: number;
};

export type RiskFactor = {
  readonly name: 'exploitability' | 'exposure' | 'privilege' | 'criticality' | 'age' | 'recurrence';
  readonly value: string;
  /** 100 changes nothing. */
  readonly percent: number;
  /** What it was read from; '' where nothing says anything. */
  readonly evidence: string;
};

export type Risk = {
  /** 0–100, whole. */
  readonly score: number;
  /** What the severity alone is worth. */
  readonly points: number;
  /** In the order in which they are told. */
  readonly factors: readonly RiskFactor[];
  /** Points times all percents: orders findings that have the same score. */
  readonly exact: number;
};

const pointsOf: Readonly<Record<Severity, number>> = { critical: 50, high: 32, medium: 18, low: 8, info: 3 };
const exposures = { outside: 150, cluster: 115, 'not seen': 100 } as const;
const privileges = { 'cluster-admin': 150, node: 140, 'cluster-wide': 125, 'not seen': 100 } as const;
const criticalities: Readonly<Record<Criticality, number>> = { critical: 140, high: 120, medium: 100, low: 75 };
/** From this many days on. */
const ages = [
  [90, 120],
  [30, 110],
  [7, 105],
] as const;
const recurrences = [
  [3, 120],
  [2, 110],
  [1, 105],
] as const;

/** The label whose value is the criticality of an object, or of what is in a namespace. */
export const criticalityLabel = 'driftline.io/criticality';

const whole = 100;

export function riskOf(facts: RiskFacts): Risk {
  const points = pointsOf[facts.severity];
  const factors = [
    exploitability(facts.techniques),
    worst('exposure', exposures, facts),
    worst('privilege', privileges, facts),
    criticality(facts.criticality),
    step('age', ages, facts.openDays, facts.openDays === 1 ? 'day' : 'days'),
    step('recurrence', recurrences, facts.reopened, 'times reopened'),
  ];
  const exact = factors.reduce((product, { percent }) => product * percent, points);
  // The product stays below 2^53, so the division is of exact numbers and rounds the same everywhere.
  return { score: Math.min(100, Math.round(exact / whole ** factors.length)), points, factors, exact };
}

function exploitability(techniques: readonly string[]): RiskFactor {
  const direct = techniques.filter((technique) => techniquesThatExploit.has(technique));
  const named = direct.length > 0 ? direct : techniques;
  const [value, percent] =
    direct.length > 0
      ? (['direct', 130] as const)
      : techniques.length > 0
        ? (['indirect', 100] as const)
        : (['none known', 80] as const);
  const evidence = named.length === 0 ? '' : `the control maps to ATT&CK ${[...named].sort().join(', ')}`;
  return { name: 'exploitability', value, percent, evidence };
}

/** The worst that any finding on the object shows. That none shows it is no proof that it is not so. */
function worst(
  name: 'exposure' | 'privilege',
  levels: Readonly<Record<string, number>>,
  { shown }: RiskFacts,
): RiskFactor {
  const found = shown
    .filter(({ fact }) => fact === name)
    .toSorted((a, b) => (levels[b.level] ?? 0) - (levels[a.level] ?? 0) || (a.control < b.control ? -1 : 1));
  const [first] = found;
  if (first === undefined) return { name, value: 'not seen', percent: whole, evidence: '' };
  return {
    name,
    value: first.level,
    percent: levels[first.level] ?? whole,
    evidence: `${first.control}: ${first.reason}`,
  };
}

function criticality({ ofObject, ofNamespace }: RiskFacts['criticality']): RiskFactor {
  const [text, from] = ofObject === '' ? [ofNamespace, 'the namespace'] : [ofObject, 'the object'];
  if (text === '') return { name: 'criticality', value: 'not said', percent: whole, evidence: '' };
  const percent = Object.hasOwn(criticalities, text) ? criticalities[text as Criticality] : whole;
  return { name: 'criticality', value: text, percent, evidence: `label ${criticalityLabel} of ${from}` };
}

function step(
  name: 'age' | 'recurrence',
  steps: readonly (readonly [from: number, percent: number])[],
  count: number,
  unit: string,
): RiskFactor {
  const percent = steps.find(([from]) => count >= from)?.[1] ?? whole;
  return { name, value: `${count} ${unit}`, percent, evidence: 'its transitions' };
}
