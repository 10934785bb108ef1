import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError, exitCode } from './exit-code.ts';
import { parseMoment, parsePastMoment } from './moment.ts';

const now = new Date('2026-11-21T12:00:00.000Z');

test('how long ago, with and without the word', () => {
  for (const [text, expected] of [
    ['2h', '2026-11-21T10:00:00.000Z'],
    ['2h ago', '2026-11-21T10:00:00.000Z'],
    ['-90s', '2026-11-21T11:58:30.000Z'],
    ['1.5h', '2026-11-21T10:30:00.000Z'],
    ['1w', '2026-11-14T12:00:00.000Z'],
    ['now', '2026-11-21T12:00:00.000Z'],
  ] as const) {
    assert.equal(parseMoment(text, now), expected, text);
  }
});

test('a moment pasted from the output keeps its microseconds', () => {
  assert.equal(parseMoment('2026-11-21T02:13:07.123456Z', now), '2026-11-21T02:13:07.123456Z');
  assert.equal(parseMoment('2026-11-21T04:13:07+02:00', now), '2026-11-21T02:13:07Z');
  assert.equal(parseMoment('2026-11-21T02:13:07.000Z', now), '2026-11-21T02:13:07.000Z');
});

test('a time of day and a date are local', () => {
  const midnight = new Date(parseMoment('2026-11-20', now));
  assert.deepEqual([midnight.getHours(), midnight.getDate()], [0, 20]);
  const night = new Date(parseMoment('02:13', now));
  assert.deepEqual([night.getHours(), night.getMinutes()], [2, 13]);
});

test('what is not a moment is refused with the accepted forms', () => {
  for (const text of ['yesterday', '', '2026-13-45', '5 parsecs', '2h2m', '2026-02-30', '25:00', '12:60', '999999w']) {
    assert.throws(
      () => parseMoment(text, now),
      (error) =>
        error instanceof CliError && error.exitCode === exitCode.usage && error.message.includes('how long ago'),
      text,
    );
  }
});

test('a time of day that is still to come was yesterday', () => {
  const noon = new Date(2026, 10, 21, 12);
  assert.equal(new Date(parseMoment('11:59', noon)).getDate(), 21);
  const late = new Date(parseMoment('23:50', noon));
  assert.deepEqual([late.getDate(), late.getHours(), late.getMinutes()], [20, 23, 50]);
});

test('the future is refused where the past is asked, but for what clocks differ', () => {
  assert.equal(parsePastMoment('2026-11-21T12:04:00Z', now), '2026-11-21T12:04:00Z');
  assert.throws(() => parsePastMoment('2026-11-21T12:06:00Z', now), /is in the future/);
});
