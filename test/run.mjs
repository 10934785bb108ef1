// Runs the test suites on the pinned Node: `fast` needs nothing but npm packages, `real` and `witness` bring their own
// control plane, broker and servers. Extra arguments are file names or globs that replace the suite's own.
//
// Each file is a process of its own with a temporary folder of its own. A file fails when a test of it fails, and also
// when it says nothing of its tests: it has none, was cut, or does not end after the last of them.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { killAll, runFile } from './runner/run-file.ts';

const minuteMs = 60_000;
const suites = {
  fast: {
    globs: [
      '{proto,policy,agent,collector,cli,deploy}/**/*.test.ts',
      'test/{guide,flow,contract,law,failure,fakes,bench}/**/*.test.ts',
      'test/real/witness/check.test.ts',
    ],
    // One more than there are processors: most files wait now and then for something that takes no processor.
    concurrency: Math.min(4, availableParallelism() + 1),
    fileTimeoutMs: 20 * minuteMs,
  },
  // Brings whole clusters of servers: one file at a time.
  real: { globs: ['test/real/*.test.ts'], concurrency: 1, fileTimeoutMs: 30 * minuteMs },
  witness: { globs: ['test/real/witness/witness.test.ts'], concurrency: 1, fileTimeoutMs: 24 * 60 * minuteMs },
};
// These take longest and start first, so that at the end no slot waits for one of them.
const longestFirst = [
  'test/flow/flow.test.ts',
  'collector/src/timeline/writer/clickhouse-timeline-writer.test.ts',
  'test/failure/cluster-trouble.test.ts',
  'test/failure/kill-anything.test.ts',
  'test/law/histories.test.ts',
  'test/flow/cli/cli.test.ts',
  'policy/src/engine/oracle/edits.test.ts',
  'test/failure/refusals.test.ts',
  'collector/src/api/log.test.ts',
  'test/failure/refusals-tls.test.ts',
  'test/flow/git-evidence.test.ts',
  'collector/src/api/limits.test.ts',
  'test/guide/09-it-is-answered.test.ts',
  'policy/src/engine/oracle/oracle.test.ts',
  'test/law/secrets-stay-home.test.ts',
  'policy/src/engine/oracle/realworld.test.ts',
  'test/flow/anti-entropy.test.ts',
  'collector/src/api/access.test.ts',
  'collector/src/api/findings.test.ts',
  'test/failure/store-away.test.ts',
  'test/flow/forwarding.test.ts',
  'test/flow/cli/connection.test.ts',
  'test/contract/agent-watch.test.ts',
  'test/guide/10-it-leaves.test.ts',
  'cli/src/command/scan.test.ts',
  'test/flow/agent-starts.test.ts',
  'test/failure/agent-kill.test.ts',
  'proto/src/redact/linear-time.test.ts',
  'test/flow/cli/policy-offline.test.ts',
  'test/flow/cli/policies.test.ts',
  'test/contract/agent-watch-kinds.test.ts',
];

const [name = 'fast', ...only] = process.argv.slice(2);
const suite = suites[name];
if (suite === undefined) {
  console.error(`test/run.mjs: no suite '${name}'; there are: ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}
const globs = only.length > 0 ? only : suite.globs;
const files = globs.flatMap((glob) => globSync(glob, { exclude: (entry) => entry === 'node_modules' })).sort();
if (files.length === 0) {
  console.error(`test/run.mjs: no test files for ${globs.join(' ')}`);
  process.exit(2);
}
const unknown = longestFirst.filter((file) => !existsSync(file));
if (unknown.length > 0) console.error(`note: no longer there, and named in test/run.mjs: ${unknown.join(' ')}`);
if (name === 'fast' && process.env.DRIFTLINE_CORPORA === undefined) {
  console.error('note: DRIFTLINE_CORPORA is not set: the corpus tests are skipped (they name their counts below)');
}
if (name !== 'fast') {
  // Compiling a control plane takes longer than any test may.
  const prepared = spawnSync(process.execPath, ['test/real/prepare.ts'], { stdio: 'inherit' });
  if (prepared.status !== 0) process.exit(1);
}

// Hundreds of processes load the same sources, which are stripped of their types and compiled once.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../.build/compile-cache');

const isLive = suite.concurrency === 1 || files.length === 1;
const folder = mkdtempSync(join(tmpdir(), 'driftline-tests-'));
// Tests start programs as other users, whose files lie below; nobody but us can list it.
chmodSync(folder, 0o711);
const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    killAll();
    remove();
    process.exit(1);
  });
}

const waiting = [
  ...longestFirst.filter((file) => files.includes(file)),
  ...files.filter((file) => !longestFirst.includes(file)),
];
const results = [];
const startedAtMs = performance.now();
await Promise.all(Array.from({ length: suite.concurrency }, runWaiting));
remove();
tell();

async function runWaiting() {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    if (isLive) console.log(`▶ ${file}`);
    const options = { file, folder: join(folder, String(waiting.length)), timeoutMs: suite.fileTimeoutMs, isLive };
    const result = await runFile(options);
    results.push(result);
    const seconds = (result.durationMs / 1000).toFixed(1);
    const cpuSeconds = (result.counts.cpuMs / 1000).toFixed(1);
    const figures = `${result.counts.tests} tests, ${seconds} s, ${cpuSeconds} s of processor time`;
    console.log(`${isFailed(result) ? '✖' : '✔'} ${file} (${figures})`);
    if (!isLive)
      console.log(
        withoutSummary(result)
          .trimEnd()
          .replaceAll(/^(?=.)/gm, '  '),
      );
    for (const fault of result.faults) console.log(`  ✖ ${fault}`);
    if (result.left.length > 0) console.log(`  left in its temporary folder: ${result.left.join(', ')}`);
  }
}

function isFailed({ counts, faults }) {
  return faults.length > 0 || counts.passed + counts.skipped + counts.todo < counts.tests;
}

/** The sum of a passing file is in the suite's. */
function withoutSummary(result) {
  return isFailed(result) ? result.output : result.output.replace(/^ℹ tests \d+\n(ℹ \w+ [\d.]+\n)+/m, '');
}

/** What the reporter repeats after its sum, or all there is of a file that did not come so far. */
function failuresOf(output) {
  return output.slice(Math.max(0, output.indexOf('✖ failing tests:')));
}

/** The figures in the words of Node's own runner. A file that failed beside its tests counts as one failed test. */
function tell() {
  const sum = (key) => results.reduce((total, { counts }) => total + counts[key], 0);
  const failedTests = sum('tests') - sum('passed') - sum('cancelled') - sum('skipped') - sum('todo');
  const failed = results.filter(isFailed);
  const cut = failed.filter(
    ({ counts, faults }) => faults.length > 0 && counts.tests === counts.passed + counts.skipped,
  );
  if (failed.length > 0) console.log(`\n✖ failed: ${failed.map(({ file }) => file).join(' ')}`);
  for (const { file, output, faults } of failed) console.log([`\n✖ ${file}`, failuresOf(output), ...faults].join('\n'));
  const figures = {
    files: results.length,
    tests: sum('tests') + cut.length,
    suites: sum('suites'),
    pass: sum('passed'),
    fail: failedTests + cut.length,
    cancelled: sum('cancelled'),
    skipped: sum('skipped'),
    todo: sum('todo'),
    // Of the files; what the machine does beside them makes it larger, but not by much.
    cpu_ms: sum('cpuMs'),
    duration_ms: Math.round(performance.now() - startedAtMs),
  };
  console.log(
    Object.entries(figures)
      .map(([key, value]) => `ℹ ${key} ${value}`)
      .join('\n'),
  );
  process.exitCode = failed.length === 0 && results.length === files.length ? 0 : 1;
}
