import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { factsShownBy } from './evidence.ts';
import { type RiskFacts, riskOf } from './risk.ts';

const plain: RiskFacts = {
  severity: 'high',
  techniques: ['T1499'],
  shown: [],
  criticality: { ofObject: '', ofNamespace: '' },
  openDays: 0,
  reopened: 0,
};
const exposed = {
  fact: 'exposure',
  level: 'outside',
  control: 'DL-NET-002',
  reason: 'Ingress web leads to it',
} as const;
const inCluster = {
  fact: 'exposure',
  level: 'cluster',
  control: 'DL-NET-012',
  reason: 'no policy selects it',
} as const;
const admin = {
  fact: 'privilege',
  level: 'cluster-admin',
  control: 'DL-RBAC-019',
  reason: 'may do everything',
} as const;

test('without anything that makes it worse or milder, the severity decides', () => {
  const scores = (['critical', 'high', 'medium', 'low', 'info'] as const).map(
    (severity) => riskOf({ ...plain, severity }).score,
  );
  assert.deepEqual(scores, [50, 32, 18, 8, 3]);
});

test('every factor is told with its value and what it was read from; the worst counts', () => {
  const { score, points, factors } = riskOf({
    ...plain,
    techniques: ['T1611', 'T1499'],
    shown: [inCluster, exposed],
    criticality: { ofObject: '', ofNamespace: 'high' },
    openDays: 31,
    reopened: 1,
  });
  assert.deepEqual(
    factors.map(({ name, value, percent, evidence }) => [name, value, percent, evidence]),
    [
      ['exploitability', 'direct', 130, 'the control maps to ATT&CK T1611'],
      ['exposure', 'outside', 150, 'DL-NET-002: Ingress web leads to it'],
      ['privilege', 'not seen', 100, ''],
      ['criticality', 'high', 120, 'label driftline.io/criticality of the namespace'],
      ['age', '31 days', 110, 'its transitions'],
      ['recurrence', '1 times reopened', 105, 'its transitions'],
    ],
  );
  assert.equal(points, 32);
  // 32 × 1.3 × 1.5 × 1.2 × 1.1 × 1.05
  assert.equal(score, 86);
});

test('the object goes before its namespace, and a label that means nothing changes nothing', () => {
  const of = (ofObject: string) => riskOf({ ...plain, criticality: { ofObject, ofNamespace: 'critical' } }).score;
  assert.deepEqual([of(''), of('low'), of('__proto__'), of('constructor')], [45, 24, 32, 32]);
});

const facts: fc.Arbitrary<RiskFacts> = fc.record({
  severity: fc.constantFrom('critical', 'high', 'medium', 'low', 'info'),
  techniques: fc.subarray(['T1611', 'T1499', 'T1190']),
  shown: fc.subarray([exposed, inCluster, admin]),
  criticality: fc.record({
    ofObject: fc.constantFrom('', 'low', 'critical', 'x'),
    ofNamespace: fc.constantFrom('', 'high'),
  }),
  openDays: fc.nat(1_000),
  reopened: fc.nat(10),
});

test('it is whole, within 0 to 100, ordered as its exact product, and does not depend on the order of facts', () => {
  fc.assert(
    fc.property(facts, facts, (a, b) => {
      const [one, other] = [riskOf(a), riskOf(b)];
      assert.ok(Number.isInteger(one.score) && one.score >= 0 && one.score <= 100);
      assert.ok(Number.isSafeInteger(one.exact));
      if (one.exact <= other.exact) assert.ok(one.score <= other.score);
      const shuffled = { ...a, shown: a.shown.toReversed(), techniques: a.techniques.toReversed() };
      assert.deepEqual(riskOf(shuffled), one);
    }),
  );
});

test('nothing that is worse makes it milder', () => {
  fc.assert(
    fc.property(facts, (given) => {
      const { exact } = riskOf(given);
      for (const worse of [
        { ...given, shown: [...given.shown, exposed] },
        { ...given, shown: [...given.shown, admin] },
        { ...given, openDays: given.openDays + 30 },
        { ...given, reopened: given.reopened + 1 },
        { ...given, severity: 'critical' as const },
      ])
        assert.ok(riskOf(worse).exact >= exact);
    }),
  );
});

test('the controls that show facts are in the library', () => {
  const files = readdirSync(join(import.meta.dirname, '../../library/controls'));
  for (const id of factsShownBy.keys())
    assert.ok(
      files.some((file) => file.startsWith(`${id.toLowerCase()}-`)),
      id,
    );
});
