/**
 * Chapter 7: it is recorded.
 *
 * The timeline is a ClickHouse database. One batch becomes rows in several tables: versions with their whole body, audit
 * events, links, transitions, scores, gaps. Rows go in first, the commit row last: what has no commit row does not exist,
 * not for readers, not for followers, not for the acknowledgement. Each commit row carries a hash over its batch and over
 * the commit row before it, so that nobody, not even who owns the disk, can alter the past without it showing.
 *
 * Here: batches of an agent, the pipeline with the library's controls, and a real ClickHouse started as a child.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openClusterJudge, openMemoryBus, openPipeline, verifyChain } from '@driftline/collector';
import { createMetrics, defaultPipelineLimits, openTimelineWriter, timelineRecovery } from '@driftline/collector';
import { readLibrary } from '@driftline/policy/library';
import { type JsonObject, type ObjectRef, redact } from '@driftline/proto';
import { normalise } from '../../agent/src/capture/normalise.ts';
import { openTestStore } from '../../collector/src/timeline/testing/open-test-store.ts';
import { AgentStream } from '../fakes/agent-stream.ts';
import { after, before, hmac, roleBindings } from './the-change.ts';

const { group, resource, kind } = roleBindings;
const uid = '6f0d8a52-0f0c-4a55-9d0c-0d5a3a6c1b7e';
const ref: ObjectRef = { group, resource, kind, namespace: 'shop', name: 'shop-developers', uid };
const cluster = { tenant: 'default', cluster: 'east' };
const stream = { ...cluster, epoch: 'e1' };
const formOf = (object: JsonObject): JsonObject => redact(normalise(object, 'rolebindings'), hmac);

test('rows first, commit row last, and a chain that shows every alteration', async (t) => {
  const loaded = await readLibrary();
  assert.ok(loaded.ok);
  const bundle = { controls: loaded.bundle.controls.map(({ control }) => control), version: loaded.bundle.version };
  const store = await openTestStore();
  const writer = await openTimelineWriter({
    connection: store.connection,
    logger: store.logger,
    nowUs: () => Date.now() * 1000,
  });
  const pipeline = openPipeline({
    writer,
    recovery: timelineRecovery(store.reader),
    feedback: openMemoryBus().reader,
    openJudge: (id, inventory, known) => openClusterJudge({ bundle, onFailure: assert.fail }, id, inventory, known),
    limits: defaultPipelineLimits,
    metrics: createMetrics(),
    logger: store.logger,
    now: Date.now,
  });

  t.after(async () => {
    await pipeline.close();
    await writer.close();
    await store.close();
  });

  // Two batches: the binding as it was, and alice's change.
  const agent = new AgentStream('e1');
  const batches = [agent.put(ref, formOf(before)).cut()!, agent.put(ref, formOf(after)).cut()!];
  const items = batches.map((batch) => ({ stream, oldestSequence: 1, batch }));
  await pipeline.handle(items);
  // `handle` resolves when everything is durable. Once more records nothing more.
  await pipeline.handle(items);

  const ask = (text: string) => store.reader.all<Record<string, unknown>>({ name: 'guide', text }, {});
  assert.deepEqual(await ask('SELECT op, paths, sequence FROM resource_versions ORDER BY sequence'), [
    { op: 'created', paths: [], sequence: 1 },
    { op: 'modified', paths: ['/subjects/1'], sequence: 2 },
  ]);
  assert.deepEqual(await ask('SELECT control, state, path, sequence FROM finding_transitions'), [
    { control: 'DL-RBAC-007', state: 'opened', path: 'subjects[name=system:unauthenticated]', sequence: 2 },
  ]);
  const commits = await ask(
    'SELECT first_sequence, last_sequence, prev, link FROM batch_commits ORDER BY first_sequence',
  );
  assert.deepEqual(
    commits.map((commit) => [commit['firstSequence'], commit['lastSequence']]),
    [
      [1, 1],
      [2, 2],
    ],
  );
  assert.equal(commits[1]?.['prev'], commits[0]?.['link'], 'each commit row continues the one before it');
  assert.equal((await verifyChain(store.reader, cluster)).verdict, 'intact');

  // The collector itself may not alter anything: its user has no right to.
  assert.equal(store.connection.writer.user, 'driftline_writer');
  // The owner of the disk can; and it shows.
  await store.owner.command({
    query:
      "ALTER TABLE resource_versions UPDATE body = replaceAll(body, 'unauthenticated', 'authenticated') WHERE sequence = 2",
    clickhouse_settings: { mutations_sync: '2' },
  });
  const verdict = await verifyChain(store.reader, cluster);
  assert.ok(verdict.verdict === 'broken');
  assert.deepEqual([verdict.break, verdict.epoch, verdict.firstSequence], ['rows-altered', 'e1', 2]);
});
