import assert from 'node:assert/strict';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Batch } from '@driftline/proto';
import { abandonEpoch } from './open-spool.ts';
import { openSegmentFile } from './segment-log.ts';
import type { OpenSegmentFile } from './segment-log.ts';
import {
  copyDirectory,
  numberedBody,
  numberOf,
  openTestSpool,
  replayAll,
  segmentFiles,
  smallLimits,
  temporaryDirectory,
  until,
} from './spool-fixture.ts';

/** Without the type of the bytes. */
const plain = (batch: Batch): object => ({ ...batch, payload: Buffer.from(batch.payload).toString('base64') });

describe('spool', () => {
  it('numbers messages without gaps and gives them back after a restart', async () => {
    const directory = await temporaryDirectory();
    const { spool } = await openTestSpool(directory.path);
    assert.deepEqual(await spool.append([numberedBody(0), numberedBody(1)]), { firstSequence: 1, lastSequence: 2 });
    assert.deepEqual(await spool.append([numberedBody(2)]), { firstSequence: 3, lastSequence: 3 });
    const { epoch } = spool;
    await spool.close();
    const again = await openTestSpool(directory.path);
    assert.equal(again.spool.epoch, epoch);
    assert.deepEqual(
      (await replayAll(again.spool)).map(({ sequence, message }) => [sequence, numberOf(message)]),
      [
        [1, 0],
        [2, 1],
        [3, 2],
      ],
    );
    assert.deepEqual(await again.spool.append([numberedBody(3)]), { firstSequence: 4, lastSequence: 4 });
    assert.deepEqual(again.losses, []);
    await again.spool.close();
    await directory.remove();
  });

  it('makes one batch of the bodies that arrive together, and keeps its bytes for ever', async () => {
    const directory = await temporaryDirectory();
    const { spool } = await openTestSpool(directory.path);
    await Promise.all([0, 1, 2].map((number) => spool.append([numberedBody(number, 200)])));
    const first = await readOne(spool.read(2, AbortSignal.timeout(120_000)));
    assert.deepEqual([first.firstSequence, first.lastSequence], [1, 3]);
    await spool.close();
    const again = await openTestSpool(directory.path);
    const second = await readOne(again.spool.read(1, AbortSignal.timeout(120_000)));
    assert.deepEqual(second, first);
    await again.spool.close();
    await directory.remove();
  });

  it('a reader that waits at the end has each batch of an append as the disk has it', async () => {
    const directory = await temporaryDirectory();
    const limits = { ...smallLimits, batchMaxBytes: 600, segmentBytes: 1024 * 1024 };
    const { spool } = await openTestSpool(directory.path, { limits });
    const reading = new AbortController();
    const live: Batch[] = [];
    const reader = (async () => {
      for await (const batch of spool.read(1, reading.signal)) live.push(batch);
    })();
    for (let from = 0; from < 40; from += 8) {
      const bodies = Array.from({ length: 8 }, (_, i) => numberedBody(from + i, 200));
      const { lastSequence } = await spool.append(bodies);
      await until(() => live.at(-1)?.lastSequence === lastSequence, `batch up to ${lastSequence}`);
    }
    reading.abort();
    await reader;
    assert.ok(live.length >= 20, 'several batches in each append');
    await spool.close();
    const again = await openTestSpool(directory.path);
    const stored: Batch[] = [];
    const rereading = new AbortController();
    for await (const batch of again.spool.read(1, rereading.signal)) {
      stored.push(batch);
      if (batch.lastSequence === 40) rereading.abort();
    }
    assert.deepEqual(live.map(plain), stored.map(plain));
    await again.spool.close();
    await directory.remove();
  });

  it('stamps never run backwards, whatever the clock and restarts do', async () => {
    const directory = await temporaryDirectory();
    let nowUs = 5_000_000;
    const clock = { nowUs: () => nowUs };
    const { spool } = await openTestSpool(directory.path, { clock });
    await spool.append([numberedBody(0)]);
    nowUs -= 3_600_000_000;
    await spool.append([numberedBody(1)]);
    await spool.close();
    const again = await openTestSpool(directory.path, { clock });
    await again.spool.append([numberedBody(2)]);
    const stamps = (await replayAll(again.spool)).map(({ message }) => message.observedAtUs);
    assert.deepEqual(stamps, [5_000_000, 5_000_001, 5_000_002]);
    await again.spool.close();
    await directory.remove();
  });

  it('reading follows what is appended, across segments', async () => {
    const directory = await temporaryDirectory();
    const { spool } = await openTestSpool(directory.path);
    const stop = new AbortController();
    const seen: number[] = [];
    const reading = (async () => {
      for await (const batch of spool.read(1, stop.signal)) seen.push(batch.firstSequence, batch.lastSequence);
    })();
    for (let i = 0; i < 12; i++) await spool.append([numberedBody(i, 1500)]);
    while (seen.at(-1) !== 12) await new Promise((resolve) => setTimeout(resolve, 2));
    stop.abort();
    await reading;
    assert.ok((await segmentFiles(directory.path, spool.epoch)).length > 2, 'the test spans segments');
    for (let i = 2; i < seen.length; i += 2) assert.equal(seen[i], seen[i - 1]! + 1);
    await spool.close();
    await directory.remove();
  });

  it('keeps messages until they are recorded and applied, then deletes their segments', async () => {
    const directory = await temporaryDirectory();
    const { spool } = await openTestSpool(directory.path);
    for (let i = 0; i < 20; i++) await spool.append([numberedBody(i, 1500)]);
    const before = spool.position().bytes;
    spool.acknowledge({ acceptedSequence: 20, recordedSequence: 20 });
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(spool.position().bytes, before);
    spool.applied(15);
    await until(() => spool.position().bytes < before / 2, 'the segments are deleted');
    assert.ok(spool.firstHeld(1) > 10 && spool.firstHeld(1) <= 16);
    await spool.close();
    const again = await openTestSpool(directory.path);
    assert.deepEqual(again.losses, []);
    assert.equal(again.spool.position().recordedSequence, 20);
    assert.deepEqual(await again.spool.append([numberedBody(20)]), { firstSequence: 21, lastSequence: 21 });
    await again.spool.close();
    await directory.remove();
  });

  it('when full, holds producers back first, then evicts the oldest and confesses exactly what is gone', async () => {
    const directory = await temporaryDirectory();
    const limits = { ...smallLimits, spoolLimitBytes: 32 * 1024 };
    const { spool, losses } = await openTestSpool(directory.path, { limits });
    const startedAtMs = performance.now();
    for (let i = 0; i < 60; i++) {
      const { lastSequence } = await spool.append([numberedBody(i, 1500)]);
      spool.applied(lastSequence);
    }
    assert.ok(performance.now() - startedAtMs >= smallLimits.spoolFullWaitMs, 'backpressure came first');
    assert.ok(spool.position().bytes <= limits.spoolLimitBytes + 4096);
    const replayed = await replayAll(spool);
    const held = new Set(replayed.map(({ sequence }) => sequence));
    const lost = [...Array(spool.position().lastSequence).keys()].map((i) => i + 1).filter((s) => !held.has(s));
    assert.ok(lost.length > 10);
    const confessed = new Set(losses.flatMap((loss) => sequencesOf(loss)));
    assert.deepEqual([...confessed].sort(ascending), lost);
    // Whose acknowledgement of the first five was lost.
    await spool.welcomed(5);
    await spool.welcomed(5);
    const gaps = (await replayAll(spool)).flatMap(({ message: { body } }) => (body.type === 'gap' ? [body] : []));
    assert.deepEqual(
      gaps.map(({ cause, fromSequence, toSequence }) => ({ cause, fromSequence, toSequence })),
      [{ cause: 'spool_full', fromSequence: 6, toSequence: lost.at(-1) }],
      'an eviction is confessed once',
    );
    assert.ok((gaps[0]?.toUs ?? 0) >= (gaps[0]?.fromUs ?? 0) && (gaps[0]?.fromUs ?? 0) > 0, 'with its times');
    await spool.close();
    const again = await openTestSpool(directory.path, { limits });
    assert.deepEqual(again.losses, []);
    await again.spool.welcomed(lost.at(-1) ?? 0);
    assert.deepEqual(again.losses, [], 'the collector has taken what was held');
    await again.spool.close();
    await directory.remove();
  });

  it('never evicts what the known objects have not taken over', async () => {
    const directory = await temporaryDirectory();
    const limits = { ...smallLimits, spoolLimitBytes: 16 * 1024 };
    const { spool, losses } = await openTestSpool(directory.path, { limits });
    let appended = 0;
    const appending = (async () => {
      for (let i = 0; i < 20; i++) appended = (await spool.append([numberedBody(i, 1500)])).lastSequence;
    })();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(appended < 20);
    assert.deepEqual(losses, []);
    const applying = setInterval(() => spool.applied(spool.position().lastSequence), 5);
    await appending;
    clearInterval(applying);
    assert.ok(losses.length > 0);
    await spool.close();
    await directory.remove();
  });

  it('a full disk delays appends, answers none of them early, and loses nothing', async () => {
    const directory = await temporaryDirectory();
    let isFull = false;
    const openFile: OpenSegmentFile = async (path, flags) => {
      const file = await openSegmentFile(path, flags);
      return {
        async write(bytes, offset, length, position) {
          if (!isFull) return file.write(bytes, offset, length, position);
          await file.write(bytes, offset, Math.floor(length / 2), position);
          throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        },
        datasync: () => file.datasync(),
        truncate: (bytes) => file.truncate(bytes),
        close: () => file.close(),
      };
    };
    const { spool } = await openTestSpool(directory.path, { openFile });
    await spool.append([numberedBody(0)]);
    isFull = true;
    let isAnswered = false;
    const waiting = spool.append([numberedBody(1), numberedBody(2)]).finally(() => (isAnswered = true));
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(isAnswered, false);
    const killed = await copyDirectory(directory.path);
    isFull = false;
    assert.deepEqual(await waiting, { firstSequence: 2, lastSequence: 3 });
    await spool.close();
    const again = await openTestSpool(directory.path);
    assert.deepEqual(
      (await replayAll(again.spool)).map(({ message }) => numberOf(message)),
      [0, 1, 2],
    );
    assert.deepEqual(again.losses, []);
    await again.spool.close();
    const afterKill = await openTestSpool(killed.path);
    assert.deepEqual(
      (await replayAll(afterKill.spool)).map(({ message }) => numberOf(message)),
      [0],
    );
    assert.deepEqual(afterKill.losses, []);
    await afterKill.spool.close();
    await Promise.all([directory.remove(), killed.remove()]);
  });

  it('closing while the disk is full rejects what was not promised', async () => {
    const directory = await temporaryDirectory();
    let isFull = false;
    const openFile: OpenSegmentFile = async (path, flags) => {
      if (isFull) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      return openSegmentFile(path, flags);
    };
    isFull = true;
    const { spool } = await openTestSpool(directory.path, { openFile });
    const waiting = assert.rejects(spool.append([numberedBody(0)]), { code: 'closed' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await spool.close();
    await waiting;
    await assert.rejects(spool.append([numberedBody(1)]), { code: 'closed' });
    await directory.remove();
  });

  it('a second agent on the same directory is refused with the holder named', async () => {
    const directory = await temporaryDirectory();
    const { spool } = await openTestSpool(directory.path);
    await assert.rejects(openTestSpool(directory.path), (error: Error & { code: string }) => {
      assert.equal(error.code, 'locked');
      assert.match(error.message, new RegExp(`"pid":${process.pid}`));
      return true;
    });
    await spool.close();
    const { spool: next } = await openTestSpool(directory.path);
    await next.close();
    await directory.remove();
  });

  it('a new epoch starts from 1 and says what of the old one will never be sent', async () => {
    const directory = await temporaryDirectory();
    const { spool } = await openTestSpool(directory.path);
    await spool.append([numberedBody(0), numberedBody(1)]);
    const old = spool.epoch;
    await spool.close();
    await abandonEpoch(directory.path, { fromSequence: 1, toSequence: 2, reason: 'the collector has more' });
    const { spool: next } = await openTestSpool(directory.path);
    assert.notEqual(next.epoch, old);
    const [gap] = await replayAll(next);
    assert.ok(gap?.sequence === 1 && gap.message.body.type === 'gap');
    assert.match(gap.message.body.detail, new RegExp(`${old}.*messages 1–2`));
    await next.close();
    await directory.remove();
  });

  it('an unreadable epoch file is an error that says what to do, not a new identity', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'epoch.json'), '{"version":1,"epoch":"../../etc"}');
    await assert.rejects(openTestSpool(directory.path), { code: 'unusable' });
    await directory.remove();
  });

  it('a body that no batch can carry becomes a rejection and blocks nothing', async () => {
    const directory = await temporaryDirectory();
    const { spool } = await openTestSpool(directory.path);
    const huge = { type: 'audit', digest: 'x', event: 'x'.repeat(9 * 1024 * 1024), source: 'log' } as const;
    const unencodable = { ...numberedBody(1), event: undefined as unknown as string } as never;
    await spool.append([numberedBody(0), huge, unencodable, numberedBody(2)]);
    const types = (await replayAll(spool)).map(({ message }) => message.body.type);
    assert.deepEqual([types[0], types[1], types[3]], ['audit', 'rejected', 'audit']);
    assert.equal(types.length, 4);
    await spool.close();
    await directory.remove();
  });

  it('damage found while reading is confessed and reading goes on after it', async () => {
    const directory = await temporaryDirectory();
    const { spool, losses } = await openTestSpool(directory.path);
    for (let i = 0; i < 6; i++) await spool.append([numberedBody(i, 1500)]);
    const [first] = await segmentFiles(directory.path, spool.epoch);
    const bytes = await readFile(first!);
    const file = await open(first!, 'r+');
    await file.write(Buffer.from([bytes[300]! ^ 0xff]), 0, 1, 300);
    await file.close();
    const replayed = await replayAll(spool);
    assert.deepEqual(
      replayed.map(({ sequence }) => sequence),
      [2, 3, 4, 5, 6],
    );
    assert.deepEqual(losses, [{ fromSequence: 1, toSequence: 1, cause: 'spool_damage' }]);
    assert.equal(spool.firstHeld(1), 2);
    await spool.welcomed(0);
    const last = (await replayAll(spool)).at(-1)?.message.body;
    assert.ok(last?.type === 'gap' && last.cause === 'spool_damage' && last.toSequence === 1);
    await spool.close();
    await directory.remove();
  });
});

async function readOne<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item;
  throw new Error('nothing was read');
}

const sequencesOf = (range: { readonly fromSequence: number; readonly toSequence: number }): number[] =>
  Array.from({ length: range.toSequence - range.fromSequence + 1 }, (_, i) => range.fromSequence + i);

const ascending = (a: number, b: number): number => a - b;
