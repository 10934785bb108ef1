/** What an image's Dockerfile must hold to, checked without building it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const owner = '-o 65532 -g 65532';

type Workspace = { readonly dependencies?: Readonly<Record<string, string>> };

/** Folders of the packages of this repository that a package needs, itself included. */
function neededBy(folder: string, found = new Set<string>()): ReadonlySet<string> {
  found.add(folder);
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Workspace;
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    const other = name.replace('@driftline/', '');
    if (name.startsWith('@driftline/') && !found.has(other)) neededBy(other, found);
  }
  return found;
}

for (const program of ['agent', 'collector']) {
  describe(`the image of the ${program}`, () => {
    const lines = readFileSync(join(root, `deploy/docker/${program}.Dockerfile`), 'utf8').split('\n');
    const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
    const at = (start: string): number => last.findIndex((line) => line.startsWith(start));

    test('copies only what exists, and every package that the program needs', () => {
      const copied = lines
        .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
        .flatMap((line) => line.split(/\s+/).slice(1, -1));
      assert.deepEqual(
        copied.filter((path) => !existsSync(join(root, path))),
        [],
      );
      const present = last.filter((line) => line.startsWith('COPY ')).map((line) => line.split(/\s+/)[1] ?? '');
      assert.deepEqual(
        [...neededBy(program)].filter((folder) => !present.includes(folder)),
        [],
      );
    });

    test('does not run as root, and what it compiles belongs to who runs it: Node reads no other cache', () => {
      assert.match(last[at('USER')] ?? '', /^USER 65532:65532$/);
      assert.ok(at('USER') < at('ENTRYPOINT'));
      assert.ok(at('RUN node') === -1 || at('RUN node') > at('USER'), 'compiled before USER: a cache for root only');
    });

    test('can write to the folder it keeps its state in, when no volume is given', () => {
      const folder = last.findIndex((line) => line.includes(owner) && line.includes('/var/lib/driftline'));
      assert.ok(folder !== -1, 'nobody makes /var/lib/driftline for the user of the image');
      assert.ok(folder < at('USER'));
      assert.ok(at('VOLUME') === -1 || folder < at('VOLUME'), 'a volume takes the owner that its folder had before');
      assert.match(last.join('\n'), /DRIFTLINE_(?:AGENT_STATE|DATA)_DIR=\/var\/lib\/driftline/);
    });
  });
}
