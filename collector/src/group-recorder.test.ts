import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRows } from './batch-rows.ts';
import { createGroupRecorder, defaultGroupLimits } from './group-recorder.ts';
import type { AuditRow, RecordedBatch } from './timeline/rows.ts';
import type { RefusedStream } from './timeline/timeline.ts';

const batch = (sequence: number, cluster = 'east'): RecordedBatch =>
  openRows(
    { tenant: 'default', cluster, epoch: 'e1' },
    { firstSequence: sequence, lastSequence: sequence, afterOwn: 0 },
  );
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A writer whose calls are answered by hand. */
const heldWriter = () => {
  const calls: { readonly sequences: number[]; readonly answer: PromiseWithResolvers<readonly RefusedStream[]> }[] = [];
  return {
    calls,
    record: (batches: readonly RecordedBatch[]) => {
      const answer = Promise.withResolvers<readonly RefusedStream[]>();
      calls.push({ sequences: batches.map(({ firstSequence }) => firstSequence), answer });
      return answer.promise;
    },
  };
};

test('groups go to the writer in order, two under way at most, and what comes meanwhile shares the next', async () => {
  const writer = heldWriter();
  const recorder = createGroupRecorder(writer, { ...defaultGroupLimits, groupsUnderWay: 2 });
  const durable: number[] = [];
  const record = (sequence: number): void => void recorder.record(batch(sequence)).then(() => durable.push(sequence));
  for (const sequence of [1, 2, 3, 4, 5]) {
    record(sequence);
    await turn();
  }
  assert.deepEqual(
    writer.calls.map(({ sequences }) => sequences),
    [[1], [2]],
  );
  writer.calls[0]?.answer.resolve([]);
  await turn();
  assert.deepEqual(writer.calls[2]?.sequences, [3, 4, 5]);
  assert.deepEqual(durable, [1]);
  for (const { answer } of writer.calls) answer.resolve([]);
  await recorder.idle();
  await turn();
  assert.deepEqual(durable, [1, 2, 3, 4, 5]);
});

test('beside a group under way another begins when nothing follows, or when it is worth an insert', async () => {
  const writer = heldWriter();
  const recorder = createGroupRecorder(writer, { ...defaultGroupLimits, groupsUnderWay: 2, groupWorthCharacters: 10 });
  const sequences = (): readonly (readonly number[])[] => writer.calls.map((call) => call.sequences);
  const record = async (sequence: number, isFollowed: boolean, event = ''): Promise<void> => {
    const rows = { ...batch(sequence), audits: [{ event } as AuditRow] };
    recorder.record(rows, isFollowed).catch(assert.fail);
    await turn();
  };
  await record(1, true);
  await record(2, true);
  assert.deepEqual(sequences(), [[1]]);
  await record(3, true, 'ten letters');
  assert.deepEqual(sequences(), [[1], [2, 3]]);
  await record(4, true);
  writer.calls[0]?.answer.resolve([]);
  await turn();
  assert.deepEqual(sequences(), [[1], [2, 3]]);
  writer.calls[1]?.answer.resolve([]);
  await turn();
  assert.deepEqual(sequences(), [[1], [2, 3], [4]]);
  await record(5, true);
  await record(6, false);
  assert.deepEqual(sequences(), [[1], [2, 3], [4], [5, 6]]);
  for (const { answer } of writer.calls) answer.resolve([]);
  await recorder.idle();
});

test('a refused stream fails its own batches, a broken writer all that follow', async () => {
  const writer = heldWriter();
  const recorder = createGroupRecorder(writer, { ...defaultGroupLimits, groupsUnderWay: 1 });
  const outcomes = Promise.allSettled([recorder.record(batch(1)), recorder.record(batch(1, 'west'))]);
  await turn();
  writer.calls[0]?.answer.resolve([{ stream: batch(1).stream, error: new Error('does not continue') }]);
  const [refused, recorded] = await outcomes;
  assert.equal(refused.status === 'rejected' && refused.reason.code, 'stream-refused');
  assert.equal(recorded.status, 'fulfilled');
  const broken = recorder.record(batch(2, 'west'));
  await turn();
  writer.calls[1]?.answer.reject(new Error('closed'));
  await assert.rejects(broken, /closed/);
  await assert.rejects(recorder.record(batch(3, 'west')), /closed/);
  assert.equal(writer.calls.length, 2);
});
