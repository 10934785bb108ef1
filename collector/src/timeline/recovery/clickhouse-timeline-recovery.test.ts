import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { openTimelineCursors } from '../cursors/timeline-cursors.ts';
import { loadSql } from '../reader/sql-file.ts';
import type { RecordedBatch, StreamId } from '../rows.ts';
import { openAgentSessions } from '../sessions/agent-sessions.ts';
import { openTestStore, type TestStore } from '../testing/open-test-store.ts';
import { batchesOf } from '../testing/sample-batches.ts';
import { expectedContent } from '../testing/stored-content.ts';
import { openTimelineWriter } from '../writer/clickhouse-timeline-writer.ts';
import { timelineRecovery } from './clickhouse-timeline-recovery.ts';

type Row = Readonly<Record<string, unknown>>;

let store: TestStore;
let clusters = 0;
before(async () => {
  store = await openTestStore();
});
after(() => store.close());

const nowUs = () => Date.now() * 1_000;
const newCluster = () => ({ tenant: 'default', cluster: `cluster-${++clusters}` });

async function collect<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

/** All rows of a table in the cluster's order, as they are stored, with their epochs. */
function history(table: string, epochs: readonly (readonly RecordedBatch[])[]): Row[] {
  return epochs.flatMap((batches) =>
    (expectedContent(batches)[table] ?? []).map((row) => ({ epoch: batches[0]?.stream.epoch, ...row })),
  );
}

/** What judges is in the order that its rows say, here at random: of agents only, so the streams' order is the rest. */
function judged(table: string, epochs: readonly (readonly RecordedBatch[])[]): Row[] {
  return history(table, epochs).sort((a, b) => Number(a['afterOwn']) - Number(b['afterOwn']));
}

function lastBy(rows: readonly Row[], fields: readonly string[]): Row[] {
  return [...new Map(rows.map((row) => [JSON.stringify(fields.map((field) => row[field])), row])).values()];
}

function without(rows: readonly object[], ...fields: readonly string[]): Row[] {
  return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([field]) => !fields.includes(field))));
}

const sorted = (rows: readonly object[]): string[] =>
  rows.map((row) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))).sort();
const assertSameRows = (actual: readonly object[], expected: readonly object[], what: string) =>
  assert.deepEqual(sorted(actual), sorted(expected), what);

function newestObservedUs(batches: readonly RecordedBatch[]): number {
  const rows = batches.flatMap((batch) =>
    [batch.versions, batch.audits, batch.gaps, batch.coverage, batch.rejected].flat(),
  );
  return Math.max(0, ...rows.map(({ observedAtUs }) => observedAtUs));
}

test('replay equals recovery: the last of everything, by order and never by time, up to the last commit row', async () => {
  const anyEpoch = batchesOf({ tenant: '', cluster: '', epoch: '' }, { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(anyEpoch, anyEpoch, fc.nat(), async (older, newer, cut) => {
      const cluster = newCluster();
      const epochs = [older, newer].map((batches, i) =>
        batches.map((batch) => ({ ...batch, stream: { ...cluster, epoch: `e${i + 1}` } })),
      );
      const writer = await openTimelineWriter({ connection: store.connection, logger: store.logger, nowUs });
      for (const batches of epochs) await writer.record(batches);
      await writer.close();
      // As if the writer had died before the last commit rows of the newer epoch.
      const kept = newer.length - (cut % newer.length);
      const lastKept = newer[kept - 1]?.lastSequence ?? 0;
      await store.owner.command({
        query: `ALTER TABLE batch_commits DELETE WHERE cluster = '${cluster.cluster}' AND epoch = 'e2' AND last_sequence > ${lastKept}`,
        clickhouse_settings: { mutations_sync: '2' },
      });
      const recorded = [epochs[0] ?? [], (epochs[1] ?? []).slice(0, kept)];

      const recovery = timelineRecovery(store.reader);
      const versions = history('resource_versions', recorded);
      const inventory = lastBy(versions, ['group', 'resource', 'namespace', 'name']).filter(
        ({ op }) => op !== 'deleted',
      );
      assertSameRows(await collect(recovery.inventory(cluster)), without(inventory, 'index'), 'inventory');
      const findings = lastBy(judged('finding_transitions', recorded), ['findingId']);
      assertSameRows(await collect(recovery.findings(cluster)), findings, 'findings');
      assertSameRows(
        await recovery.posture(cluster),
        without(lastBy(judged('posture_samples', recorded), ['scope']), 'epoch', 'index'),
        'posture',
      );
      const unjudged = lastBy(judged('unjudged', recorded), ['control', 'group', 'kind', 'namespace', 'name']);
      assertSameRows(
        await recovery.unjudged(cluster),
        without(
          unjudged.filter(({ state }) => state !== 'cleared'),
          'epoch',
        ),
        'unjudged',
      );
      const coverage = lastBy(history('coverage', recorded), ['group', 'resource']);
      assertSameRows(await recovery.coverage(cluster), without(coverage, 'epoch', 'index'), 'coverage');

      const everything = await recovery.recent(cluster, { spanUs: Number.MAX_SAFE_INTEGER, entries: 10_000 });
      const sinceUs = newestObservedUs(recorded.flat()) - Number.MAX_SAFE_INTEGER;
      const isRecent = ({ observedAtUs }: Row) => Number(observedAtUs) >= sinceUs;
      assert.deepEqual(everything.versions, without(versions.filter(isRecent), 'body', 'index'));
      assert.deepEqual(
        everything.audits,
        without(history('audit_events', recorded).filter(isRecent), 'event', 'index').map((row) => ({
          ...row,
          fieldManager: '',
          requestVersion: '',
          receivedAtUs: 0,
        })),
      );
      assert.deepEqual(everything.links, without(history('links', recorded), 'epoch', 'index'));
      const newest = await recovery.recent(cluster, { spanUs: Number.MAX_SAFE_INTEGER, entries: 2 });
      assert.deepEqual(newest.audits, everything.audits.slice(-2));
      assert.deepEqual(
        await recovery.epochs(cluster),
        recorded.map((batches, i) => ({
          epoch: `e${i + 1}`,
          recordedSequence: batches.at(-1)?.lastSequence,
          newestObservedAtUs: newestObservedUs(batches),
        })),
      );
    }),
    { numRuns: 5, endOnFailure: true },
  );
});

test('a cursor keeps its latest position, whatever the clock does', async () => {
  let clockUs = 1_000_000;
  const cursors = openTimelineCursors(store.connection, () => (clockUs -= 1_000));
  for (const position of ['1', '2', '3']) await cursors.save('siem:a', position);
  await cursors.save('siem:b', 'x');
  await cursors.save('other', 'y');
  await cursors.close();
  const again = openTimelineCursors(store.connection, () => 0);
  assert.deepEqual(
    await again.all('siem:'),
    new Map([
      ['siem:a', '3'],
      ['siem:b', 'x'],
    ]),
  );
  await again.save('siem:a', '4');
  assert.equal((await again.all('')).get('siem:a'), '4');
  await again.close();
});

test('what an agent said when it connected is kept', async () => {
  const sessions = openAgentSessions(store.connection);
  const stream: StreamId = { ...newCluster(), epoch: 'e1' };
  const session = { ...stream, instance: 'i', agentVersion: '0.1.0', kubernetesVersion: 'v1.34.0', connectedAtUs: 5 };
  await sessions.append(session);
  await sessions.close();
  const sql = { name: 'sessions', text: 'SELECT * FROM agent_sessions WHERE cluster = {cluster:String}' };
  assert.deepEqual(await store.reader.all(sql, { cluster: stream.cluster }), [session]);
});

test('a query the store refuses says which one', async () => {
  const sql = { ...loadSql(import.meta.url, './clusters.sql'), text: 'SELECT nothing FROM nowhere' };
  await assert.rejects(store.reader.all(sql, {}), { code: 'store-refused', message: /clusters\.sql/ });
});
