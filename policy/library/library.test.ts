import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemText, runCases } from '@driftline/policy';
import { readLibrary } from './read-library.ts';

test('the library loads whole and every case of every control holds', async () => {
  const loaded = await readLibrary();
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.map(problemText).join('\n'));
  const results = runCases(loaded.bundle, Date.parse);
  assert.ok(results.length >= loaded.bundle.controls.length * 2);
  const failed = results.filter(({ ok }) => !ok).map(({ file, name, difference }) => `${file}: ${name}: ${difference}`);
  assert.deepEqual(failed, []);
});
