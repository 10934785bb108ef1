import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duration, escapeQuoted, printable, shorten, shortenStart, table } from './text.ts';

test('an object name cannot move the cursor, colour the screen or reverse the line', () => {
  const hostile = 'web\u001b[2J\u001b[31mred\r\nnext\u202Eevil\u009b5m';
  const shown = printable(hostile);
  // oxlint-disable-next-line no-control-regex
  assert.ok(!/[\u0000-\u001f\u007f-\u009f\u202e]/.test(shown), shown);
  assert.ok(shown.includes('\\x1b[2J'));
  assert.equal(printable('Grüße – 日本'), 'Grüße – 日本');
});

test('columns line up whatever is in them', () => {
  assert.equal(
    table(
      ['A', 'LONG'],
      [
        ['wider', 'x'],
        ['y', ''],
      ],
    ),
    'A       LONG\nwider   x\ny',
  );
  assert.equal(shorten('abcdef', 4), 'abc…');
});

test('escapes inside of JSON mean the same text', () => {
  const value = { a: 'x\u009b5m\u202e\u2028\u007f', b: ['Grüße\n\t'] };
  const text = escapeQuoted(JSON.stringify(value, null, 2));
  // oxlint-disable-next-line no-control-regex
  assert.ok(!/[\u007f-\u009f\u202e\u2028]/.test(text), text);
  assert.deepEqual(JSON.parse(text), value);
});

test('durations have two units at most', () => {
  assert.deepEqual([340, 12_000, 5_280_602, 90_000_000, 60_000].map(duration), [
    '340 ms',
    '12 s',
    '1 h 28 m',
    '1 d 1 h',
    '1 m 0 s',
  ]);
  assert.equal(shortenStart('spec.template.name', 6), '….name');
});

test('columns line up with wide and combining characters, and cuts never split one', () => {
  const lines = table(
    ['NAME', 'X'],
    [
      ['日本', 'a'],
      ['e\u0301', 'b'],
      ['🚀', 'c'],
    ],
  ).split('\n');
  assert.deepEqual(lines, ['NAME   X', '日本   a', 'e\u0301      b', '🚀     c']);
  assert.equal(shorten('🚀🚀🚀', 5), '🚀🚀…');
  assert.equal(shorten('🚀🚀🚀', 4), '🚀…');
  assert.equal(shortenStart('🚀🚀🚀', 3), '…🚀');
});

test('a narrow terminal shortens the columns that may be, the widest first, and nothing else', () => {
  const row = ['critical', 'x'.repeat(40), 'y'.repeat(40)];
  const widths = (columns: number | undefined) =>
    table(['A', 'B', 'C'], [row], { columns, flexible: [1, 2] })
      .split('\n')[1]
      ?.split(/ {3,}/)
      .map((cell) => cell.length);
  assert.deepEqual(widths(undefined), [8, 40, 40]);
  assert.deepEqual(widths(200), [8, 40, 40]);
  assert.deepEqual(widths(80), [8, 33, 33]);
  assert.deepEqual(widths(50), [8, 18, 18]);
  assert.deepEqual(widths(10), [8, 12, 12]);
});
