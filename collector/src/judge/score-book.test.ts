import type { Score } from '@driftline/policy';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PostureRow, RegressionRow } from '../timeline/rows.ts';
import { type Mover, ScoreBook } from './score-book.ts';
import { defaultScoreLimits, type ScoreLimits } from './score-limits.ts';

const limits: ScoreLimits = { ...defaultScoreLimits, namespaces: 2 };
const secondUs = 1_000_000;
const startUs = 1_800_000_000_000_000;
const still: Mover = { changeId: '', isFirstSight: false };
const open = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };

const score = (scope: string, earned: number, possible = 100): Score => ({
  scope,
  earned,
  possible,
  score: possible === 0 ? 100 : (earned / possible) * 100,
  passing: earned,
  failing: possible - earned,
  excepted: 0,
  notAssessable: 0,
  unjudged: 0,
  openBySeverity: open,
});

type Rows = { readonly points: PostureRow[]; readonly regressions: RegressionRow[] };

/** A book with its rows; `reopen` is a restart from them. */
function bookOf(rows: Rows = { points: [], regressions: [] }) {
  const leftOut: string[] = [];
  const last = new Map(rows.points.map((row) => [row.scope, row]));
  const newestUs = Math.max(0, ...rows.points.map(({ atUs }) => atUs));
  const recent = rows.points.filter(({ atUs }) => newestUs - atUs <= limits.regressionWindowMs * 1000);
  const onLeftOut = (type: string) => void leftOut.push(type);
  const book = new ScoreBook({ recorded: [...last.values()], recent, limits, onLeftOut });
  const causes = [
    { findingId: 'f1', changeId: 'e:7' },
    { findingId: 'f2', changeId: '' },
  ];
  return {
    leftOut,
    rows,
    book,
    at: (atS: number, scores: readonly Score[], mover = still) => {
      book.note(scores, mover);
      const atUs = startUs + atS * secondUs;
      const taken = book.take({ sequence: atS + 1, atUs, afterOwn: 0, bundle: 'b', causesOf: () => causes });
      rows.points.push(...taken.points);
      rows.regressions.push(...taken.regressions);
      return taken.points.map((row) => `${row.scope} ${row.score}`);
    },
  };
}

test('a few changes in a row each make a point, then one a minute; the last one is written when its time has come', () => {
  const { at, book } = bookOf();
  for (let i = 0; i < 5; i++) assert.equal(at(i, [score('cluster', 50 + i)]).length, 1);
  assert.deepEqual(at(5, [score('cluster', 60)]), []);
  assert.deepEqual(at(63, [score('cluster', 61)]), []);
  assert.equal(book.dueUs(), startUs + 64 * secondUs);
  assert.deepEqual(at(64, []), ['cluster 61']);
  assert.equal(book.dueUs(), undefined);
  assert.deepEqual(at(65, [score('cluster', 62)]), []);
  assert.deepEqual(at(66, [score('cluster', 61)]), []);
  assert.equal(book.dueUs(), undefined, 'it is what was written last');
});

test('all scopes are written at one moment: when its time has come, or with one that fell', () => {
  const { at, book } = bookOf();
  for (let i = 0; i < 5; i++) at(i, [score('cluster', 50 + i), score('category:data', 50 + i)]);
  assert.deepEqual(at(5, [score('cluster', 60), score('namespace:a', 10)]), [], 'a new scope waits like the others');
  assert.deepEqual(at(20, [score('category:data', 60)]), []);
  assert.equal(book.dueUs(), startUs + 64 * secondUs);
  assert.deepEqual(at(64, []), ['category:data 60', 'cluster 60', 'namespace:a 10']);
  assert.deepEqual(at(70, [score('cluster', 59), score('namespace:b', 90)]), []);
  assert.deepEqual(at(71, [score('category:data', 54)]), ['category:data 54', 'cluster 59', 'namespace:b 90']);
  assert.deepEqual(at(72, [score('cluster', 58)]), []);
  assert.equal(book.dueUs(), startUs + 131 * secondUs, 'what was written with a fall counts as well');
});

test('a scope without a place makes no moment of its own', () => {
  const { at, rows } = bookOf();
  at(0, [score('namespace:a', 90), score('namespace:b', 90), score('cluster', 90)]);
  at(1, [score('namespace:b', 0, 0)]);
  at(2, [score('namespace:c', 90)]);
  for (let i = 3; i < 5; i++) at(i, [score('cluster', 90 + i)]);
  assert.deepEqual(at(6, [score('namespace:b', 10), score('cluster', 96)]), []);
  assert.deepEqual(at(64, []), ['cluster 96']);
  assert.deepEqual(rows.regressions, []);
});

test('a fall by the limit within the window is told at once, and once, with what it is due to', () => {
  const { at, rows } = bookOf();
  at(0, [score('cluster', 90), score('control:A', 90)]);
  for (let i = 1; i < 5; i++) at(i, [score('cluster', 90 - i), score('control:A', 90 - i)]);
  at(5, [score('cluster', 85), score('control:A', 50)], { changeId: 'e:9', isFirstSight: false });
  assert.deepEqual(rows.regressions, [
    {
      sequence: 6,
      scope: 'cluster',
      fromScore: 90,
      fromAtUs: startUs,
      score: 85,
      causes: 2,
      findingIds: ['f1', 'f2'],
      changeIds: ['e:7', 'e:9'],
      bundle: 'b',
      atUs: startUs + 5 * secondUs,
      afterOwn: 0,
    },
  ]);
  at(70, [score('cluster', 81)]);
  assert.equal(rows.regressions.length, 1);
  at(71, [score('cluster', 80)]);
  assert.deepEqual(
    rows.regressions.map(({ fromScore, score: to }) => [fromScore, to]),
    [
      [90, 85],
      [85, 80],
    ],
  );
});

test('a fall that took longer than the window is none, nor is what is seen for the first time', () => {
  const { at, rows } = bookOf();
  for (let hour = 0; hour < 4; hour++) at(hour * 3_601, [score('cluster', 90 - 4 * hour)]);
  at(20_000, [score('cluster', 90)]);
  at(20_010, [score('cluster', 20)], { changeId: 'e:1', isFirstSight: true });
  assert.deepEqual(rows.regressions, []);
  at(20_020, [score('cluster', 10)]);
  assert.deepEqual(
    rows.regressions.map(({ fromScore, score: to }) => [fromScore, to]),
    [[20, 10]],
  );
});

test('scopes beyond the limit are left out and counted; one that empties gives its place away', () => {
  const { at, leftOut } = bookOf();
  assert.equal(at(0, [score('namespace:a', 1), score('namespace:b', 1), score('cluster', 1)]).length, 3);
  assert.deepEqual(at(1, [score('namespace:c', 1), score('owner:x', 1)]), ['owner:x 1']);
  assert.deepEqual(leftOut, ['namespace']);
  at(2, [score('namespace:c', 2)]);
  assert.deepEqual(leftOut, ['namespace']);
  assert.deepEqual(at(3, [score('namespace:a', 0, 0)]), ['namespace:a 100']);
  assert.deepEqual(at(4, [score('namespace:c', 3)]), ['namespace:c 3']);
});

test('a restart changes nothing of what is written', () => {
  const step = fc.record({
    afterS: fc.nat(400),
    scope: fc.constantFrom('cluster', 'namespace:a', 'owner:', 'category:data'),
    earned: fc.integer({ min: 80, max: 100 }),
    isRestart: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const whole = bookOf();
      let part = bookOf();
      const live = new Map<string, Score>();
      let atS = 0;
      for (const { afterS, scope, earned, isRestart } of steps) {
        atS += afterS;
        live.set(scope, score(scope, earned));
        if (isRestart) {
          part = bookOf(part.rows);
          part.book.note(
            [...live.values()].filter((one) => one.scope !== scope),
            still,
          );
        }
        whole.at(atS, [score(scope, earned)]);
        part.at(atS, [score(scope, earned)]);
      }
      assert.deepEqual(part.rows, whole.rows);
    }),
    { numRuns: 300 },
  );
});
