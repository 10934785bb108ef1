// First step of `npm start`: runs on whatever Node (18 or newer) the machine has, installs the packages of this checkout
// when they are missing or older than the lockfile (the pinned Node among them), and hands over to main.ts on that Node.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const pinnedNode = join(root, 'node_modules/node/bin/node');
const installed = join(root, 'node_modules/.package-lock.json');
const lockfile = join(root, 'package-lock.json');

if (Number(process.versions.node.split('.')[0]) < 18) {
  console.error(
    `driftline needs Node 18 or newer to start (this is ${process.version}); it then brings its own Node 24`,
  );
  process.exit(1);
}

const isCurrent =
  existsSync(pinnedNode) && existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs;
if (!isCurrent) {
  console.log('installing packages (first start only; about 250 MB, half a minute to a few minutes) …');
  const began = Date.now();
  const progress = setInterval(
    () => console.log(`  still installing, ${Math.round((Date.now() - began) / 1000)} s …`),
    10_000,
  );
  const status = await new Promise((resolve) => {
    // Whatever the user's settings leave out: the pinned Node is a development dependency with an install script.
    const all = ['--include=dev', '--include=optional', '--ignore-scripts=false'];
    const npm = spawn('npm', ['ci', ...all, '--no-fund', '--no-audit', '--loglevel=error'], {
      cwd: root,
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
    npm.once('error', () => resolve(127));
    npm.once('exit', (code) => resolve(code ?? 1));
  });
  clearInterval(progress);
  if (status !== 0 || !existsSync(pinnedNode)) {
    console.error(
      `driftline: installing the packages failed (npm ci exited with ${status}); is the npm registry reachable? Run 'npm ci' to see why.`,
    );
    process.exit(1);
  }
}

const probe = spawnSync(pinnedNode, ['--version'], { encoding: 'utf8' });
if (probe.status !== 0) {
  console.error(
    `driftline: the installed Node does not run on this machine (${pinnedNode}): ${probe.error?.message ?? probe.stderr}`,
  );
  process.exit(1);
}
// The terminal sends Ctrl-C to the whole group: this process only waits for the other to stop cleanly.
const child = spawn(
  pinnedNode,
  ['--disable-warning=ExperimentalWarning', join(root, 'deploy/local/main.ts'), ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => signal === 'SIGTERM' && child.kill(signal));
child.once('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
