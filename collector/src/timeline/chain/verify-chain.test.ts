import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createVersionSource } from '../measure/realistic-versions.ts';
import type { SqlFile } from '../reader/sql-file.ts';
import type { SqlParameters, TimelineReader } from '../reader/timeline-reader.ts';
import type { RecordedBatch, StreamId } from '../rows.ts';
import { sampleBatches } from '../testing/sample-batches.ts';
import { openTestStore, type TestStore } from '../testing/open-test-store.ts';
import { openTimelineWriter } from '../writer/clickhouse-timeline-writer.ts';
import { batchLink, batchRoot, genesisLink, rowDigest } from './chain.ts';
import { type ChainBreak, verifyChain } from './verify-chain.ts';

let store: TestStore;
const streamOf = (cluster: string): StreamId => ({ tenant: 'default', cluster, epoch: 'e1' });
before(async () => {
  store = await openTestStore();
  const clusters = ['untouched', 'swapped', 'unfinished', ...tampering.map(([what]) => what)];
  await recordSamples(clusters.map((cluster) => sampleOf(streamOf(cluster))));
});
after(() => store.close());

/** Six batches with rows of every kind; the first has the sequences 1–3 and a version at either end. */
function sampleOf(stream: StreamId): readonly RecordedBatch[] {
  const source = createVersionSource(1_790_000_000_000_000);
  return sampleBatches(stream, 6).map((batch) => ({
    ...batch,
    versions: [source.next(1, batch.firstSequence), source.next(2, batch.lastSequence)],
  }));
}

/** The streams share inserts, which cost more than rows; each batch has a commit of its own. */
async function recordSamples(samples: readonly (readonly RecordedBatch[])[]): Promise<void> {
  const writer = await openTimelineWriter({
    connection: store.connection,
    logger: store.logger,
    nowUs: () => Date.now() * 1_000,
  });
  for (const at of samples[0]?.keys() ?? [])
    assert.deepEqual(await writer.record(samples.flatMap((batches) => batches.slice(at, at + 1))), []);
  await writer.close();
}

async function tamper(stream: StreamId, statement: string): Promise<void> {
  const query = statement.replaceAll('{where}', `cluster = '${stream.cluster}'`);
  await store.owner.command({ query, clickhouse_settings: { mutations_sync: '2' } });
}

const second = '(SELECT first_sequence FROM batch_commits WHERE {where} ORDER BY first_sequence LIMIT 1 OFFSET 1)';
const tampering: readonly (readonly [string, ChainBreak, string])[] = [
  [
    'a body altered',
    'rows-altered',
    "ALTER TABLE resource_versions UPDATE body = replaceOne(body, 'web', 'wab') WHERE {where} AND sequence = 1",
  ],
  ['a user altered', 'rows-altered', "ALTER TABLE audit_events UPDATE user = concat(user, 'x') WHERE {where}"],
  ['a transition removed', 'rows-missing', 'ALTER TABLE finding_transitions DELETE WHERE {where}'],
  ['a version removed', 'rows-missing', 'ALTER TABLE resource_versions DELETE WHERE {where} AND sequence = 3'],
  [
    'a version added',
    'rows-added',
    'INSERT INTO resource_versions SELECT * REPLACE (7 AS `index`) FROM resource_versions WHERE {where} AND sequence = 1',
  ],
  [
    'a version doubled',
    'rows-added',
    'INSERT INTO resource_versions SELECT * FROM resource_versions WHERE {where} AND sequence = 1',
  ],
  ['a batch removed', 'batch-missing', `ALTER TABLE batch_commits DELETE WHERE {where} AND first_sequence = ${second}`],
  [
    'the end of a batch altered',
    'commit-altered',
    'ALTER TABLE batch_commits UPDATE last_sequence = last_sequence + 1 WHERE {where}',
  ],
  [
    'a batch repeated',
    'batch-missing',
    'INSERT INTO batch_commits SELECT * FROM batch_commits WHERE {where} AND first_sequence = 1',
  ],
  ['a root replaced', 'commit-altered', "ALTER TABLE batch_commits UPDATE root = repeat('0', 64) WHERE {where}"],
];

test('an untouched timeline is intact', async () => {
  const stream = streamOf('untouched');
  const verdict = await verifyChain(store.reader, stream);
  assert.equal(verdict.verdict, 'intact');
  if (verdict.verdict === 'intact')
    assert.deepEqual({ epochs: verdict.epochs, batches: verdict.batches }, { epochs: 1, batches: 6 });
});

test('what is recorded while a timeline is verified does not break it', async () => {
  const stream = streamOf('growing');
  const batches = sampleOf(stream);
  await recordSamples([batches.slice(0, 5)]);
  const growing: TimelineReader = {
    ...store.reader,
    async all<Row>(sql: SqlFile, parameters: SqlParameters) {
      const rows = await store.reader.all<Row>(sql, parameters);
      await recordSamples([batches.slice(5)]);
      return rows;
    },
  };
  const verdict = await verifyChain(growing, stream);
  assert.equal(verdict.verdict === 'intact' && verdict.batches, 5, JSON.stringify(verdict));
});

for (const [what, expected, statement] of tampering) {
  test(`${what}: ${expected}`, async () => {
    const stream = streamOf(what);
    await tamper(stream, statement);
    const verdict = await verifyChain(store.reader, stream);
    assert.equal(verdict.verdict === 'broken' ? verdict.break : verdict.verdict, expected, JSON.stringify(verdict));
  });
}

test('two rows that changed places: rows-altered', async () => {
  const stream = streamOf('swapped');
  // Sort keys cannot be updated: take the two rows out and put them back with each other's sequence.
  const condition = `cluster = '${stream.cluster}' AND sequence IN (1, 3)`;
  await store.owner.command({ query: `CREATE TABLE moved AS resource_versions` });
  await store.owner.command({
    query: `INSERT INTO moved SELECT * REPLACE (4 - sequence AS sequence) FROM resource_versions WHERE ${condition}`,
  });
  await tamper(stream, `ALTER TABLE resource_versions DELETE WHERE ${condition}`);
  await store.owner.command({ query: 'INSERT INTO resource_versions SELECT * FROM moved' });
  const verdict = await verifyChain(store.reader, stream);
  assert.equal(verdict.verdict === 'broken' && verdict.break, 'rows-altered', JSON.stringify(verdict));
});

test('rows beyond the last commit row are not part of the chain yet', async () => {
  const stream = streamOf('unfinished');
  await store.owner.command({
    query: `INSERT INTO resource_versions SELECT * REPLACE (1000000 AS sequence) FROM resource_versions WHERE cluster = '${stream.cluster}' LIMIT 1`,
  });
  assert.equal((await verifyChain(store.reader, stream)).verdict, 'intact');
});

test('a batch of version 1 is verified by the columns it was recorded with', async () => {
  const stream = streamOf('version-1');
  const scores = ['cluster', 1, 2, 50, [['high', 1]], 7];
  const root = batchRoot([rowDigest({ table: 'posture_samples', sequence: 1, index: 0, values: scores })]);
  const span = { firstSequence: 1, lastSequence: 1, recordedAtUs: 7 };
  const link = batchLink({ version: 1, stream, ...span, root, prev: genesisLink });
  const place = `'default', '${stream.cluster}', 'e1', 1`;
  await store.owner.command({ query: `INSERT INTO epochs VALUES (${place}, 7)` });
  await store.owner.command({
    query: `INSERT INTO posture_samples (tenant, cluster, epoch, epoch_ordinal, sequence, index, scope, earned, possible, score, open_by_severity, at_us)
      VALUES (${place}, 1, 0, 'cluster', 1, 2, 50, {'high': 1}, 7)`,
  });
  await store.owner.command({
    query: `INSERT INTO batch_commits (tenant, cluster, epoch, epoch_ordinal, first_sequence, last_sequence, row_counts, newest_observed_at_us, recorded_at_us, generation, chain_version, root, prev, link)
      VALUES (${place}, 1, 1, {'posture_samples': 1}, 7, 7, 1, 1, '${root}', '${genesisLink}', '${link}')`,
  });
  assert.equal((await verifyChain(store.reader, stream)).verdict, 'intact');
  await tamper(stream, 'ALTER TABLE posture_samples UPDATE score = 60 WHERE {where}');
  assert.equal((await verifyChain(store.reader, stream)).verdict, 'broken');
});

test('the chain of SCHEMA.md, worked by hand', () => {
  const row = rowDigest({ table: 'rejected', sequence: 1, index: 0, values: ['webhook', 'bad', '', 3, 5] });
  assert.equal(row, '7dd596a6d1b6f9006ec8963155f697c9e132d4c1185a161b5ec7e709a9f322ad');
  const root = batchRoot([row]);
  const stream = { tenant: 'default', cluster: 'c', epoch: 'e' };
  assert.equal(
    batchLink({ version: 1, stream, firstSequence: 1, lastSequence: 1, recordedAtUs: 7, root, prev: genesisLink }),
    'bd36672ee23ada572b85b6c41108685fd4cf15901eded74c02a6807a81b86438',
  );
});
