/**
 * A reporter that runs inside each test file. It leaves the file's counts where the runner looks for them, and only when
 * the file came to its end: one that was cut has none. It also ends a file that goes on after its last test because
 * something is still open, and says what.
 */
import type { TestEvent } from 'node:test/reporters';

/** What a file says of itself. Suites are no tests; a skipped test is one. */
export type Counts = {
  readonly tests: number;
  readonly suites: number;
  readonly passed: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly todo: number;
};

/** How long a file may go on after its last test before it is taken for one that never ends. */
const lingerTimeoutMs = 60_000;

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
      yield JSON.stringify({ tests, suites, passed, cancelled, skipped, todo } satisfies Counts);
    }
  }
}

function endLingering(): void {
  const open = process.getActiveResourcesInfo().join(', ');
  process.stderr.write(`the last test ended ${lingerTimeoutMs / 1000} s ago and something is still open: ${open}\n`);
  process.exit(1);
}
