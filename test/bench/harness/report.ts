/** What a bench prints: one JSON object that says what was measured, on what, with what, and how busy the machine was. */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus, loadavg, totalmem } from 'node:os';

/** A number that compares between machines, because both of its sides were measured in the same run. */
export type Ratio = {
  readonly value: number;
  readonly better: 'lower' | 'higher';
  /** Times the baseline beyond which it counts as worse. Default `defaultTolerance` of compare.ts. */
  readonly tolerance?: number;
  /** Holds on every machine, baseline or not: at most this when lower is better, else at least. */
  readonly limit?: number;
};

/** What is asked of a figure: shown beside it, never a failure, since it depends on the machine. */
export type Bar = { readonly bar: number; readonly goal: number; readonly better: 'lower' | 'higher' };

export type Findings = {
  /** Units last in the names. */
  readonly figures: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, Ratio>>;
  readonly bars?: Readonly<Record<string, Bar>>;
  readonly conditions?: Readonly<Record<string, unknown>>;
};

export type Report = Findings & {
  readonly bench: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number };
  readonly versions: { readonly node: string; readonly clickhouse: string; readonly driftline: string };
};

const clickhousePackage = '@chdb/lib-linux-x64-gnu';

/** Runs the bench and prints its report as one line. */
export async function report(bench: string, run: () => Promise<Findings>): Promise<void> {
  const startedMs = performance.now();
  const loadBefore = loadavg()[0] ?? 0;
  const findings = await run();
  const load = { before: loadBefore, after: loadavg()[0] ?? 0 };
  const tookSeconds = rounded((performance.now() - startedMs) / 1_000);
  const whole: Report = {
    bench,
    machine: { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, memoryBytes: totalmem() },
    versions: { node: process.version, clickhouse: clickhouseVersion(), driftline: commit() },
    figures: Object.fromEntries(Object.entries(findings.figures).map(([name, value]) => [name, rounded(value)])),
    ratios: Object.fromEntries(
      Object.entries(findings.ratios).map(([name, ratio]) => [name, { ...ratio, value: rounded(ratio.value) }]),
    ),
    ...(findings.bars === undefined ? {} : { bars: findings.bars }),
    conditions: { ...findings.conditions, loadAverage: load, tookSeconds },
  };
  console.log(JSON.stringify(whole));
}

/** Four significant digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

function clickhouseVersion(): string {
  try {
    const { version } = createRequire(import.meta.url)(`${clickhousePackage}/package.json`) as { version: string };
    return version;
  } catch {
    return 'none';
  }
}

/** The commit, with '+' when the sources differ from it. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', ':/*/src', ':/policy/library');
    return `${git('rev-parse', '--short=12', 'HEAD').trim()}${changed === '' ? '' : '+'}`;
  } catch {
    return 'unknown';
  }
}
