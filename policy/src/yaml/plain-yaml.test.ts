/** What is read here has the value, and the places, that the complete parser gives it; what that one refuses is not read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '@driftline/proto';
import * as fc from 'fast-check';
import { isMap, isScalar, isSeq, parseAllDocuments, parseDocument } from 'yaml';
import { type Marks, type MemberPlace, readPlainYaml } from './index.ts';

const options = { prettyErrors: false, uniqueKeys: true, merge: true, logLevel: 'silent' } as const;
const known = new Map<string, Json>();
function resolve(text: string): Json {
  const value = known.get(text) ?? (parseDocument(text, options).toJS() as Json);
  known.set(text, value);
  return value;
}

/** Documents of the complete parser; undefined when it complains. */
function whole(text: string) {
  const documents = [...parseAllDocuments(text, options)];
  if (documents.some(({ errors }) => errors.length > 0)) return undefined;
  return documents.filter(({ contents }) => contents !== null && contents.toJSON() !== null);
}

const startOf = (node: unknown) => (node as { readonly range?: readonly number[] }).range?.[0];
const isWritten = (value: Json, name: string) => (value as Record<string, Json>)[name] !== null;

function comparePlaces(node: unknown, value: Json, marks: Marks): void {
  if (isMap(node)) {
    const places = [...((marks.get(value as object) ?? new Map()) as Map<string, MemberPlace>)];
    assert.deepEqual(
      places.map(([name, place]) => [name, place.key, isWritten(value, name) ? place.value : 'nowhere']),
      node.items.map(({ key, value: member }) => {
        const name = String(isScalar(key) ? key.value : '');
        return [name, startOf(key), isWritten(value, name) ? startOf(member) : 'nowhere'];
      }),
    );
    for (const { key, value: member } of node.items)
      comparePlaces(member, (value as Record<string, Json>)[String(isScalar(key) ? key.value : '')] as Json, marks);
  } else if (isSeq(node)) {
    const offsets = (marks.get(value as object) ?? []) as number[];
    assert.deepEqual(offsets, node.items.map(startOf));
    for (const [index, item] of node.items.entries()) comparePlaces(item, (value as Json[])[index] as Json, marks);
  }
}

/** Whether it was read. */
function compareReaders(text: string): boolean {
  const marks: Marks = new Map();
  const read = readPlainYaml(text, { resolve, marks });
  if (read === undefined) return false;
  const documents = whole(text);
  assert.notEqual(documents, undefined, `the complete parser complains about ${JSON.stringify(text)}`);
  assert.deepEqual(
    read.map(({ value }) => value),
    documents?.map((document) => document.toJS() as Json),
    JSON.stringify(text),
  );
  for (const [index, { value, contentStart }] of read.entries()) {
    const contents = documents?.[index]?.contents;
    assert.equal(contentStart, contents?.range[0]);
    comparePlaces(contents, value, marks);
  }
  return true;
}

const manifest = `# Source: chart/web.yaml
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: {app: "web", "a/b": 'it''s'}, annotations: {} }
spec:
  replicas: 3   # three
  template:
    spec:
      containers:
      - name: web
        image: "registry.example.com/web:1.4.2"
        args: [--port=80, "-v", 'x', 10, -1, 0x1f, 1e3, true, ~]
        command:
        - sh
        - -c
        - |
          set -e
            echo "a: b" # c

          exec web
        - >-
          folded
          text

          more
            further
          end
      - name: side
        env:
          - {name: A, value: "1"}
          -
            name: B
            value: plain text
              that goes on

              here
        ports: []
  description: "double
    quoted \\
    text \\"x\\""
  empty:
  last: ''
---

kind: List
items:
- - a
  - b: 1
    c: 2
- 1.5
...
`;

test('a manifest of every style is read, in values and places', () => {
  assert.equal(compareReaders(manifest.replace('...\n', '')), true);
  assert.equal(compareReaders(JSON.stringify({ a: [1, { b: 'c', d: null }], e: { f: [] } }, undefined, 2)), true);
});

test('what is not plain is left to the complete parser', () => {
  for (const text of [
    'a: &x 1\nb: *x\n',
    'a: !!str 1\n',
    '<<: {a: 1}\n',
    '%YAML 1.1\n---\na: 1\n',
    '? a\n: b\n',
    'a: 1\na: 2\n',
    '__proto__: 1\n',
    'a:\t1\n',
    'a: 1\r\nb: 2\r\n',
    'a: b: c\n',
    'a: 1\n  b: 2\n',
    'a: |2\n   x\n',
    'a: "\\x41"\n',
    'true: 1\n',
    '[a: b]\n',
    `${'['.repeat(20_000)}\n`,
  ])
    assert.equal(readPlainYaml(text, { resolve }), undefined, text);
});

/** Pieces of lines, to be put together in every way. */
const pieces = [
  'a b:_ c: -_ - _ __ ____ # _#_y " \' "q" \'s\' [ ] { } ,_ , : | > |- >+ --- ... ~ true 1 0o7 -1.5 .5 1_0 null \\ \\n',
  '*a &a_ ! ? % @ ` é \n \n \n__ \n-_ \n__-_ \n____ \n\n \n---\n \t',
].flatMap((text) => text.split(' ').map((piece) => piece.replaceAll('_', ' ')));
const lines = fc.array(fc.constantFrom(...pieces), { maxLength: 14 }).map((parts) => parts.join(''));
/** The manifest with something taken out and something put in. */
const edited = fc
  .tuple(fc.nat(manifest.length), fc.nat(12), fc.array(fc.constantFrom(...pieces), { maxLength: 2 }))
  .map(([at, taken, put]) => manifest.slice(0, at) + put.join('') + manifest.slice(at + taken));

test('a text is read as the complete parser reads it, or not at all', () => {
  let read = 0;
  const runs = Number(process.env.YAML_RUNS ?? 1_500);
  fc.assert(
    fc.property(fc.oneof(lines, edited), (text) => {
      if (compareReaders(text)) read += 1;
    }),
    { numRuns: runs },
  );
  assert.ok(read > runs / 20, `${read} of ${runs} were read`);
});
