/** Freezes a value and everything in it; stops at what is frozen already. Any depth. Returns the value. */
export function deepFreeze<T>(value: T): T {
  if (isThawed(value)) {
    const left: object[] = [value];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      Object.freeze(next);
      for (const key in next) {
        const item: unknown = next[key as keyof typeof next];
        if (isThawed(item)) left.push(item);
      }
    }
  }
  return value;
}

function isThawed(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Object.isFrozen(value);
}
