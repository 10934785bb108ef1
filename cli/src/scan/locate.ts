/** Field paths as findings name them (`spec.containers[name=web].image`, `rules[0].verbs`), found in a YAML tree. */
import { type Document, isAlias, isMap, isPair, isScalar, isSeq, type Node, type Pair } from 'yaml';

const stepPattern = /\.?([A-Za-z_$][\w$-]*)|\[name=([^\]]*)\]|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]/y;

export type Step = {
  readonly key: string | undefined;
  readonly name: string | undefined;
  readonly index: number | undefined;
};

/** The steps up to where the text is no path any more. */
export function stepsOf(path: string): readonly Step[] {
  const steps: Step[] = [];
  stepPattern.lastIndex = 0;
  while (stepPattern.lastIndex < path.length) {
    const match = stepPattern.exec(path);
    if (match === null) break;
    const [, plain, name, index, quoted, bare] = match;
    steps.push({
      key: plain ?? bare ?? (quoted === undefined ? index : unquoted(quoted)),
      name,
      index: index === undefined ? undefined : Number(index),
    });
  }
  return steps;
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return text;
  }
}

/** Offset of the field's key (of a list item: of the item), or of the nearest parent that is there. */
export function offsetOf(document: Document, root: Node | undefined, path: string): number {
  let node = resolved(document, root);
  let offset = node?.range?.[0] ?? 0;
  for (const step of stepsOf(path)) {
    const next = follow(document, node, step);
    if (next === undefined) return offset;
    offset = next.offset ?? offset;
    node = resolved(document, next.node);
  }
  return offset;
}

type Followed = { readonly node: unknown; readonly offset: number | undefined };

function follow(document: Document, node: unknown, { key, name, index }: Step): Followed | undefined {
  if (isSeq(node)) {
    const item = index === undefined ? node.items.find((one) => nameOf(document, one) === name) : node.items[index];
    return item === undefined || isPair(item) ? undefined : { node: item, offset: startOf(item) };
  }
  if (!isMap(node) || key === undefined) return undefined;
  const pair = node.items.find((one) => keyOf(one) === key) ?? mergedPair(document, node.items, key);
  return pair === undefined ? undefined : { node: pair.value, offset: startOf(pair.key) };
}

function mergedPair(document: Document, pairs: readonly Pair[], key: string): Pair | undefined {
  for (const { key: mergeKey, value } of pairs) {
    if (!isScalar(mergeKey) || mergeKey.source !== '<<') continue;
    const sources = isSeq(value) ? value.items : [value];
    for (const source of sources) {
      const map = resolved(document, source);
      const found = isMap(map) ? map.items.find((one) => keyOf(one) === key) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function keyOf({ key }: Pair): string | undefined {
  return isScalar(key) ? String(key.value) : undefined;
}

function nameOf(document: Document, item: unknown): string | undefined {
  const node = resolved(document, item);
  if (!isMap(node)) return undefined;
  const value: unknown = node.get('name');
  return typeof value === 'string' ? value : undefined;
}

function resolved(document: Document, node: unknown): Node | undefined {
  if (isAlias(node)) return node.resolve(document);
  return typeof node === 'object' && node !== null && 'range' in node ? (node as Node) : undefined;
}

function startOf(node: unknown): number | undefined {
  return typeof node === 'object' && node !== null && 'range' in node ? (node as Node).range?.[0] : undefined;
}
