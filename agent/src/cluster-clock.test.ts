/** What the answers of an API server say about its clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { followClusterClock } from './cluster-clock.ts';

const startMs = 1_700_000_000_000;
const secondUs = 1_000_000;
const dated = (ms: number): string => new Date(ms).toUTCString();

/** A world whose time is the API server's; this host is off by `skewMs`. */
function openWorld(skewMs: number) {
  const world = { ms: 0, skewMs, serverMs: startMs };
  const clock = followClusterClock({
    host: { nowUs: () => (startMs + world.ms + world.skewMs) * 1000 },
    monotonicMs: () => world.ms,
  });
  const answer = (tookMs = 0, datedMs = world.serverMs + world.ms): void =>
    clock.answered({ sentAtMs: world.ms - tookMs, answeredAtMs: world.ms, date: dated(datedMs) });
  const errorUs = (): number => clock.nowUs() - (world.serverMs + world.ms) * 1000;
  return { world, clock, answer, errorUs };
}

test('before the first answer there is only the host’s clock, and no bound', () => {
  const { clock } = openWorld(-5000);
  assert.equal(clock.nowUs(), (startMs - 5000) * 1000);
  assert.equal(clock.earliestUs(), 0);
});

test('the bounds hold the API server’s clock whatever the host’s says, and many answers narrow them', () => {
  const answers = fc.array(fc.tuple(fc.integer({ min: 1, max: 90_000 }), fc.integer({ min: 0, max: 900 })), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(answers, fc.integer({ min: -7_200_000, max: 7_200_000 }), (gaps, skewMs) => {
      const { world, clock, answer, errorUs } = openWorld(0);
      for (const [index, [gapMs, tookMs]] of gaps.entries()) {
        world.ms += gapMs + tookMs;
        if (index === Math.floor(gaps.length / 2)) world.skewMs = skewMs;
        answer(tookMs, world.serverMs + world.ms - Math.floor(tookMs / 2));
        assert.ok(clock.earliestUs() <= (world.serverMs + world.ms) * 1000);
        assert.ok(errorUs() >= -secondUs && errorUs() <= 2 * secondUs, `off by ${errorUs()} µs`);
      }
    }),
  );
  const { world, clock, answer } = openWorld(3_600_000);
  for (let turn = 0; turn < 100; turn++, world.ms += 37) answer(1);
  assert.ok(clock.nowUs() - clock.earliestUs() < 100_000, 'a hundred answers say more than one');
});

test('a host that is right to within a second is believed: its clock is finer than a Date', () => {
  const { world, answer, errorUs } = openWorld(0);
  for (let turn = 0; turn < 10; turn++, world.ms += 337) answer(2);
  assert.equal(errorUs(), 0);
});

test('a Date that is late now and then is not believed; another clock is, at the third answer', () => {
  const { world, clock, answer, errorUs } = openWorld(0);
  for (let turn = 0; turn < 10; turn++, world.ms += 337) answer(2);
  answer(1, world.serverMs + world.ms - 3000);
  answer();
  answer(1, world.serverMs + world.ms - 3000);
  assert.equal(clock.steps(), 0);
  assert.equal(errorUs(), 0);
  world.serverMs -= 3_600_000;
  for (let turn = 0; turn < 3; turn++, world.ms += 10) answer(1);
  assert.equal(clock.steps(), 1);
  assert.ok(Math.abs(errorUs()) <= 2 * secondUs);
});

test('an answer without a Date tells nothing', () => {
  const { clock } = openWorld(0);
  for (const date of [undefined, '', 'soon']) clock.answered({ sentAtMs: 0, answeredAtMs: 1, date });
  assert.equal(clock.earliestUs(), 0);
});
