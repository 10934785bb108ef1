import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { KubeError } from './kube-error.ts';
import { readLines } from './line-reader.ts';
import { type ListPart, readList } from './list-reader.ts';

async function* chunked(text: string, sizes: readonly number[]): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function collect(text: string, sizes: readonly number[], maxItemBytes = 1e6): Promise<ListPart[]> {
  const parts: ListPart[] = [];
  for await (const batch of readList(chunked(text, sizes), maxItemBytes)) parts.push(...batch);
  return parts;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });
const spaced = fc.constantFrom(0, 2);

test('any list document, cut anywhere, gives its items and its envelope', async () => {
  const envelope = fc.record({
    metadata: fc.dictionary(fc.constantFrom('resourceVersion', 'items', 'continue'), fc.jsonValue()),
    before: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2 }),
    after: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(
      envelope,
      fc.array(fc.jsonValue(), { maxLength: 6 }),
      sizes,
      spaced,
      async (around, items, cut, space) => {
        const { items: _a, ...before } = around.before;
        const { items: _b, ...after } = around.after;
        const document = { ...before, metadata: around.metadata, items, ...after };
        const parts = await collect(JSON.stringify(document, undefined, space), cut);
        const found = parts.flatMap((part) => (part.type === 'item' ? [JSON.parse(part.bytes.toString())] : []));
        const rest = parts.at(-1);
        assert.deepEqual(found, JSON.parse(JSON.stringify(items)));
        assert.deepEqual(rest, { type: 'envelope', json: JSON.parse(JSON.stringify({ ...document, items: [] })) });
      },
    ),
    { numRuns: 300 },
  );
});

test('a list that ends early is malformed, never a shorter list', async () => {
  const text = JSON.stringify({ kind: 'PodList', items: [{ a: 1 }, { b: '}' }], metadata: { resourceVersion: '7' } });
  for (let cut = 0; cut < text.length; cut++) {
    await assert.rejects(
      collect(text.slice(0, cut), [7]),
      (error) => error instanceof KubeError && error.code === 'malformed',
    );
  }
});

test('an item beyond the limit is told by its size and the items around it survive', async () => {
  const text = JSON.stringify({ items: [{ a: 1 }, { big: 'x'.repeat(500) }, { c: 3 }], metadata: {} });
  const parts = await collect(text, [13], 100);
  assert.deepEqual(
    parts.map((part) => part.type),
    ['item', 'oversized', 'item', 'envelope'],
  );
});

test('lines survive any cut; what follows the last newline is dropped', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ minLength: 1 }).map((s) => JSON.stringify(s))), sizes, async (lines, cut) => {
      const found: string[] = [];
      for await (const batch of readLines(chunked(`${lines.map((line) => `${line}\n`).join('')}cut off`, cut), 1e6)) {
        found.push(...batch.lines.map(String));
      }
      assert.deepEqual(found, lines);
    }),
  );
});

test('a line beyond the limit is skipped and its size told', async () => {
  const found: string[] = [];
  let oversized = 0;
  for await (const batch of readLines(chunked(`one\n${'x'.repeat(300)}\ntwo\n`, [64]), 100)) {
    found.push(...batch.lines.map(String));
    oversized += batch.oversizedBytes;
  }
  assert.deepEqual(found, ['one', 'two']);
  assert.equal(oversized, 300);
});
