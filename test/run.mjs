// Runs the test suites on the pinned Node: `fast` needs nothing but npm packages, `real` and `witness` bring their own
// control plane, broker and servers. Extra arguments are file names or globs that replace the suite's own.
import { spawn, spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const suites = {
  fast: [
    '{proto,policy,agent,collector,cli,deploy}/**/*.test.ts',
    'test/{guide,flow,contract,law,failure,fakes,bench}/**/*.test.ts',
    'test/real/witness/check.test.ts',
  ],
  real: ['test/real/*.test.ts'],
  // Not a part of the check until its whole set has passed: see test/real/witness/README.md.
  witness: ['test/real/witness/witness.test.ts'],
};
const [suite = 'fast', ...only] = process.argv.slice(2);
const globs = only.length > 0 ? only : suites[suite];
if (globs === undefined) {
  console.error(`test/run.mjs: no suite '${suite}'; there are: ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}
const files = globs.flatMap((glob) => globSync(glob, { exclude: (name) => name === 'node_modules' })).sort();
if (files.length === 0) {
  console.error(`test/run.mjs: no test files for ${globs.join(' ')}`);
  process.exit(2);
}
if (suite === 'fast' && process.env.DRIFTLINE_CORPORA === undefined) {
  console.error('note: DRIFTLINE_CORPORA is not set: the corpus tests are skipped (they name their counts below)');
}
if (suite !== 'fast') {
  // Compiling a control plane takes longer than any test may.
  const prepared = spawnSync(process.execPath, ['test/real/prepare.ts'], { stdio: 'inherit' });
  if (prepared.status !== 0) process.exit(1);
}
// A real suite brings whole clusters of servers: one file at a time.
const concurrency = suite === 'fast' ? 2 : 1;
// A test that fails half-way leaves connections open, which must not keep its file running.
const child = spawn(
  process.execPath,
  ['--test', '--test-force-exit', `--test-concurrency=${concurrency}`, '--test-timeout=600000', ...files],
  { stdio: 'inherit' },
);
child.once('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
