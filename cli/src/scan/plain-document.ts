/** Documents of the plain kind, read at a tenth of the complete parser's cost; places only when somebody asks for one. */
import { isJsonArray, isJsonObject, type Json, ownValue } from '@driftline/proto';
import { type Marks, type MemberPlace, readPlainYaml } from '@driftline/policy/yaml';
import { type Step, stepsOf } from './locate.ts';
import type { ParsedDocument } from './parse-documents.ts';

/** Undefined when the complete parser is needed. `resolve` gives the value of a scalar without quotes. */
export function plainDocuments(
  file: string,
  text: string,
  resolve: (text: string) => Json,
): readonly ParsedDocument[] | undefined {
  const read = readPlainYaml(text, { resolve });
  if (read === undefined) return undefined;
  let placed: Placed | undefined;
  return read.map(({ value, start, contentStart }, index) => ({
    value,
    source: /^\s*#\s*Source: (\S+)$/m.exec(text.slice(start, contentStart))?.[1] ?? '',
    locate(base, path) {
      placed ??= placedValues(text, resolve);
      const root = { value: placed.values[index], offset: contentStart };
      return { file, ...placed.position(offsetOf(placed.marks, descend(root, base, placed.marks), stepsOf(path))) };
    },
  }));
}

type Placed = {
  readonly values: readonly Json[];
  readonly marks: Marks;
  /** Line and column from 1. */
  readonly position: (offset: number) => { readonly line: number; readonly column: number };
};

/** Reads the text once more, with the place of everything. */
function placedValues(text: string, resolve: (text: string) => Json): Placed {
  const marks: Marks = new Map();
  const values = (readPlainYaml(text, { resolve, marks }) ?? []).map(({ value }) => value);
  const lines = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.push(at + 1);
  return {
    values,
    marks,
    position(offset) {
      let [low, high] = [0, lines.length];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if ((lines[middle] ?? 0) <= offset) low = middle;
        else high = middle;
      }
      return { line: low + 1, column: offset - (lines[low] ?? 0) + 1 };
    },
  };
}

type Place = { readonly value: Json | undefined; readonly offset: number };

function descend(root: Place, keys: readonly (string | number)[], marks: Marks): Place {
  let place = root;
  for (const key of keys) {
    const next = typeof key === 'number' ? itemAt(marks, place.value, key) : memberAt(marks, place.value, key);
    if (next === undefined) return root;
    place = next;
  }
  return place;
}

/** Of the field's key (of a list item: of the item), or of the nearest parent that is there. */
function offsetOf(marks: Marks, from: Place, steps: readonly Step[]): number {
  let place = from;
  for (const { key, name, index } of steps) {
    const { value } = place;
    const next = isJsonArray(value) ? itemAt(marks, value, index ?? indexOf(value, name)) : memberAt(marks, value, key);
    if (next === undefined) return place.offset;
    place = next;
  }
  return place.offset;
}

function indexOf(items: readonly Json[], name: string | undefined): number {
  return items.findIndex((item) => isJsonObject(item) && typeof item['name'] === 'string' && item['name'] === name);
}

function memberAt(marks: Marks, value: Json | undefined, key: string | undefined): Place | undefined {
  if (!isJsonObject(value) || key === undefined || !Object.hasOwn(value, key)) return undefined;
  const place = (marks.get(value) as ReadonlyMap<string, MemberPlace> | undefined)?.get(key);
  return place === undefined ? undefined : { value: ownValue(value, key), offset: place.key };
}

function itemAt(marks: Marks, value: Json | undefined, index: number): Place | undefined {
  if (!isJsonArray(value)) return undefined;
  const offset = (marks.get(value) as readonly number[] | undefined)?.[index];
  return offset === undefined ? undefined : { value: value[index], offset };
}
