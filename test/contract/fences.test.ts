/** The architecture's fences are lint rules: each is tried with a file that breaks it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'driftline-fences-'));
after(() => rmSync(folder, { recursive: true, maxRetries: 10 }));

const forbidden: readonly (readonly [file: string, code: string])[] = [
  ['proto/src/a.ts', "import 'node:fs';"],
  ['proto/src/b.ts', "import 'fs';"],
  ['proto/src/c.ts', "import '@driftline/policy';"],
  ['proto/src/d.ts', "import '@kubernetes/client-node';"],
  ['proto/src/e.ts', 'export const now = Date.now();'],
  ['proto/src/f.ts', 'export const now = globalThis.Date;'],
  ['policy/src/a.ts', "import 'fs/promises';"],
  ['policy/src/b.ts', "import 'pino';"],
  ['policy/src/c.ts', "import '@driftline/collector';"],
  ['policy/src/engine/d.ts', "import '../../../collector/src/index.ts';"],
  ['agent/src/a.ts', "import '@driftline/collector';"],
  ['agent/src/b.ts', "import '@driftline/policy';"],
  ['agent/src/c.ts', "import '../../collector/src/index.ts';"],
  ['agent/src/d.ts', "import 'node:module';"],
  ['collector/src/a.ts', "import '@driftline/agent';"],
  ['collector/src/b.ts', "import '../../agent/src/index.ts';"],
  ['collector/src/c.ts', "import '@kubernetes/client-node';"],
  ['cli/src/a.ts', "import '@driftline/collector';"],
  ['cli/src/b.ts', "import '../../agent/src/index.ts';"],
];

const allowed: readonly (readonly [file: string, code: string])[] = [
  ['policy/src/ok.ts', "import '@driftline/proto';"],
  ['agent/src/ok.ts', "import 'node:fs';"],
  ['collector/src/ok.ts', "import '@driftline/policy';"],
  ['cli/src/ok.ts', "import '@driftline/policy';"],
];

test('every forbidden way between rooms is refused by the linter, and the allowed ones are not', () => {
  cpSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
  for (const [file, code] of [...forbidden, ...allowed]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), `${code}\n`);
  }
  const oxlint = join(root, 'node_modules/.bin/oxlint');
  const run = spawnSync(process.execPath, [oxlint, '--format', 'unix', '.'], { cwd: folder, encoding: 'utf8' });
  const refused = new Set(
    run.stdout
      .split('\n')
      .filter((line) => line.includes('no-restricted-'))
      .map((line) => line.slice(0, line.indexOf(':'))),
  );
  assert.deepEqual(
    [...forbidden, ...allowed].map(([file]) => [file, refused.has(file)]),
    [...forbidden.map(([file]) => [file, true]), ...allowed.map(([file]) => [file, false])],
  );
});
