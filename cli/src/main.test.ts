import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { main } from './main.ts';

/** The modules that a command loads, by their addresses. */
function loadedBy(args: readonly string[], stdin = ''): readonly string[] {
  const program = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    const { main } = await import(${JSON.stringify(join(import.meta.dirname, 'main.ts'))});
    const log = console.log;
    console.log = () => {};
    await main(${JSON.stringify(args)});
    log(JSON.stringify(loaded));`;
  const run = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    input: stdin,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as readonly string[];
}

test('what asks a collector starts without the engine and the YAML parser', () => {
  const loaded = loadedBy(['--version']);
  assert.ok(loaded.length > 20);
  assert.deepEqual(
    loaded.filter((url) => /\/policy\/(src|library)\/|node_modules\/(yaml|zod|re2js)\//.test(url)),
    [],
  );
});

test('a scan loads what CI installs and nothing more: no store, no collector, no wire', () => {
  const loaded = loadedBy(['scan', '-'], 'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\n');
  assert.ok(loaded.some((url) => url.includes('/policy/src/engine/')));
  assert.deepEqual(
    loaded.filter((url) =>
      /\/(collector|agent)\/src\/|node_modules\/(@clickhouse|@grpc|@kubernetes|fastify|pino)/.test(url),
    ),
    [],
  );
});

test('help keeps its columns apart, also where the first one is too narrow', async (context) => {
  const log = context.mock.method(console, 'log', () => {});
  await main(['--help']);
  const text = String(log.mock.calls[0]?.arguments.at(0));
  assert.match(text, /\n  status \[options\] {5,}agents/);
  assert.match(text, /\n  policy \S+ \[FOLDER…\]\n {46}test, check/);
});
