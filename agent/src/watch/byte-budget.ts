/** Bytes that may be held at once. Waiters are served in the order they came, so no kind starves another. */
export type ByteBudget = {
  /** Resolves when the bytes are granted; undefined when they were at once. A request beyond the whole waits for all. */
  take(bytes: number): Promise<void> | undefined;
  give(bytes: number): void;
  heldBytes(): number;
};

export function createByteBudget(limitBytes: number): ByteBudget {
  let held = 0;
  const waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];
  const fits = (bytes: number): boolean => held === 0 || held + bytes <= limitBytes;

  return {
    take(bytes) {
      if (waiting.length === 0 && fits(bytes)) {
        held += bytes;
        return undefined;
      }
      return new Promise((resolve) => waiting.push({ bytes, resolve }));
    },
    give(bytes) {
      held -= bytes;
      for (let next = waiting[0]; next !== undefined && fits(next.bytes); next = waiting[0]) {
        waiting.shift();
        held += next.bytes;
        next.resolve();
      }
    },
    heldBytes: () => held,
  };
}
