/** Values at field paths as violations name them: `spec.containers[name=web].image`, `rules[0].verbs`, `metadata.labels[team/owner]`. */
import { canonicalJson, isJsonArray, isJsonObject, itemPath, type Json, ownValue } from '@driftline/proto';
import type { ReadPath } from '../read-path.ts';

const step = /\.?([A-Za-z_$][\w$-]*)|\[name=([^\]]*)\]|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]/y;

/** What a step asks of a list and of an object. */
type Step = {
  readonly index: number | undefined;
  readonly name: string | undefined;
  readonly member: string | undefined;
};

/** The same few paths come with every object: the latest are kept as steps. */
const parsed = new Map<string, readonly Step[] | undefined>();
const maxParsed = 2_000;

/** The value at the path; undefined when there is none or the path is not one. */
export function valueAtFieldPath(value: Json | undefined, path: string): Json | undefined {
  let current = value;
  for (const step of stepsOf(path) ?? [nowhere]) {
    if (current === undefined) return undefined;
    current = follow(current, step);
  }
  return current;
}

/** What finding the value at the path, or below it, reads: down to where the path enters a list. */
export function fieldPathReads(path: string): readonly ReadPath[] {
  const steps = stepsOf(path);
  if (steps === undefined) return [[]];
  const read: string[] = [];
  for (const { index, member } of steps) {
    if (member === undefined || index !== undefined) break;
    read.push(member);
  }
  return [read];
}

const nowhere: Step = { index: undefined, name: undefined, member: undefined };

function stepsOf(path: string): readonly Step[] | undefined {
  const known = parsed.get(path);
  if (known !== undefined || parsed.has(path)) return known;
  if (parsed.size >= maxParsed) parsed.clear();
  const made = parseSteps(path);
  parsed.set(path, made);
  return made;
}

function parseSteps(path: string): readonly Step[] | undefined {
  const steps: Step[] = [];
  step.lastIndex = 0;
  while (step.lastIndex < path.length) {
    const match = step.exec(path);
    if (match === null) return undefined;
    const [, key, name, index, quoted, bare] = match;
    const member = key ?? bare ?? (quoted === undefined ? undefined : unquoted(quoted)) ?? index;
    steps.push({ index: index === undefined ? undefined : Number(index), name, member });
  }
  return steps;
}

function follow(value: Json, { index, name, member }: Step): Json | undefined {
  if (isJsonArray(value)) {
    if (index !== undefined) return value[index];
    return name === undefined ? undefined : value.find((item) => isJsonObject(item) && ownValue(item, 'name') === name);
  }
  return member === undefined || !isJsonObject(value) ? undefined : ownValue(value, member);
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return undefined;
  }
}

/**
 * Short text of a value: strings as they are, nothing as '', the rest as canonical JSON. The engine bounds its length;
 * who says how many characters matter gets no less than one more of a longer text, and is spared writing the rest.
 */
export function valueText(value: Json | undefined, mattering = Number.POSITIVE_INFINITY): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  return mattering === Number.POSITIVE_INFINITY ? canonicalJson(value) : beginning(value, mattering);
}

/** Canonical JSON that breaks off once it is longer than `length`. */
function beginning(value: Json, length: number): string {
  if (length < 1 && typeof value === 'object' && value !== null) return isJsonArray(value) ? '[' : '{';
  if (isJsonArray(value)) {
    let text = '[';
    for (const item of value) {
      text += `${text === '[' ? '' : ','}${beginning(item, length - text.length)}`;
      if (text.length > length) return text;
    }
    return `${text}]`;
  }
  if (!isJsonObject(value)) return canonicalJson(value);
  let text = '{';
  for (const key of Object.keys(value).sort()) {
    text += `${text === '{' ? '' : ','}${canonicalJson(key)}:`;
    text += beginning(value[key] ?? null, length - text.length);
    if (text.length > length) return text;
  }
  return `${text}}`;
}

/** The paths of a list's items: by name where every item has one of its own, else by index. */
export function itemPaths(path: string, items: readonly Json[]): readonly string[] {
  const names = items.map((item) => (isJsonObject(item) ? ownValue(item, 'name') : undefined));
  const named = names.every((name): name is string => typeof name === 'string') && new Set(names).size === names.length;
  return items.map((_, index) => itemPath(path, named ? (names[index] as string) : index));
}
