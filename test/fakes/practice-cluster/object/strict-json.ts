/** Paths of keys that a JSON text repeats in one object, as strict field validation reports them. */
export const duplicateFields = (text: string): string[] => {
  const found: string[] = [];
  const stack: { keys: Set<string> | undefined; path: string; index: number }[] = [];
  // JSON is known to be valid here, so a scan over its tokens is enough.
  const tokens = text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}[\],]/g);
  let pending = '';
  for (const [token] of tokens) {
    const top = stack.at(-1);
    if (token === '{' || token === '[') {
      const path = top?.keys === undefined && top !== undefined ? `${top.path}[${top.index}]` : pending;
      stack.push({ keys: token === '{' ? new Set() : undefined, path, index: 0 });
    } else if (token === '}' || token === ']') stack.pop();
    else if (token === ',') {
      if (top !== undefined) top.index += 1;
    } else if (token.endsWith(':') && top?.keys !== undefined) {
      const key = String(JSON.parse(token.slice(0, -1)));
      pending = top.path === '' ? key : `${top.path}.${key}`;
      if (top.keys.has(key)) found.push(pending);
      top.keys.add(key);
    }
  }
  return found;
};
