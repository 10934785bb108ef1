/**
 * A reporter that runs inside each test file. It leaves the file's counts where the runner looks for them, and only when
 * the file came to its end: one that was cut has none. It also ends a file that goes on after its last test because
 * something is still open, and says what.
 */
import { readFileSync } from 'node:fs';
import type { TestEvent } from 'node:test/reporters';

/** What a file says of itself. Suites are no tests; a skipped test is one. */
export type Counts = {
  readonly tests: number;
  readonly suites: number;
  readonly passed: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly todo: number;
  /** Processor time of the file's process and of the ended ones that it started. */
  readonly cpuMs: number;
};

/** How long a file may go on after its last test before it is taken for one that never ends. */
const lingerTimeoutMs = 60_000;
/** Of Linux' accounts, on every processor it runs on. */
const clockTickMs = 10;

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let running = 0;
  let lingering: NodeJS.Timeout | undefined;
  for await (const event of events) {
    if (event.type === 'test:enqueue' && event.data.nesting === 0) {
      running += 1;
      clearTimeout(lingering);
    } else if (event.type === 'test:complete' && event.data.nesting === 0) {
      running -= 1;
      if (running === 0) lingering = setTimeout(endLingering, lingerTimeoutMs).unref();
    } else if (event.type === 'test:summary') {
      const { tests, suites, passed, cancelled, skipped, todo } = event.data.counts;
      yield JSON.stringify({ tests, suites, passed, cancelled, skipped, todo, cpuMs: usedCpuMs() } satisfies Counts);
    }
  }
}

function endLingering(): void {
  const open = process.getActiveResourcesInfo().join(', ');
  process.stderr.write(`the last test ended ${lingerTimeoutMs / 1000} s ago and something is still open: ${open}\n`);
  process.exit(1);
}

/** Where the kernel does not tell of ended children, of the process alone. */
function usedCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return Math.round((user + system) / 1000 + childrenCpuMs());
}

function childrenCpuMs(): number {
  try {
    // What follows the program's name, which may hold anything: cutime and cstime are the fields 16 and 17 of them all.
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[13]) + Number(fields[14])) * clockTickMs;
  } catch {
    return 0;
  }
}
