/** Stop watches. Work of this process is counted in CPU time, which other programs on the machine disturb least. */

/** CPU time of this process, all threads, in microseconds. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

export type Distribution = { readonly mean: number; readonly p50: number; readonly p99: number; readonly max: number };

export function distribution(values: readonly number[]): Distribution {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const sum = sorted.reduce((total, value) => total + value, 0);
  return { mean: sorted.length === 0 ? 0 : sum / sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Microseconds of CPU that one call takes, over at least `minMs` of calls after a warm-up. */
export function costUs(work: (round: number) => unknown, minMs = 400): number {
  let round = 0;
  const run = (forMs: number): number => {
    const first = round;
    const untilMs = performance.now() + forMs;
    do for (let i = 0; i < 20; i += 1) work(round++);
    while (performance.now() < untilMs);
    return round - first;
  };
  run(minMs / 2);
  const before = cpuUs();
  const rounds = run(minMs);
  return (cpuUs() - before) / rounds;
}
