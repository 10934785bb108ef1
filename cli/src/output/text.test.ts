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
