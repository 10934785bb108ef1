import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocuments } from './parse-documents.ts';

const secret = 'HUNTER2x';
const forms = [
  '',
  '"',
  "'",
  '*',
  '&',
  '%',
  '@',
  '`',
  '|',
  '>',
  '{',
  '[',
  '\t',
  '- ',
  '? ',
  '"\\',
  '"\\x',
  '|9',
  '!',
  '!e!',
  '!!int ',
  '!!float ',
  '!!map ',
  '&a *',
  '"a" ',
].flatMap((before) => [`${before}${secret}`, `${before}${secret}: y: z`, `${before}${secret}"`]);

test('no complaint about what cannot be read quotes it: it may be a password', () => {
  let complaints = 0;
  for (const form of forms) {
    for (const text of [
      `apiVersion: v1\nkind: Secret\nstringData:\n  password: ${form}\n  b: [1, 2]\n`,
      `apiVersion: v1\nstringData:\n  password: ${form}\n b: 1\n`,
      `{"password": ${form}`,
      `%YAML ${form}\n---\na: 1`,
      `%TAG ${form}\n---\na: 1`,
      `--- ${form}\n- a\nb: c`,
    ]) {
      const { problems } = parseDocuments('f', text);
      complaints += problems.length;
      assert.ok(!/HUNT|x?HU/.test(problems.map(({ reason }) => reason).join()), `${text}\n${JSON.stringify(problems)}`);
    }
  }
  assert.ok(complaints > 150, `${complaints}`);
});

test('a document that cannot be read has its place, in lines and columns from 1; those around it are read', () => {
  const { problems, documents } = parseDocuments('f', 'a: 1\n---\nb:\n  c: @x\n---\nd: 2\n');
  assert.equal(documents.length, 2);
  assert.deepEqual(
    problems.map(({ line, column, reason }) => [line, column, reason]),
    [[4, 6, 'not valid YAML: a text begins with a character that must be quoted (@, ` or %)']],
  );
});
