// Runs benches one after another and compares their ratios with the committed baseline.
//   npm run bench [-- name…] [--update] [--json]
//   npm run bench -- compare [options of compare/compare.ts]
// --update makes this run the baseline, --json prints the reports instead of tables. Exit code 1: a bench failed or a
// ratio is worse than tolerated; absolute times never decide.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compare } from './harness/compare.ts';
import { comparisonTable, figuresTable } from './harness/table.ts';

const benches = [
  'capture-cost',
  'policy-change',
  'fan-out',
  'cel-check',
  'collector-line',
  'bytes-per-change',
  'agent-memory',
  'latency',
  'reconcile',
];
const longestMs = 180_000;
const baselineFile = join(import.meta.dirname, 'baseline.json');

// Beside other tools, which have to be installed: a command of its own, with tables instead of a baseline.
if (process.argv[2] === 'compare') {
  const file = join(import.meta.dirname, 'compare/compare.ts');
  process.exit(spawnSync(process.execPath, [file, ...process.argv.slice(3)], { stdio: 'inherit' }).status ?? 1);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { update: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !benches.includes(name));
if (unknown.length > 0) {
  console.error(`no bench ${unknown.join(', ')}; there are: ${benches.join(', ')}`);
  process.exit(2);
}

const reports = [];
let failed = 0;
for (const name of positionals.length > 0 ? positionals : benches) {
  console.error(`${name} …`);
  try {
    reports.push(await run(name));
  } catch (error) {
    failed += 1;
    console.error(`${name}: ${error.message}`);
  }
}

const baseline = JSON.parse(readFileSync(baselineFile, 'utf8'));
const comparisons = compare(reports, baseline);
const complaints = comparisons.filter(({ complaint }) => complaint !== '');
if (values.json) console.log(JSON.stringify({ reports, comparisons }, undefined, 2));
else console.log(`${figuresTable(reports)}\n\n${comparisonTable(comparisons)}`);
if (values.update) {
  const others = baseline.reports.filter(({ bench }) => !reports.some((report) => report.bench === bench));
  const all = [...others, ...reports].sort((a, b) => benches.indexOf(a.bench) - benches.indexOf(b.bench));
  writeFileSync(baselineFile, `${JSON.stringify({ reports: all }, undefined, 2)}\n`);
  console.error(`${baselineFile} now holds this run`);
}
process.exitCode = failed > 0 || (complaints.length > 0 && !values.update) ? 1 : 0;

function run(name) {
  return new Promise((resolve, reject) => {
    const file = join(import.meta.dirname, `${name}.ts`);
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'], timeout: longestMs });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(output));
      else reject(new Error(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`));
    });
  });
}
