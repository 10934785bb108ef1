/** YAML documents with positions: what a path inside one, or a place inside one of its expressions, is in the file. */
import { type Document, isScalar, LineCounter, type Node, parseAllDocuments, parseDocument, type Scalar } from 'yaml';
import type { Json } from '@driftline/proto';
import { createScalarReader, type Marks, readPlainYaml } from '../yaml/index.ts';
import type { PolicyProblem } from './problem.ts';

export type Position = { readonly line: number; readonly column: number };

export type YamlFile = {
  readonly path: string;
  readonly value: unknown;
  /** Where the value at the keys is; where that is missing, its nearest parent. */
  at(keys: readonly PropertyKey[]): Position;
  /** Where a line and column (from 1) of the text of a scalar are. */
  within(keys: readonly PropertyKey[], place: Position): Position;
  /** The file with its cases, where it was read without. */
  readonly whole?: () => YamlFile;
};

export type PolicyFile = {
  readonly path: string;
  readonly text: string;
  /** Its cases are known to be well-formed, and are read only when somebody asks for them. */
  readonly hasTrustedCases?: boolean;
};

/** Limits on what a file may be, before anything in it is looked at. */
export const policyFileLimits = { maxFileBytes: 1_048_576, maxAliases: 1_000 } as const;

/** Every document of the file, or everything that is wrong with it. Documents without content are left out. */
export function parseYamlFile({
  path,
  text,
  hasTrustedCases = false,
}: PolicyFile): { readonly documents: readonly YamlFile[] } | { readonly problems: readonly PolicyProblem[] } {
  const refuse = (code: PolicyProblem['code'], reason: string) => ({
    problems: [{ code, file: path, ...start, reason }],
  });
  if (text.length > policyFileLimits.maxFileBytes)
    return refuse('limit', `longer than ${policyFileLimits.maxFileBytes} characters`);
  const head = hasTrustedCases ? withoutCases(text) : undefined;
  if (head === undefined) return plainFiles(path, text) ?? readWhole(path, text);
  const read = plainFiles(path, head) ?? readWhole(path, head);
  if ('problems' in read) return read;
  return { documents: read.documents.map((file) => ({ ...file, whole: () => onlyDocument({ path, text }) })) };
}

/** The text up to its cases, where nothing but cases follows. */
function withoutCases(text: string): string | undefined {
  const at = text.search(/^cases: *$/m);
  if (at < 0) return undefined;
  const cases = text.slice(text.indexOf('\n', at) + 1);
  return /^[^\s#-]|^---/m.test(cases) ? undefined : text.slice(0, at);
}

function onlyDocument(file: PolicyFile): YamlFile {
  const parsed = parseYamlFile(file);
  const [document] = 'documents' in parsed ? parsed.documents : [];
  if (document === undefined) throw new Error(`${file.path}: it cannot be read`);
  return document;
}

const parserOptions = { prettyErrors: false, uniqueKeys: true, merge: true } as const;

/** Files of the plain kind, at a twentieth of the cost; the complete parser finds places inside of scalars. */
function plainFiles(path: string, text: string): { readonly documents: readonly YamlFile[] } | undefined {
  const marks: Marks = new Map();
  const read = readPlainYaml(text, { resolve: scalarValue, marks });
  if (read === undefined || read.length === 0) return undefined;
  let whole: ReturnType<typeof readWhole> | undefined;
  const documents = read.map(
    ({ value, contentStart }, index): YamlFile => ({
      path,
      value,
      at: (keys) => positionIn(text, offsetAt(marks, value, keys) ?? contentStart),
      within(keys, inside) {
        whole ??= readWhole(path, text);
        const file = 'documents' in whole ? whole.documents[index] : undefined;
        return file === undefined ? start : file.within(keys, inside);
      },
    }),
  );
  return { documents };
}

/** Where the value at the keys is, or its nearest parent that is written; undefined: the document itself. */
function offsetAt(marks: Marks, document: Json, keys: readonly PropertyKey[]): number | undefined {
  let offset: number | undefined;
  let value: unknown = document;
  for (const key of keys) {
    const places = typeof value === 'object' && value !== null ? marks.get(value) : undefined;
    if (places === undefined) return offset;
    const place = Array.isArray(places) ? places[Number(key)] : places.get(String(key))?.value;
    if (place === undefined) return offset;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key];
    if (value === null) return offset;
    offset = place;
  }
  return offset;
}

function positionIn(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

const scalarValue = createScalarReader((text) => parseDocument(text, parserOptions).toJS() as Json);

function readWhole(
  path: string,
  text: string,
): { readonly documents: readonly YamlFile[] } | { readonly problems: readonly PolicyProblem[] } {
  const refuse = (code: PolicyProblem['code'], reason: string) => ({
    problems: [{ code, file: path, ...start, reason }],
  });
  const lines = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const documents = [...parseAllDocuments(text, { ...parserOptions, lineCounter: lines })];
  const errors = documents.flatMap(({ errors }) => errors);
  if (errors.length > 0) {
    return {
      problems: errors.map((error) => ({
        code: 'bad-yaml',
        file: path,
        ...position(error.pos[0]),
        reason: error.message,
      })),
    };
  }
  const read: YamlFile[] = [];
  try {
    for (const document of documents) {
      const file = readDocument(document, path, { text, position });
      if (file.value !== null) read.push(file);
    }
  } catch (cause) {
    return refuse('bad-yaml', cause instanceof Error ? cause.message : String(cause));
  }
  return read.length === 0 ? refuse('bad-yaml', 'the file is empty') : { documents: read };
}

function readDocument(document: Document, path: string, source: Source): YamlFile {
  const nodeAt = (keys: readonly PropertyKey[]): Node | undefined => {
    for (let length = keys.length; length >= 0; length--) {
      const node = length === 0 ? document.contents : document.getIn(keys.slice(0, length), true);
      if (typeof node === 'object' && node !== null && 'range' in node) return node as Node;
    }
    return undefined;
  };
  const at = (keys: readonly PropertyKey[]) => source.position(nodeAt(keys)?.range?.[0] ?? document.range?.[0] ?? 0);
  const value: unknown = document.toJS({ maxAliasCount: policyFileLimits.maxAliases });
  const within = (keys: readonly PropertyKey[], place: Position): Position => {
    const node = nodeAt(keys);
    return isScalar(node) ? placeInScalar(node, source, place) : at(keys);
  };
  return { path, value, at, within };
}

/** A part of a file as a file of its own, so that problems in it are placed in the whole. */
export function partOf(file: YamlFile, keys: readonly PropertyKey[], value: unknown): YamlFile {
  return {
    path: file.path,
    value,
    at: (inner) => file.at([...keys, ...inner]),
    within: (inner, place) => file.within([...keys, ...inner], place),
  };
}

export function problemAt(
  file: YamlFile,
  keys: readonly PropertyKey[],
  code: PolicyProblem['code'],
  reason: string,
): PolicyProblem {
  return { code, file: file.path, ...file.at(keys), reason };
}

const start: Position = { line: 1, column: 1 };

type Source = { readonly text: string; readonly position: (offset: number) => Position };

/**
 * Exact for one-line and literal block scalars. Folded ones and those with escapes may be some columns off; their line is
 * that of the scalar's beginning at least.
 */
function placeInScalar(node: Scalar, { text, position }: Source, place: Position): Position {
  const offset = node.range?.[0] ?? 0;
  const begin = position(offset);
  const isBlock = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
  if (!isBlock) {
    const quote = node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE' ? 1 : 0;
    return place.line === 1 ? { line: begin.line, column: begin.column + quote + place.column - 1 } : begin;
  }
  const firstLine = text.slice(text.indexOf('\n', offset) + 1);
  const indent = /^(?:[ \t]*\n)*( *)/.exec(firstLine)?.[1]?.length ?? 0;
  const line = node.type === 'BLOCK_LITERAL' ? begin.line + place.line : begin.line + 1;
  return { line, column: indent + place.column };
}
