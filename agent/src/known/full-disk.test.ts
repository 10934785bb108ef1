/** The known objects on a disk that is full for a while: really full, by the kernel's limit on this process's files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Known, type KnownChange, openKnown } from './known.ts';
import { packForm, unpackForm } from './packed-form.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftline-known-'));
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

/** No file can grow beyond so many bytes. */
function limitFileSize(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`]);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((next) => setTimeout(next, 2));
}

const placeOf = (name: string) => ({ namespace: 'shop', name });

function change(name: string, value: number | undefined): KnownChange {
  if (value === undefined) return placeOf(name);
  const packed = packForm({ canonical: `${value}`, owners: '' });
  const versions = { apiVersion: 'v1', resourceVersion: '1', contentHash: `hash of ${value}` };
  return { ...placeOf(name), object: { uid: name, ...versions, packed } };
}

/** What `get` knows of each. */
function read(known: Known): Record<string, number> {
  const kind = known.kind('', 'pods');
  const found = ['a', 'b', 'c', 'd'].flatMap((name) => {
    const object = kind.get(placeOf(name));
    return object === undefined ? [] : [[name, Number(unpackForm(object.packed).canonical)] as const];
  });
  return Object.fromEntries(found);
}

const members = (known: Known): readonly string[] =>
  [...known.kind('', 'pods').members()].map(({ name }) => name).sort();

test('a full disk: what is known stays whole, nothing more is taken, and it goes on when there is room', async () => {
  const path = join(folder, 'known.db');
  const troubles: boolean[] = [];
  const limits = { commitIntervalMs: 3, retryMs: 3 };
  const onTrouble = (error: unknown): void => void troubles.push(error !== undefined);
  const known = openKnown({ path, epoch: 'e', limits, onTrouble });
  const kind = known.kind('', 'pods');
  let sequence = 0;
  const put = (name: string, value: number | undefined): void => {
    sequence += 1;
    kind.stage({
      changes: [change(name, value)],
      durable: Promise.resolve({ firstSequence: sequence, lastSequence: sequence }),
    });
  };
  put('a', 0);
  put('b', 0);
  await kind.flush();
  for (let round = 1; round <= 4; round++) {
    const { appliedSequence, releasable } = { appliedSequence: sequence, releasable: known.releasable(sequence) };
    assert.equal(releasable, sequence);
    limitFileSize(1);
    try {
      put('a', round);
      put('b', round % 2 === 0 ? round : undefined);
      await until(() => known.trouble() !== undefined);
      put('c', round);
      known.kind('', `kind-${round}`).stage({ progress: { seenVersion: '7' } });
      const now = { a: round, ...(round % 2 === 0 ? { b: round } : {}), c: round };
      assert.deepEqual(read(known), now);
      assert.deepEqual(members(known), Object.keys(now));
      assert.equal(known.appliedSequence(), appliedSequence, 'nothing is promised');
      assert.equal(known.releasable(sequence), appliedSequence, 'the spool keeps what is not committed');
    } finally {
      limitFileSize('unlimited');
    }
    await kind.blocked();
    assert.equal(known.trouble(), undefined);
    await kind.flush();
    assert.equal(known.appliedSequence(), sequence);
  }
  assert.deepEqual(troubles, [true, false, true, false, true, false, true, false]);
  put('b', undefined);
  await known.close();
  const again = openKnown({ path, epoch: 'e' });
  assert.deepEqual([read(again), members(again)], [{ a: 4, c: 4 }, ['a', 'c']]);
  assert.equal(again.kinds().length, 5);
  await again.close();
});

test('a full disk at the start or at the end is no reason to begin anew', async () => {
  const path = join(folder, 'kept.db');
  const known = openKnown({ path, epoch: 'e', limits: { closeWaitMs: 1 } });
  const durable = Promise.resolve({ firstSequence: 1, lastSequence: 1 });
  known.kind('', 'pods').stage({ changes: [change('a', 1)], durable });
  await known.kind('', 'pods').flush();
  limitFileSize(1);
  try {
    known
      .kind('', 'pods')
      .stage({ changes: [change('a', 2)], durable: Promise.resolve({ firstSequence: 2, lastSequence: 2 }) });
    await known.close();
    assert.throws(() => openKnown({ path: join(folder, 'new.db'), epoch: 'e' }));
  } finally {
    limitFileSize('unlimited');
  }
  assert.ok(existsSync(path));
  const again = openKnown({ path, epoch: 'e' });
  assert.deepEqual([read(again), again.appliedSequence(), again.problem], [{ a: 1 }, 1, undefined]);
  await again.close();
});
