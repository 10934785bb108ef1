/**
 * The API server's clock, as far as its answers tell it: every one carries a Date. Between a request and its answer
 * that clock showed a moment within the Date's second, which bounds how far it is from this process's monotonic clock;
 * many answers narrow the bounds to milliseconds. So the times of changes can be compared with those of audit events and
 * objects, and a step of the host's clock does not reach the timeline.
 */
import type { Clock } from './clock.ts';

export type Answered = {
  /** Monotonic milliseconds: before the request was sent, and after its answer's headers had come. */
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
  /** The answer's Date header; what is none tells nothing. */
  readonly date: string | undefined;
};

export type ClusterClock = Clock & {
  /** The least that the API server's clock can show now; 0 before the first answer. */
  earliestUs(): number;
  /** How often the API server's clock turned out to be another one: bounds taken before hold no more. */
  steps(): number;
};

export type FollowedClock = ClusterClock & { answered(answer: Answered): void };

/** How far two clocks may run apart by themselves, in parts of a million. */
const driftPpm = 500;
/** Answers in a row that must contradict what is known before they are believed: some servers give a Date that is late. */
const believedContradictions = 3;
const dateResolutionUs = 1_000_000;

type Ports = {
  readonly host: Clock;
  /** Milliseconds; never runs backwards. */
  readonly monotonicMs: () => number;
};

type Offset = { readonly leastUs: number; readonly mostUs: number };

/** `nowUs` is the host's clock where it can be right, else the latest that the API server's can show. */
export function followClusterClock(ports: Ports): FollowedClock {
  let known: Offset | undefined;
  let knownAtUs = 0;
  let contradictions = 0;
  let steps = 0;
  const monotonicUs = (): number => ports.monotonicMs() * 1000;
  const at = (nowUs: number): Offset | undefined => {
    if (known === undefined) return undefined;
    const driftUs = (Math.max(0, nowUs - knownAtUs) * driftPpm) / 1_000_000;
    return { leastUs: known.leastUs - driftUs, mostUs: known.mostUs + driftUs };
  };
  return {
    answered({ sentAtMs, answeredAtMs, date }) {
      const dateUs = Date.parse(date ?? '') * 1000;
      if (Number.isNaN(dateUs)) return;
      const answeredAtUs = answeredAtMs * 1000;
      const told = { leastUs: dateUs - answeredAtUs, mostUs: dateUs + dateResolutionUs - sentAtMs * 1000 };
      const before = at(answeredAtUs);
      const both = before === undefined ? told : narrower(before, told);
      if (both.leastUs <= both.mostUs) {
        contradictions = 0;
        known = both;
      } else {
        contradictions += 1;
        if (contradictions < believedContradictions) return;
        contradictions = 0;
        steps += 1;
        known = told;
      }
      knownAtUs = answeredAtUs;
    },
    nowUs() {
      const hostUs = ports.host.nowUs();
      const monoUs = monotonicUs();
      const offset = at(monoUs);
      if (offset === undefined) return hostUs;
      const isPossible = hostUs >= monoUs + offset.leastUs && hostUs <= monoUs + offset.mostUs;
      return isPossible ? hostUs : Math.floor(monoUs + offset.mostUs);
    },
    earliestUs() {
      const monoUs = monotonicUs();
      const offset = at(monoUs);
      return offset === undefined ? 0 : Math.max(0, Math.floor(monoUs + offset.leastUs));
    },
    steps: () => steps,
  };
}

function narrower(a: Offset, b: Offset): Offset {
  return { leastUs: Math.max(a.leastUs, b.leastUs), mostUs: Math.min(a.mostUs, b.mostUs) };
}
