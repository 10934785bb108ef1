/** Whatever happens to the files, what is intact is given back in order, and what is not is confessed. */
import assert from 'node:assert/strict';
import { readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import * as fc from 'fast-check';
import {
  copyDirectory,
  numberedBody,
  numberOf,
  openTestSpool,
  replayAll,
  segmentFiles,
  temporaryDirectory,
} from './spool-fixture.ts';

/** A spool of `count` messages as a kill would leave it. Sequence n holds body n. */
async function killedSpool(count: number): Promise<{ readonly path: string; remove(): Promise<void>; epoch: string }> {
  const directory = await temporaryDirectory();
  const { spool } = await openTestSpool(directory.path);
  for (let i = 1; i <= count; i++) await spool.append([numberedBody(i, 100 + ((i * 397) % 1400))]);
  const copy = await copyDirectory(directory.path);
  const { epoch } = spool;
  await spool.close();
  await directory.remove();
  return { ...copy, epoch };
}

/**
 * Opens a damaged spool, for a collector that has recorded some of it, and checks everything that must hold of it. Returns
 * the sequences that were lost.
 */
async function checkRecovered(path: string, count: number, recorded = 0): Promise<number[]> {
  const { spool, losses } = await openTestSpool(path);
  await spool.welcomed(recorded);
  const replayed = await replayAll(spool);
  const original = replayed.filter(({ message }) => message.body.type === 'audit');
  for (const { sequence, message } of original) assert.equal(numberOf(message), sequence, 'a message keeps its number');
  const sequences = replayed.map(({ sequence }) => sequence);
  assert.deepEqual(
    sequences,
    [...sequences].sort((a, b) => a - b),
    'in order',
  );
  assert.equal(new Set(sequences).size, sequences.length, 'no sequence twice');
  const stamps = replayed.map(({ message }) => message.observedAtUs);
  assert.ok(
    stamps.every((stamp, i) => i === 0 || stamp > stamps[i - 1]!),
    'stamps ascend',
  );
  const held = new Set(original.map(({ sequence }) => sequence));
  const lost = Array.from({ length: count }, (_, i) => i + 1).filter((sequence) => !held.has(sequence));
  const gaps = replayed.flatMap(({ message }) => (message.body.type === 'gap' ? [message.body] : []));
  const confessed = gaps.flatMap((gap) => range(gap.fromSequence, gap.toSequence));
  assert.deepEqual(
    confessed.sort((a, b) => a - b),
    lost.filter((sequence) => sequence > recorded),
    'everything lost that the collector lacks is confessed, once, and nothing else',
  );
  assert.equal(spool.firstLost(0), lost[0]);
  assert.ok(gaps.every((gap) => gap.cause === 'spool_damage'));
  assert.deepEqual(
    losses.flatMap((loss) => range(loss.fromSequence, loss.toSequence)),
    lost,
  );
  const appended = await spool.append([numberedBody(0)]);
  assert.equal(appended.firstSequence, Math.max(count, ...sequences) + 1, 'no sequence is given out again');
  await spool.close();
  const again = await openTestSpool(path);
  assert.deepEqual(again.losses, [], 'damage is confessed once');
  assert.deepEqual(
    (await replayAll(again.spool)).map(({ sequence }) => sequence),
    [...sequences, appended.firstSequence],
  );
  await again.spool.close();
  return lost;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

type Fault =
  | { readonly type: 'flip'; readonly at: number; readonly length: number }
  | { readonly type: 'truncate'; readonly at: number }
  | { readonly type: 'zero'; readonly at: number; readonly length: number }
  | { readonly type: 'unlink'; readonly segment: number }
  | { readonly type: 'append'; readonly length: number };

const position = fc.double({ min: 0, max: 0.999999, noNaN: true });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ type: fc.constant('flip' as const), at: position, length: fc.integer({ min: 1, max: 64 }) }),
  fc.record({ type: fc.constant('truncate' as const), at: position }),
  fc.record({ type: fc.constant('zero' as const), at: position, length: fc.integer({ min: 1, max: 5000 }) }),
  fc.record({ type: fc.constant('unlink' as const), segment: position }),
  fc.record({ type: fc.constant('append' as const), length: fc.integer({ min: 1, max: 300 }) }),
);

/** Applies a fault at a place of the segments laid end to end. */
async function inflict(path: string, epoch: string, given: Fault): Promise<void> {
  const files = await segmentFiles(path, epoch);
  if (files.length === 0) return;
  if (given.type === 'unlink') return unlink(files[Math.floor(given.segment * files.length)]!);
  if (given.type === 'append') {
    return writeFile(files.at(-1)!, Buffer.alloc(given.length, 0x44), { flag: 'a' });
  }
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  let offset = Math.floor(given.at * sizes.reduce((a, b) => a + b, 0));
  let i = 0;
  while (offset >= sizes[i]!) offset -= sizes[i++]!;
  if (given.type === 'truncate') return truncate(files[i]!, offset);
  const bytes = await readFile(files[i]!);
  const end = Math.min(bytes.length, offset + given.length);
  for (let at = offset; at < end; at++) bytes[at] = given.type === 'zero' ? 0 : bytes[at]! ^ 0x5a;
  await writeFile(files[i]!, bytes);
}

it('an undamaged spool loses and confesses nothing', async () => {
  const killed = await killedSpool(12);
  assert.deepEqual(await checkRecovered(killed.path, 12), []);
  await killed.remove();
});

it('whatever is flipped, cut, zeroed or missing, the rest is intact and the loss is confessed exactly', async () => {
  const killed = await killedSpool(24);
  let damaged = 0;
  const arbitraries = [fc.array(fault, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 24 })] as const;
  const property = fc.asyncProperty(...arbitraries, async (faults, recorded) => {
    const copy = await copyDirectory(killed.path);
    for (const given of faults) await inflict(copy.path, killed.epoch, given);
    if ((await checkRecovered(copy.path, 24, recorded)).length > 0) damaged += 1;
    await copy.remove();
  });
  await fc.assert(property, { numRuns: 120 });
  assert.ok(damaged > 60, `the faults do damage (${damaged} of 120 runs)`);
  await killed.remove();
});

it('a write torn at any byte is cut off, and what was acknowledged before it stays', async () => {
  const directory = await temporaryDirectory();
  const { spool } = await openTestSpool(directory.path);
  await spool.append([numberedBody(1, 200)]);
  const before = await copyDirectory(directory.path);
  await spool.append([numberedBody(2, 200)]);
  const [file] = await segmentFiles(directory.path, spool.epoch);
  const whole = await readFile(file!);
  const [short] = await segmentFiles(before.path, spool.epoch);
  const durable = (await stat(short!)).size;
  for (let length = durable + 1; length < whole.length; length += 7) {
    const torn = await copyDirectory(before.path);
    const [path] = await segmentFiles(torn.path, spool.epoch);
    await writeFile(path!, whole.subarray(0, length));
    assert.deepEqual(await checkRecovered(torn.path, 1), []);
    await torn.remove();
  }
  await spool.close();
  await Promise.all([directory.remove(), before.remove()]);
});

it('one slot of the mark torn: the other one still tells how far the log went', async () => {
  for (const slot of [0, 512]) {
    const killed = await killedSpool(6);
    const path = join(killed.path, killed.epoch, 'mark');
    const bytes = await readFile(path);
    bytes.fill(0xff, slot, slot + 64);
    await writeFile(path, bytes);
    assert.deepEqual(await checkRecovered(killed.path, 6), []);
    await killed.remove();
  }
});

it('without its mark, a spool gives back everything that is intact', async () => {
  const killed = await killedSpool(10);
  await unlink(join(killed.path, killed.epoch, 'mark'));
  assert.deepEqual(await checkRecovered(killed.path, 10), []);
  await killed.remove();
});

it('bytes in a payload that look like a record are not taken for one', async () => {
  const directory = await temporaryDirectory();
  const { spool } = await openTestSpool(directory.path);
  await spool.append([numberedBody(1, 500)]);
  const { epoch } = spool;
  await spool.close();
  const other = await temporaryDirectory();
  const { spool: stranger } = await openTestSpool(other.path);
  await stranger.append([numberedBody(99)]);
  const [foreign] = await segmentFiles(other.path, stranger.epoch);
  const record = (await readFile(foreign!)).subarray(40);
  await stranger.close();
  const [file] = await segmentFiles(directory.path, epoch);
  const bytes = await readFile(file!);
  bytes[60] = bytes[60]! ^ 1;
  record.copy(bytes, 200);
  await writeFile(file!, bytes);
  assert.deepEqual(await checkRecovered(directory.path, 1), [1]);
  await Promise.all([directory.remove(), other.remove()]);
});
