// The GitHub Action: inputs become the arguments of `driftline scan`.
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const input = (name) => (process.env[`INPUT_${name.toUpperCase()}`] ?? '').trim();
/** One a line. */
const lines = (name) =>
  input(name)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
const option = (name) => (input(name) === '' ? [] : [`--${name}=${input(name)}`]);
const sarif = input('sarif');

const args = [
  'scan',
  ...['fail-on', 'min-score', 'severity', 'baseline', 'namespace'].flatMap(option),
  ...['policy', 'values', 'skip'].flatMap((name) => lines(name).map((line) => `--${name}=${line}`)),
  ...(sarif === '' ? [] : [`--report=sarif=${sarif}`]),
  '--',
  ...lines('paths'),
];
const program = join(dirname(fileURLToPath(import.meta.url)), 'driftline.mjs');
const run = spawnSync(process.execPath, [program, ...args], { stdio: 'inherit' });
const status = run.status ?? 2;
if (process.env.GITHUB_OUTPUT !== undefined)
  appendFileSync(process.env.GITHUB_OUTPUT, `exit-code=${status}\nsarif=${sarif}\n`);
process.exitCode = status;
