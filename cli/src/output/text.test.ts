import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable, shorten, table } from './text.ts';

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
