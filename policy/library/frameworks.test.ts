/** Coverage is said of every requirement of every framework: a control shows it, or the file says why none can. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { libraryFolder, readLibrary } from './read-library.ts';

const result = await readLibrary();
assert.ok(result.ok, JSON.stringify(result));
const { controls, frameworks } = result.bundle;

const shownBy = (framework: string): ReadonlySet<string> =>
  new Set(
    controls.flatMap(({ control }) =>
      control.meta.frameworks.filter((one) => one.framework === framework).flatMap(({ requirements }) => requirements),
    ),
  );

test('every requirement is shown by a control, or says why none can show it', () => {
  const open = frameworks.flatMap(({ id, requirements }) => {
    const shown = shownBy(id);
    return requirements
      .filter((one) => one.cannotShow === undefined && !shown.has(one.id))
      .map((one) => `${id} ${one.id} ${one.title}`);
  });
  assert.deepEqual(open, []);
});

test('CONTROLS.md tells the coverage of each framework as it is', async () => {
  const rows = [...frameworks]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, title, version, requirements }) => {
      const hidden = requirements.filter(({ cannotShow }) => cannotShow !== undefined).length;
      return [id, `${title} ${version}`, requirements.length - hidden, hidden].join(' | ');
    });
  const text = await readFile(join(libraryFolder, '..', 'CONTROLS.md'), 'utf8');
  const told = [...text.matchAll(/^\| `([a-z0-9-]+)` +\| (.+?) +\| +(\d+) \| +(\d+) \|$/gm)].map((row) =>
    row.slice(1).join(' | '),
  );
  assert.deepEqual(told, rows);
});
