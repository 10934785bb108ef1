import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseCommit } from './parse-commit.ts';

const limits = { textCharacters: 512, trailers: 50 };
const sha = 'a'.repeat(40);
const headers = 'tree 0\nauthor A <a@example.com> 1772359200 +0100\ncommitter C <c@example.com> 1772359500 -0500\n';
const read = (message: string) => parseCommit(sha, `${headers}\n${message}`, limits);

test('the number of a pull or merge request is read from what each forge writes', () => {
  const numbers: Readonly<Record<string, string | undefined>> = {
    'Merge pull request #12 from shop/frontend\n\nNew frontend': '#12',
    "Merge pull request 'New frontend' (#13) from frontend into main": '#13',
    'Merge pull request #14 in SHOP/deployments from frontend to main': '#14',
    'Pull request #15: New frontend': '#15',
    'Merged in frontend (pull request #16)': '#16',
    'Merged PR 17: New frontend': '#17',
    'New frontend (#18)': '#18',
    'Revert "New frontend (#18)" (#19)': '#19',
    "Merge branch 'frontend' into 'main'\n\nNew frontend\n\nSee merge request shop/deployments!20": '!20',
    'New frontend (!21)': '!21',
    'Fixes #22 for good': undefined,
    'New frontend\n\nMerge pull request #23 from x/y': undefined,
    'New frontend (#99999999999)': undefined,
  };
  for (const [message, reference] of Object.entries(numbers))
    assert.equal(read(message)?.pullRequest?.reference, reference, message);
});

test('trailers count in the last paragraph only, whatever their case, and no more than a bound', () => {
  const trailers = (message: string) => read(message)?.trailers.map(({ type, value }) => `${type} ${value}`);
  assert.deepEqual(
    trailers('Subject\n\nReviewed-by: nobody\n\nText\n\nSIGNED-OFF-BY: A <a@b>\r\napproved-by:\tB\r\n'),
    ['signed-off-by A <a@b>', 'approved-by B'],
  );
  assert.deepEqual(trailers('Approved-by: subject'), []);
  assert.deepEqual(trailers('Subject\nApproved-by: still the subject paragraph'), []);
  assert.deepEqual(trailers('Subject\n\nCo-authored-by: X\nApproved-by:   \n'), []);
  assert.equal(trailers(`Subject\n\n${'Approved-by: x\n'.repeat(1_000)}`)?.length, 50);
});

test('odd headers: no name, no message, a time beyond the calendar, a signature', () => {
  const odd = parseCommit(
    sha,
    'tree 0\nauthor <> 999999999999 +0000\ncommitter C <c@d> 0 +0000\ngpgsig -----BEGIN\n author E <e@f> 1 +0000\n',
    limits,
  );
  assert.deepEqual(odd?.author, { name: '', email: '' });
  assert.equal(odd?.authoredAt, null);
  assert.equal(odd?.committedAt, '1970-01-01T00:00:00.000000Z');
  assert.equal(odd?.isSigned, true);
  assert.equal(odd?.subject, '');
  // A header in the message is no header.
  assert.equal(read('Subject\n\ngpgsig -----BEGIN')?.isSigned, false);
  assert.equal(parseCommit(sha, 'tree 0\n\nauthor A <a@b> 1 +0000', limits), undefined);
});

test('any bytes are read without harm, and what is shown is printable and bounded', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const message = Buffer.from(bytes).toString('utf8');
      const commit = read(message);
      assert.ok(commit !== undefined);
      assert.ok(commit.subject.length <= limits.textCharacters);
      assert.doesNotMatch(commit.subject, /[\p{Cc}\p{Cf}]/u);
      parseCommit(sha, message, limits);
    }),
    { numRuns: 100 },
  );
});
