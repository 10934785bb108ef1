#!/usr/bin/env node
// Runs the CLI on a Node that runs TypeScript: this one when it is new enough, else the checkout's pinned one.
import { spawnSync } from 'node:child_process';
import nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [major = 0] = process.versions.node.split('.').map(Number);
if (major >= 24) {
  const { homeFolder } = await import('../src/home-folder.ts');
  const home = homeFolder();
  // What was compiled once starts in two thirds of the time. A folder of the user's own: others must not write to it.
  const cache = process.env.XDG_CACHE_HOME || (home === undefined ? undefined : join(home, '.cache'));
  if (cache !== undefined) nodeModule.enableCompileCache(join(cache, 'driftline', 'compiled'));
  const { main } = await import('../src/main.ts');
  process.exitCode = await main(process.argv.slice(2));
} else {
  const self = fileURLToPath(import.meta.url);
  let node;
  try {
    node = join(dirname(nodeModule.createRequire(self).resolve('node/package.json')), 'bin/node');
  } catch {
    console.error(
      `driftline needs Node 24 (this is ${process.version}) and finds no pinned one: run 'npm ci' in the checkout`,
    );
    process.exit(2);
  }
  const run = spawnSync(node, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  // Ended by Ctrl-C is not an answer: whoever called sees the signal.
  if (run.signal !== null) process.kill(process.pid, run.signal);
  process.exit(run.status ?? 70);
}
