import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { verifyChain } from '../chain/verify-chain.ts';
import { createVersionSource } from '../measure/realistic-versions.ts';
import { timelineRecovery } from '../recovery/clickhouse-timeline-recovery.ts';
import type { RecordedBatch, StreamId, VersionRow } from '../rows.ts';
import { batchesOf, sampleBatches } from '../testing/sample-batches.ts';
import { expectedContent, storedContent } from '../testing/stored-content.ts';
import { type FaultyProxy, openFaultyProxy } from '../testing/faulty-proxy.ts';
import { openTestStore, type TestStore } from '../testing/open-test-store.ts';
import { TimelineError } from '../timeline-error.ts';
import type { UnfinishedRows } from '../timeline.ts';
import {
  type ClickHouseTimelineWriter,
  openTimelineWriter,
  type TimelineWriterOptions,
} from './clickhouse-timeline-writer.ts';
import { storedRows } from './stored-row.ts';
import { tableInserts } from './table-inserts.ts';
import { recordTables } from './tables.ts';

let store: TestStore;
let proxy: FaultyProxy;
let clusters = 0;

before(async () => {
  store = await openTestStore();
  proxy = await openFaultyProxy(store.connection.url);
});
after(async () => {
  await proxy.close();
  await store.close();
});

const nowUs = () => Date.now() * 1_000;
const newStream = (): StreamId => ({ tenant: 'default', cluster: `cluster-${++clusters}`, epoch: 'e1' });

function openWriter(
  options: Partial<TimelineWriterOptions> & { throughProxy?: boolean } = {},
): Promise<ClickHouseTimelineWriter> {
  const { throughProxy = false, ...rest } = options;
  const connection = throughProxy ? { ...store.connection, url: proxy.url } : store.connection;
  return openTimelineWriter({
    connection,
    logger: store.logger,
    nowUs,
    retry: { firstBackoffMs: 2, maxBackoffMs: 30 },
    ...rest,
  });
}

async function assertRecorded(stream: StreamId, batches: readonly RecordedBatch[]): Promise<void> {
  assert.deepEqual(await storedContent(store.reader, stream), expectedContent(batches));
  const verdict = await verifyChain(store.reader, stream);
  assert.equal(verdict.verdict, 'intact', JSON.stringify(verdict));
  if (verdict.verdict === 'intact') assert.equal(verdict.batches, batches.length);
}

const noRows = {
  versions: [],
  audits: [],
  links: [],
  transitions: [],
  unjudged: [],
  posture: [],
  gaps: [],
  coverage: [],
  rejected: [],
  changeVerdicts: [],
  regressions: [],
};

const bare = (stream: StreamId, rows: readonly VersionRow[]): RecordedBatch => ({
  ...noRows,
  stream,
  firstSequence: rows[0]?.sequence ?? 0,
  lastSequence: rows.at(-1)?.sequence ?? 0,
  versions: rows,
});

const soon = () => new Promise((later) => setTimeout(later, 5));

/** How many versions of a stream are stored, committed or not. */
async function storedVersions(stream: StreamId): Promise<number> {
  const text = `SELECT count() AS n FROM resource_versions
    WHERE tenant = {tenant:String} AND cluster = {cluster:String} AND epoch = {epoch:String}`;
  const [row] = await store.reader.all<{ n: number }>({ name: 'stored versions', text }, stream);
  return row?.n ?? 0;
}

test('what was recorded is read back, whatever it holds', async () => {
  const writer = await openWriter();
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const stream = newStream();
      const batches = sampleBatches(stream, 4, seed);
      await writer.record(batches);
      await assertRecorded(stream, batches);
      assert.equal(await writer.watermark(stream), batches.at(-1)?.lastSequence);
    }),
    { numRuns: 5 },
  );
  await writer.close();
});

test('a row comes back field by field', async () => {
  const writer = await openWriter();
  const stream = newStream();
  const [row] = [createVersionSource(1_790_000_000_000_000).next(3, 1)];
  await writer.record([bare(stream, [row])]);
  const inventory = [];
  for await (const version of timelineRecovery(store.reader).inventory(stream)) inventory.push(version);
  assert.deepEqual(inventory, [{ ...row, epoch: 'e1' }]);
  await writer.close();
});

test('recorded batches are skipped, changed boundaries are refused', async () => {
  const writer = await openWriter();
  const stream = newStream();
  const batches = sampleBatches(stream, 3);
  await writer.record(batches.slice(0, 2));
  await writer.record(batches);
  await writer.record(batches);
  await assertRecorded(stream, batches);
  const last = batches.at(-1)!;
  const shifted = { ...last, lastSequence: last.lastSequence + 5 };
  const other = newStream();
  const [refused, ...others] = await writer.record([shifted, ...sampleBatches(other, 2)]);
  assert.deepEqual(refused?.stream, stream);
  assert.ok(refused.error instanceof TimelineError && refused.error.code === 'bad-batch');
  assert.deepEqual(others, []);
  // The other stream was recorded all the same; this one takes nothing more until it is loaded anew.
  assert.equal(await writer.watermark(other), sampleBatches(other, 2).at(-1)?.lastSequence);
  const next = { ...last, firstSequence: last.lastSequence + 6, lastSequence: last.lastSequence + 6, ...noRows };
  assert.equal((await writer.record([next])).length, 1);
  writer.forget(stream);
  assert.deepEqual(await writer.record([next]), []);
  await assertRecorded(stream, [...batches, next]);
  await writer.close();
});

test('an insert larger than the limit is cut into several', async () => {
  const writer = await openWriter({ maxInsertBytes: 10_000 });
  const stream = newStream();
  const source = createVersionSource(1_790_000_000_000_000);
  const batches = [1, 2, 3].map((b) =>
    bare(
      stream,
      Array.from({ length: 20 }, (_, i) => source.next(i, (b - 1) * 20 + i + 1)),
    ),
  );
  await writer.record(batches);
  await assertRecorded(stream, batches);
  await writer.close();
});

test('several calls under way keep the order of their commits', async () => {
  const writer = await openWriter({ throughProxy: true });
  const stream = newStream();
  const batches = sampleBatches(stream, 12);
  let inserts = 0;
  proxy.fault = () => (inserts++ % 3 === 0 ? 'overloaded' : 'none');
  await Promise.all(batches.map((batch) => writer.record([batch])));
  proxy.fault = () => 'none';
  await assertRecorded(stream, batches);
  await writer.close();
});

test('a later call whose rows are there first waits with its commit for the earlier one', async () => {
  const writer = await openWriter({ throughProxy: true });
  const stream = newStream();
  const first = bare(stream, [createVersionSource(1).next(1, 1)]);
  const coverage = { group: '', resource: 'pods', kind: 'Pod', state: 'watched', reason: '', observedAtUs: 5 } as const;
  let isHeld = true;
  proxy.fault = (table) => (table === 'coverage' && isHeld ? 'overloaded' : 'none');
  const recording = [
    writer.record([{ ...first, versions: [], coverage: [{ ...coverage, sequence: 1 }] }]),
    writer.record([bare(stream, [createVersionSource(1).next(1, 2)])]),
  ];
  while ((await storedVersions(stream)) !== 1) await soon();
  await new Promise((later) => setTimeout(later, 100));
  assert.deepEqual(await timelineRecovery(store.reader).epochs(stream), []);
  isHeld = false;
  await Promise.all(recording);
  assert.equal((await verifyChain(store.reader, stream)).verdict, 'intact');
  await writer.close();
});

test('crash between rows and commit: the next writer completes exactly once, in other groups', async () => {
  const stream = newStream();
  const batches = sampleBatches(stream, 6);
  const crashing = await openWriter({ throughProxy: true });
  await crashing.record(batches.slice(0, 2));
  proxy.fault = (table) => (table === 'batch_commits' ? 'cut-before' : table === 'links' ? 'overloaded' : 'none');
  const lost = assert.rejects(crashing.record(batches.slice(2, 5)), { code: 'closed' });
  const awaited = expectedContent(batches.slice(0, 5))['resource_versions']?.length;
  while ((await storedVersions(stream)) !== awaited) await soon();
  await crashing.close();
  await lost;

  const recovered = await timelineRecovery(store.reader).epochs(stream);
  assert.deepEqual(
    recovered.map(({ epoch, recordedSequence }) => [epoch, recordedSequence]),
    [['e1', batches[1]!.lastSequence]],
  );
  const next = await openWriter();
  assert.equal(await next.watermark(stream), batches[1]!.lastSequence);
  for (const batch of batches.slice(2)) await next.record([batch]);
  await assertRecorded(stream, batches);
  // Not before: what the crashed writer had sent can reach the proxy after its end.
  proxy.fault = () => 'none';
  await next.close();
});

const withoutIndexes = ({ versions, ...rest }: UnfinishedRows) => ({
  ...rest,
  versions: versions.map((version) => {
    const { index: _index, ...row } = version as VersionRow & { readonly index: number };
    return row;
  }),
});

test('an unfinished row that is derived differently now stays as it was stored, and the chain covers it', async () => {
  const stream = newStream();
  const [row] = [createVersionSource(1_790_000_000_000_000).next(1, 1)];
  const crashing = await openWriter({ throughProxy: true });
  proxy.fault = (table) => (table === 'batch_commits' ? 'cut-before' : 'none');
  const lost = assert.rejects(crashing.record([bare(stream, [row])]));
  while ((await storedVersions(stream)) !== 1) await soon();
  await crashing.close();
  await lost;
  const next = await openWriter();
  assert.deepEqual([await next.watermark(stream), await next.unfinished(stream)], [0, [row.sequence]]);
  const left = { versions: [row], audits: [], others: [] };
  const whole = { fromSequence: 1, toSequence: 9 };
  assert.deepEqual(withoutIndexes(await next.readUnfinished(stream, whole)), left);
  const behind = { fromSequence: row.sequence + 1, toSequence: 9 };
  assert.deepEqual(await next.readUnfinished(stream, behind), { ...left, versions: [] });
  await next.record([bare(stream, [{ ...row, body: '{"other":true}' }])]);
  assert.deepEqual(await next.unfinished(stream), []);
  await assertRecorded(stream, [bare(stream, [row])]);
  proxy.fault = () => 'none';
  await next.close();
});

test('an epoch keeps its ordinal, and a later epoch wins in the inventory', async () => {
  const first = newStream();
  const second = { ...first, epoch: 'a-later-one' };
  const source = createVersionSource(1_790_000_000_000_000);
  const [writer, other] = [await openWriter(), await openWriter()];
  await writer.record([bare(first, [source.next(1, 1), source.next(2, 2), source.next(3, 3)])]);
  await writer.record([bare(second, [source.next(1, 1), { ...source.next(2, 2), op: 'deleted', body: '' }])]);
  await other.record([bare(first, [source.next(4, 4)])]);
  const recovery = timelineRecovery(store.reader);
  assert.deepEqual(
    (await recovery.epochs(first)).map(({ epoch }) => epoch),
    ['e1', 'a-later-one'],
  );
  const found = [];
  for await (const { name, epoch, sequence } of recovery.inventory(first)) found.push(`${name} ${epoch}:${sequence}`);
  assert.deepEqual(found.sort(), ['service-1 a-later-one:1', 'service-3 e1:3', 'service-4 e1:4']);
  await writer.close();
  await other.close();
});

test('a store that refuses for a while, or never answers, only delays', async () => {
  const stream = newStream();
  const batches = sampleBatches(stream, 6);
  let refusals = 0;
  const writer = await openWriter({
    throughProxy: true,
    onFailure: (outcome) => (refusals += outcome === 'refused' ? 1 : 0),
  });
  const faults: Record<number, 'refused' | 'lost-refusal' | 'cut-after'> = { 1: 'lost-refusal', 2: 'cut-after' };
  let asked = 0;
  proxy.fault = () => (asked++ < 60 ? (faults[asked % 3] ?? 'refused') : 'none');
  await Promise.all([writer.record(batches.slice(0, 3)), writer.record(batches.slice(3))]);
  proxy.fault = () => 'none';
  assert.ok(refusals >= 30, `${refusals} refusals`);
  await assertRecorded(stream, batches);
  await writer.close();
});

test('kill -9 of the server in mid-insert: nothing acknowledged is lost, nothing is doubled', async () => {
  const writer = await openWriter();
  const stream = newStream();
  const source = createVersionSource(1_790_000_000_000_000);
  // Two groups that a kill falls into, and one after them.
  const batches = Array.from({ length: 24 }, (_, b) =>
    bare(
      stream,
      Array.from({ length: 100 }, (_, i) => source.next(i, b * 100 + i + 1)),
    ),
  );
  let kills = 0;
  for (let at = 0; at < batches.length; at += 8) {
    const group = batches.slice(at, at + 8);
    const recording = Promise.all([writer.record(group.slice(0, 4)), writer.record(group.slice(4))]);
    if (kills < 2) {
      kills += 1;
      await new Promise((later) => setTimeout(later, kills * 7));
      process.kill(store.serverPid(), 'SIGKILL');
    }
    await recording;
  }
  await assertRecorded(stream, batches);
  await writer.close();
});

test('exactly once: any grouping, any failures of the connection, any number of crashed writers', async () => {
  const faults = fc.array(
    fc.constantFrom('none', 'none', 'cut-before', 'cut-within', 'cut-after', 'overloaded', 'lost-answer'),
    { maxLength: 40 },
  );
  const groups = fc.array(
    fc.record({ size: fc.integer({ min: 1, max: 4 }), crashAfterMs: fc.option(fc.integer({ min: 0, max: 40 })) }),
    { minLength: 1, maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(
      batchesOf(newStream(), { minLength: 3, maxLength: 10 }),
      faults,
      groups,
      async (sample, faultList, groupList) => {
        const stream = newStream();
        const batches = sample.map((batch) => ({ ...batch, stream }));
        const upcoming = [...faultList];
        proxy.fault = () => upcoming.shift() ?? 'none';
        let writer = await openWriter({ throughProxy: true });
        for (let turn = 0; (await writer.watermark(stream)) < batches.at(-1)!.lastSequence; turn += 1) {
          assert.ok(turn < 100, 'the writer makes no progress');
          const { size, crashAfterMs } = groupList[turn % groupList.length]!;
          const watermark = await writer.watermark(stream);
          const from = batches.findIndex((batch) => batch.lastSequence > watermark);
          const recording = Promise.allSettled([
            writer.record(batches.slice(from, from + size)),
            writer.record(batches.slice(from, from + size + 2)),
          ]);
          if (crashAfterMs !== null && turn < 6) {
            await new Promise((later) => setTimeout(later, crashAfterMs));
            await writer.close();
            await recording;
            writer = await openWriter({ throughProxy: true });
          } else {
            await recording;
          }
        }
        proxy.fault = () => 'none';
        await assertRecorded(stream, batches);
        await writer.close();
      },
    ),
    // A run takes most of a second: shrinking would take minutes, and the seed is printed anyway.
    { numRuns: 8, endOnFailure: true },
  );
});

test('an insert token names the rows: other rows of the same range, or of another cluster, have another', () => {
  const token = (cluster: string, names: readonly string[]) => {
    const state = {
      stream: { tenant: 'default', cluster, epoch: 'e' },
      epochOrdinal: 1,
      recordedSequence: 0,
      plannedSequence: 0,
      link: '',
      refusal: undefined,
      unfinished: new Map(),
    };
    const source = createVersionSource(1);
    const rows = names.map((name, i) => ({ ...source.next(1, i + 1), name }));
    const [versions] = recordTables;
    const [request] = tableInserts(versions!.name, [{ state, rows: storedRows(versions!, rows) }], 1e6);
    return request?.token;
  };
  assert.equal(token('c', ['a', 'b', 'c']), token('c', ['a', 'b', 'c']));
  assert.equal(
    new Set([token('c', ['a', 'b', 'c']), token('c', ['a', 'x', 'c']), token('d', ['a', 'b', 'c'])]).size,
    3,
  );
});
