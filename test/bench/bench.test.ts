/** The bench harness works: its smallest bench at tiny size, and the comparison that decides about a run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { type Baseline, compare } from './harness/compare.ts';
import { distribution } from './harness/measure.ts';
import { agentAllocator, agentNodeFlags } from './harness/processes.ts';
import type { Report } from './harness/report.ts';
import { livingWorld } from './world/edits.ts';
import { worldOf } from './world/objects.ts';
import { createRandom } from './world/random.ts';

const runBench = async (name: string, ...args: readonly string[]): Promise<Report> => {
  const file = join(import.meta.dirname, `${name}.ts`);
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args]);
  return JSON.parse(stdout) as Report;
};

const assertIsReport = (report: Report, bench: string): void => {
  assert.equal(report.bench, bench);
  assert.equal(report.versions.node, process.version);
  assert.match(report.versions.driftline, /^[0-9a-f]{12}\+?$|^unknown$/);
  assert.ok(report.machine.cores > 0 && report.machine.memoryBytes > 0);
  const numbers = [...Object.values(report.figures), ...Object.values(report.ratios).map(({ value }) => value)];
  assert.ok(numbers.length > 3);
  for (const number of numbers) assert.ok(Number.isFinite(number) && number > 0, JSON.stringify(report));
};

describe('benches', () => {
  test('a judged change is measured with the whole library', async () => {
    const report = await runBench('policy-change', '--objects', '150,300', '--changes', '60');
    assertIsReport(report, 'policy-change');
    assert.ok(Number(report.conditions?.['controls']) >= 30);
    assert.ok(
      Number(report.conditions?.['transitionsPerChange']) > 0,
      'edits that open and resolve nothing measure nothing',
    );
    assert.equal(report.ratios['largestOverSmallest']?.limit, 1.5);
  });

  test('capture and spool are measured', async () => {
    assertIsReport(
      await runBench('capture-cost', '--milliseconds', '5', '--appends', '200', '--recover-mebibytes', '2'),
      'capture-cost',
    );
  });
});

describe('the comparison with the baseline', () => {
  const reportsOf = (...ratios: readonly (readonly [name: string, ratio: Report['ratios'][string]])[]) => [
    { bench: 'some', ratios: Object.fromEntries(ratios) },
  ];
  const complaintsOf = (now: Baseline['reports'], before: Baseline['reports']) =>
    compare(now, { reports: before }).map(({ complaint }) => complaint);

  test('worse than tolerated is a complaint, whichever way is better', () => {
    const before = reportsOf(['cost', { value: 2, better: 'lower' }], ['rate', { value: 2, better: 'higher' }]);
    const within = reportsOf(['cost', { value: 2.9, better: 'lower' }], ['rate', { value: 1.4, better: 'higher' }]);
    const beyond = reportsOf(['cost', { value: 3.1, better: 'lower' }], ['rate', { value: 1.2, better: 'higher' }]);
    assert.deepEqual(complaintsOf(within, before), ['', '']);
    const [cost = '', rate = ''] = complaintsOf(beyond, before);
    assert.match(cost, /^1\.55 times worse than the baseline, 1\.5 are tolerated$/);
    assert.match(rate, /^1\.67 times worse/);
  });

  test('a limit holds without a baseline, and what is new is no complaint', () => {
    const flat = (value: number) => reportsOf(['flat', { value, better: 'lower', limit: 1.5 }]);
    assert.deepEqual(complaintsOf(flat(1.4), []), ['']);
    assert.deepEqual(complaintsOf(flat(1.6), []), ['beyond its limit of 1.5']);
    const share = (value: number) => reportsOf(['share', { value, better: 'higher', limit: 1 }]);
    assert.deepEqual(complaintsOf(share(0.99), []), ['beyond its limit of 1']);
  });

  test('a value that is no number is worse', () => {
    const before = reportsOf(['cost', { value: 2, better: 'lower' }]);
    assert.notEqual(complaintsOf(reportsOf(['cost', { value: Number.NaN, better: 'lower' }]), before)[0], '');
  });

  test('the committed baseline has every bench', () => {
    const { reports } = JSON.parse(readFileSync(join(import.meta.dirname, 'baseline.json'), 'utf8')) as Baseline;
    const names = [
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
    assert.deepEqual(
      reports.map(({ bench }) => bench),
      names,
    );
  });
});

test('the agent is measured as its image starts it', () => {
  const image = readFileSync(join(import.meta.dirname, '../../deploy/docker/agent.Dockerfile'), 'utf8');
  const start = ['node', ...agentNodeFlags, 'agent/src/main.js'].map((word) => JSON.stringify(word)).join(', ');
  assert.ok(image.includes(`ENTRYPOINT [${start}]`), 'agentNodeFlags and the image have different flags');
  for (const [name, value] of Object.entries(agentAllocator)) assert.ok(image.includes(` ${name}=${value} `), name);
});

describe('the measured world', () => {
  test('is the same in every run, and every edit changes its object', () => {
    assert.deepEqual(worldOf(120), worldOf(120));
    const initial = worldOf(500);
    const world = livingWorld(initial, createRandom(1));
    const plain = (value: unknown): string =>
      JSON.stringify(value, (key, member: unknown) =>
        key === 'resourceVersion' || key === 'managedFields' ? undefined : member,
      );
    const state = initial.map(plain);
    for (let i = 0; i < 2_000; i += 1) {
      const { index, after } = world.next();
      assert.notEqual(plain(after), state[index]);
      state[index] = plain(after);
    }
  });

  test('percentiles are those of the sorted values', () => {
    const values = Array.from({ length: 1_000 }, (_, i) => 1_000 - i);
    assert.deepEqual(distribution(values), { mean: 500.5, p50: 501, p99: 991, max: 1_000 });
  });
});
