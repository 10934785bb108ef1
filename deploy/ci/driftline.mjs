#!/usr/bin/env node
// The command line from a checkout that nobody prepared, for CI and hooks: the first run installs what a scan needs (a
// dozen small packages, and a Node that runs TypeScript where this one does not), later runs start at once.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
const wrongUsage = 2;

function npm(args) {
  const run = spawnSync('npm', [...args, ...quiet], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (run.status === 0) return;
  console.error(
    `driftline: npm ${args[0]} failed in ${root}${run.error === undefined ? '' : `: ${run.error.message}`}`,
  );
  process.exit(wrongUsage);
}

/** The Node to run on: this one when it is new enough, else the version that the checkout pins. */
function node() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const folder = join(root, '.build/node');
  const path = join(folder, 'node_modules/node/bin/node');
  if (!existsSync(path)) {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    npm(['install', '--prefix', folder, '--no-save', `node@${devDependencies.node}`]);
  }
  return path;
}

if (!existsSync(join(root, 'node_modules/yaml')))
  npm(['ci', '--workspace', 'driftline', '--omit=dev', '--ignore-scripts']);
const run = spawnSync(node(), [join(root, 'cli/bin/driftline.mjs'), ...process.argv.slice(2)], { stdio: 'inherit' });
if (run.signal !== null) process.kill(process.pid, run.signal);
process.exitCode = run.status ?? wrongUsage;
