/** Time as the agent's parts receive it. Never a source of order: see DESIGN law 2 and proto's `nextObservedUs`. */
export type Clock = {
  /** Wall clock, whole microseconds since the Unix epoch. It may jump. */
  nowUs(): number;
};

export const systemClock: Clock = {
  nowUs: () => Math.floor((performance.timeOrigin + performance.now()) * 1000),
};
