/** The runner of the tests: what a file does not say of itself is no pass. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const runner = join(import.meta.dirname, '../run.mjs');
const files = {
  passes: `test('a', () => {}); test('b', { skip: 'why' }, () => {});`,
  fails: `test('a', () => {}); test('b', () => { throw new Error('no'); });`,
  empty: '',
  ends: `test('a', () => {}); test('b', async () => process.exit(0));`,
  dies: `test('a', () => {}); test('b', async () => process.kill(process.pid, 'SIGKILL'));`,
  throws: `test('a', () => {}); throw new Error('top');`,
  outlived: `import { spawn } from 'node:child_process';
    test('a', () => spawn('sleep', ['1000'], { stdio: 'inherit' }).unref());`,
};
const faults: Readonly<Record<string, RegExp>> = {
  fails: /exit code 1/,
  empty: /cut before its end|no tests/,
  ends: /cut before its end/,
  dies: /ended by SIGKILL/,
  throws: /cut before its end/,
  outlived: /a process that it started outlived it/,
};

async function run(
  folder: string,
  names: readonly string[],
): Promise<{ readonly status: number; readonly out: string }> {
  const env = { ...process.env, DRIFTLINE_OUTLIVE_TIMEOUT_MS: '2000' };
  const paths = names.map((name) => join(folder, `${name}.test.mjs`));
  return new Promise((resolve) => {
    execFile(process.execPath, [runner, 'fast', ...paths], { env }, (error, out) =>
      resolve({ status: error === null ? 0 : Number(error.code), out }),
    );
  });
}

test('a file that fails, was cut, has no tests or leaves a process behind fails by name, and the sum says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-runner-'));
  try {
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, `${name}.test.mjs`), `import { test } from 'node:test';\n${text}\n`);
    const good = await run(folder, ['passes']);
    assert.equal(good.status, 0, good.out);
    assert.match(good.out, /^ℹ tests 2\n(ℹ .*\n)*ℹ pass 1\nℹ fail 0\nℹ cancelled 0\nℹ skipped 1$/m);
    const bad = await run(folder, Object.keys(files));
    assert.equal(bad.status, 1, bad.out);
    const blocks = bad.out.split(/^(?=[✔✖] \S+\.test\.mjs \()/m);
    for (const [name, fault] of Object.entries(faults)) {
      const told = blocks.find((block) => block.startsWith(`✖ ${join(folder, name)}.test.mjs (`));
      assert.match(told ?? '', fault, bad.out);
    }
    assert.match(bad.out, /^✔ \S*passes\.test\.mjs/m);
    assert.match(bad.out, /^ℹ fail 6$/m);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
});
