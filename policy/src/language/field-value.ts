/** Values at field paths as violations name them: `spec.containers[name=web].image`, `rules[0].verbs`, `metadata.labels[team/owner]`. */
import { canonicalJson, isJsonArray, isJsonObject, itemPath, type Json, ownValue } from '@driftline/proto';

const step = /\.?([A-Za-z_$][\w$-]*)|\[name=([^\]]*)\]|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]/y;

/** The value at the path; undefined when there is none or the path is not one. */
export function valueAtFieldPath(value: Json | undefined, path: string): Json | undefined {
  let current = value;
  step.lastIndex = 0;
  while (step.lastIndex < path.length && current !== undefined) {
    const match = step.exec(path);
    if (match === null) return undefined;
    current = follow(current, match);
  }
  return current;
}

function follow(value: Json, [, key, name, index, quoted, bare]: RegExpExecArray): Json | undefined {
  if (isJsonArray(value)) {
    if (index !== undefined) return value[Number(index)];
    return name === undefined ? undefined : value.find((item) => isJsonObject(item) && ownValue(item, 'name') === name);
  }
  if (!isJsonObject(value)) return undefined;
  const own = key ?? bare ?? (quoted === undefined ? undefined : unquoted(quoted)) ?? index;
  return own === undefined ? undefined : ownValue(value, own);
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return undefined;
  }
}

/** Short text of a value: strings as they are, nothing as '', the rest as canonical JSON. The engine bounds its length. */
export function valueText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : canonicalJson(value);
}

/** The paths of a list's items: by name where every item has one of its own, else by index. */
export function itemPaths(path: string, items: readonly Json[]): readonly string[] {
  const names = items.map((item) => (isJsonObject(item) ? ownValue(item, 'name') : undefined));
  const named = names.every((name): name is string => typeof name === 'string') && new Set(names).size === names.length;
  return items.map((_, index) => itemPath(path, named ? (names[index] as string) : index));
}
