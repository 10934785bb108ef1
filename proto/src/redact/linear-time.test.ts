import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../message.ts';
import { ProtocolError } from '../error.ts';
import { redact } from '../redact.ts';

const cheapHmac = (): string => 'x'.repeat(22);
const unit = 60_000;
const fastMs = 150;

const hostile: readonly string[] = [
  'password=',
  '-p ',
  '://',
  '://a:b@',
  'eyJ',
  '-----BEGIN PRIVATE KEY-----',
  'password="',
  'password: \\"',
  'password:\n',
  '- password: |\n',
  'tokens: [',
  '<password>',
  'name: password\n',
  'token ',
  'a',
  'key.',
  'password\\',
  'login x password ',
  '--token=$A',
  'H4sI',
  'user:pw@tcp(',
  'secrets:\n  a: b\n',
  '{"a":',
  'sk-',
  'a-',
  'Bearer ',
  'redacted(token):',
  '${PASSWORD:-',
  '$(',
];

/** Milliseconds of processor time: a busy machine does not count. */
function timeOf(text: string): number {
  const start = process.cpuUsage();
  redact({ kind: 'ConfigMap', data: { x: text } }, cheapHmac);
  return process.cpuUsage(start).user / 1000;
}

test('invariant: time grows with the length of the text, not with its square', () => {
  for (const part of hostile) {
    const small = part.repeat(Math.ceil(unit / part.length));
    timeOf(small);
    const large = small.repeat(8);
    const first = timeOf(large);
    // Too fast for a square: there is nothing to compare it with.
    if (first < fastMs) continue;
    const once = Math.min(timeOf(small), timeOf(small));
    const eightTimes = first < once * 24 ? first : Math.min(first, timeOf(large));
    assert.ok(
      eightTimes < Math.max(fastMs, once * 24),
      `${JSON.stringify(part)}: ${once.toFixed(1)} ms, eightfold ${eightTimes.toFixed(1)} ms`,
    );
  }
});

test('a name followed by a megabyte of spaces, and lines of growing depth', () => {
  assert.ok(timeOf(`password${' '.repeat(1_500_000)}`) < 3000);
  assert.ok(timeOf(Array.from({ length: 1500 }, (_, i) => `${' '.repeat(i)}tokens:`).join('\n')) < 3000);
});

test('nesting beyond the limit is an error value; inside a text it is redacted as a whole', () => {
  const text = `${'['.repeat(5000)}"x"${']'.repeat(5000)}`;
  assert.throws(
    () => redact({ a: JSON.parse(text) as Json }, cheapHmac),
    (error: unknown) => error instanceof ProtocolError && error.code === 'too-deep',
  );
  assert.deepEqual(redact({ a: text }, cheapHmac), { a: `redacted(unreadable):${'x'.repeat(22)}` });
});
