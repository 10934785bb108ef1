/** A bounded number of places, given in the order they were asked for. */
export type Slots = {
  /** Resolves with the function that gives the place back (once; calling it again does nothing). Rejects on abort. */
  acquire(signal: AbortSignal): Promise<() => void>;
};

export function createSlots(count: number): Slots {
  let free = count;
  const waiting = new Set<() => void>();

  function releaseOnce(): () => void {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      free++;
      for (const next of waiting) {
        next();
        break;
      }
    };
  }

  return {
    acquire(signal) {
      signal.throwIfAborted();
      if (free > 0 && waiting.size === 0) {
        free--;
        return Promise.resolve(releaseOnce());
      }
      return new Promise((resolve, reject) => {
        const grant = (): void => {
          waiting.delete(grant);
          signal.removeEventListener('abort', abort);
          free--;
          resolve(releaseOnce());
        };
        const abort = (): void => {
          waiting.delete(grant);
          reject(signal.reason as Error);
        };
        waiting.add(grant);
        signal.addEventListener('abort', abort, { once: true });
      });
    },
  };
}
