import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closest } from './closest.ts';
import { CliError } from './exit-code.ts';
import { parseCommandLine } from './parse-command-line.ts';

const options = {
  limit: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  'all-namespaces': { type: 'boolean', short: 'A' },
} as const;

const told = (...args: string[]): string => {
  try {
    return JSON.stringify({ ...parseCommandLine(args, options, 'log').values });
  } catch (error) {
    assert.ok(error instanceof CliError && error.exitCode === 2);
    return error.message.replace("; 'driftline help log' lists the options", '');
  }
};

test('a wrong option is answered in words, with what may have been meant', () => {
  assert.equal(told('--limt', '5'), "there is no option '--limt': did you mean --limit?");
  assert.equal(told('--name-space=a'), "there is no option '--name-space': did you mean --namespace?");
  assert.equal(told('-x'), "there is no option '-x'");
  assert.equal(told('--wholly-other'), "there is no option '--wholly-other'");
  assert.equal(told('-n', '-A'), '--namespace needs a value');
  assert.equal(told('--limit'), '--limit needs a value');
  assert.equal(told('--all-namespaces=yes'), '--all-namespaces takes no value');
});

test('a negative number is a value, for the command to refuse', () => {
  assert.equal(told('--limit', '-5'), '{"limit":"-5"}');
  assert.equal(told('-n', '-5'), '{"namespace":"-5"}');
  assert.equal(told('-5'), "there is no option '-5'");
});

test('what is close is few letters away, or begins so', () => {
  const words = ['log', 'show', 'findings', 'exceptions', 'status', 'scan', 'score'];
  const meant = ['fnidings', 'finding', 'stauts', 'lgo', 'sho', 'excep', 'banana', 'x'].map((word) =>
    closest(word, words),
  );
  assert.deepEqual(meant, ['findings', 'findings', 'status', 'log', 'show', 'exceptions', undefined, undefined]);
});
