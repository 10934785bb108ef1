/** Milliseconds since the Unix epoch. Injected everywhere, so that tests can step time and compress weeks. */
export type Clock = {
  readonly now: () => number;
  /** Steps the clock, where it can be stepped. */
  readonly advance?: (ms: number) => void;
};

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that starts at `startMs` and runs `rate` times as fast as the wall clock; `advance` steps it. */
export const createPracticeClock = (options: { startMs?: number; rate?: number } = {}): Required<Clock> => {
  const origin = Date.now();
  const startMs = options.startMs ?? origin;
  const rate = options.rate ?? 1;
  let offsetMs = 0;
  return {
    now: () => startMs + Math.round((Date.now() - origin) * rate) + offsetMs,
    advance: (ms: number) => {
      offsetMs += ms;
    },
  };
};

/** RFC 3339 with whole seconds, as in object metadata. */
export const secondsText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** RFC 3339 with microseconds, as in audit events and leases. */
export const microsText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000Z`;
