/**
 * Text becomes documents: YAML (many in one file) and JSON, read as Kubernetes' own tools read YAML, where `yes` and `on`
 * are booleans and merge keys work. Positions of JSON are worked out only when somebody asks for one.
 */
import {
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  parseDocument,
  type ParsedNode,
  type ScalarTag,
  type Tags,
} from 'yaml';
import type { Document } from 'yaml';
import { createScalarReader } from '@driftline/policy/yaml';
import { isJsonObject, type Json } from '@driftline/proto';
import type { Place, Problem } from './finding.ts';
import { offsetOf } from './locate.ts';
import { plainDocuments } from './plain-document.ts';
import { yamlComplaint } from './yaml-complaint.ts';

export type ParsedDocument = {
  readonly value: Json;
  /** The template that the document was rendered from, as `helm template` says it in a comment; ''. */
  readonly source: string;
  /** Where a field path below `base` (keys and indices) is. */
  readonly locate: (base: readonly (string | number)[], path: string) => Place;
};

export type Parsed = { readonly documents: readonly ParsedDocument[]; readonly problems: readonly Problem[] };

/** A file above this is refused, in characters: no manifest is, and a tree of it would not fit. */
export const maxFileLength = 64 * 1024 * 1024;
/** How often aliases may be expanded, so that a small file cannot become a huge object. */
const maxAliases = 1_000;

export function parseDocuments(file: string, text: string): Parsed {
  if (text.length > maxFileLength)
    return {
      documents: [],
      problems: [{ file, line: 1, column: 1, reason: `longer than ${maxFileLength} characters` }],
    };
  const first = /^\s*[{[]/.test(text) ? jsonDocument(file, text) : undefined;
  if (first !== undefined) return { documents: [first], problems: [] };
  const plain = plainDocuments(file, text, scalarValue);
  return plain === undefined ? parseYaml(file, text) : { documents: plain, problems: [] };
}

/** Undefined when it is not JSON: the YAML reader then says where and why, without quoting what stands there. */
function jsonDocument(file: string, text: string): ParsedDocument | undefined {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  let locate: ParsedDocument['locate'] | undefined;
  return {
    value,
    source: '',
    locate(base, path) {
      locate ??= plainDocuments(file, text, scalarValue)?.[0]?.locate ?? locateInTree(file, text);
      return locate(base, path);
    },
  };
}

function locateInTree(file: string, text: string): ParsedDocument['locate'] {
  const [tree] = treesOf(file, text);
  return (base, path) => (tree === undefined ? { file, line: 1, column: 1 } : placeIn(tree, base, path));
}

type Tree = { readonly file: string; readonly document: Document<ParsedNode>; readonly lines: LineCounter };

function treesOf(file: string, text: string): readonly Tree[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { ...parserOptions, lineCounter: lines });
  return Array.from(documents, (document) => ({ file, document: document as Document<ParsedNode>, lines }));
}

/** YAML 1.1 without what Go's reader does not have either, or JSON cannot hold. */
const foreignTags = /:(?:timestamp|binary|omap|pairs|set)$/;
/** The parser's own patterns take `.` and `e5` for numbers. */
const floatPatterns: Readonly<Record<string, RegExp>> = {
  plain: /^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)$/,
  EXP: /^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$/,
};

function kubernetesTags(tags: Tags): Tags {
  return tags.flatMap((tag): Tags => {
    if (typeof tag === 'string') return [tag];
    const format = 'format' in tag ? tag.format : undefined;
    if (foreignTags.test(tag.tag) || format === 'TIME') return [];
    if (!tag.tag.endsWith(':float') || !('test' in tag)) return [tag];
    const isInfinite = tag.test.test('.inf');
    const test = floatPatterns[format ?? 'plain'];
    return isInfinite || test === undefined ? [] : [{ ...tag, test } as ScalarTag];
  });
}

const parserOptions = {
  prettyErrors: false,
  uniqueKeys: false,
  version: '1.1',
  merge: true,
  customTags: kubernetesTags,
  logLevel: 'silent',
} as const;

/** The value of a scalar without quotes, as the parser has it. */
const scalarValue = createScalarReader((text) => parseDocument(text, parserOptions).toJS() as Json);

function parseYaml(file: string, text: string): Parsed {
  const documents: ParsedDocument[] = [];
  const problems: Problem[] = [];
  for (const tree of parsedTrees(file, text, problems)) {
    const { document } = tree;
    const [error] = document.errors;
    if (error !== undefined) {
      problems.push({ ...placeAt(tree, error.pos[0]), reason: hinted(yamlComplaint(error.code), text) });
      continue;
    }
    if (document.contents === null) continue;
    const value = valueOf(tree, problems);
    if (value === undefined || value === null) continue;
    documents.push({ value, source: sourceOf(document), locate: (base, path) => placeIn(tree, base, path) });
  }
  return { documents, problems };
}

function sourceOf({ commentBefore, contents }: Document<ParsedNode>): string {
  const comment = `${commentBefore ?? ''}\n${contents?.commentBefore ?? ''}`;
  return /^\s*Source: (\S+)$/m.exec(comment)?.[1] ?? '';
}

function parsedTrees(file: string, text: string, problems: Problem[]): readonly Tree[] {
  try {
    return treesOf(file, text);
  } catch (error) {
    // The parser goes as deep as the text does.
    const reason = error instanceof RangeError ? 'nested too deep' : 'cannot be read as YAML';
    problems.push({ file, line: 1, column: 1, reason });
    return [];
  }
}

function valueOf(tree: Tree, problems: Problem[]): Json | undefined {
  try {
    return tree.document.toJS({ maxAliasCount: maxAliases }) as Json;
  } catch (error) {
    const reason = error instanceof RangeError ? 'nested too deep' : 'aliases that expand to too much, or to nothing';
    problems.push({ ...placeAt(tree, tree.document.range?.[0] ?? 0), reason });
    return undefined;
  }
}

function hinted(complaint: string, text: string): string {
  return text.includes('{{')
    ? `${complaint} (a template? render it first: helm template … | driftline scan -)`
    : complaint;
}

function placeIn(tree: Tree, base: readonly (string | number)[], path: string): Place {
  return placeAt(tree, offsetOf(tree.document, childAt(tree.document.contents ?? undefined, base), path));
}

function childAt(root: Node | undefined, keys: readonly (string | number)[]): Node | undefined {
  let node: unknown = root;
  for (const key of keys) {
    if (isMap(node)) node = node.items.find((pair) => isScalar(pair.key) && pair.key.value === key)?.value;
    else if (isSeq(node) && typeof key === 'number') node = node.items[key];
    else return root;
  }
  return typeof node === 'object' && node !== null ? (node as Node) : root;
}

function placeAt({ file, lines }: Tree, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** The objects of a document: itself, or the items of a List, each with where it stands in the document. */
export function objectsIn(
  value: Json,
): readonly { readonly value: Json; readonly base: readonly (string | number)[] }[] {
  if (!isJsonObject(value)) return [{ value, base: [] }];
  const { kind, items } = value;
  if (typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items)) return [{ value, base: [] }];
  const itemKind = kind.slice(0, -'List'.length);
  return items.flatMap((item: Json, index) => {
    const named =
      isJsonObject(item) && itemKind !== '' && typeof item['kind'] !== 'string'
        ? { apiVersion: value['apiVersion'] ?? '', kind: itemKind, ...item }
        : item;
    return objectsIn(named).map((inner) => ({ value: inner.value, base: ['items', index, ...inner.base] }));
  });
}
