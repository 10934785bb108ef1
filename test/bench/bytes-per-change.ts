/**
 * What one more change costs in bytes: on the agent's disk, on the wire, and in the store, where all columns, indexes
 * and marks of all tables count (version, findings, links, commit rows) after the merges that ClickHouse makes by
 * itself. An edit history over many objects, in batches as an agent makes them at some hundred changes a second.
 *   node test/bench/bytes-per-change.ts [--objects 500] [--changes 20000] [--batch 20]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadSql } from '@driftline/collector';
import type { TimelineReader } from '@driftline/collector';
import { agentFrame } from '@driftline/proto';
import type { Batch } from '@driftline/proto';
import { recordHeaderBytes } from '../../agent/src/spool/format.ts';
import { openStoreClient } from '../../collector/src/timeline/connection/store-connection.ts';
import { timelineReader } from '../../collector/src/timeline/reader/timeline-reader.ts';
import { openLine, readBundle } from './harness/open-line.ts';
import { report } from './harness/report.ts';
import { CapturedStream } from './world/captured-stream.ts';
import { livingWorld } from './world/edits.ts';
import { worldOf } from './world/objects.ts';
import { createRandom } from './world/random.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '500' },
    changes: { type: 'string', default: '20000' },
    batch: { type: 'string', default: '20' },
  },
});
const objects = Number(values.objects);
const changes = Number(values.changes);
const messagesPerBatch = Number(values.batch);
const changesPerAudit = 4;
const longestMergeMs = 20_000;
const columnsSql = loadSql(import.meta.url, './sql/table-sizes.sql');
const partsSql = loadSql(import.meta.url, './sql/parts.sql');

type Sizes = {
  readonly totalBytes: number;
  readonly byTable: Map<string, number>;
  readonly byColumn: Map<string, number>;
};
type Part = { readonly table: string; readonly bytes: number; readonly parts: number; readonly merging: number };

/** When nothing has merged for a while. */
async function sizesOf(reader: TimelineReader): Promise<Sizes & { readonly parts: number }> {
  const untilMs = performance.now() + longestMergeMs;
  let before = '';
  for (;;) {
    const parts = await reader.all<Part>(partsSql, {});
    const now = JSON.stringify(parts);
    if ((now === before && parts.every(({ merging }) => merging === 0)) || performance.now() > untilMs) {
      const columns = await reader.all<{ table: string; column: string; bytes: number }>(columnsSql, {});
      return {
        totalBytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
        byTable: new Map(parts.map(({ table, bytes }) => [table, bytes])),
        byColumn: new Map(columns.map(({ table, column, bytes }) => [`${table}.${column}`, bytes])),
        parts: parts.reduce((sum, part) => sum + part.parts, 0),
      };
    }
    before = now;
    await sleep(2_000);
  }
}

/** What grew by at least a byte a change, largest first. */
function growth(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Record<string, number> {
  const grown = [...after].map(([name, bytes]) => [name, (bytes - (before.get(name) ?? 0)) / changes] as const);
  return Object.fromEntries(
    grown
      .filter(([, bytes]) => bytes >= 1)
      .sort(([, a], [, b]) => b - a)
      .map(([name, bytes]) => [name, Number(bytes.toFixed(1))]),
  );
}

async function store(first: readonly Batch[], edits: readonly Batch[]) {
  const line = await openLine(await readBundle());
  const owner = timelineReader(openStoreClient(line.timeline.connection, 'owner'));
  try {
    await line.send(first);
    const before = await sizesOf(owner);
    // In pieces, as they come over time: each is a few groups of inserts.
    for (let at = 0; at < edits.length; at += 50) await line.send(edits.slice(at, at + 50));
    return { before, after: await sizesOf(owner) };
  } finally {
    await owner.close();
    await line.close();
  }
}

await report('bytes-per-change', async () => {
  const random = createRandom(3);
  const initial = worldOf(objects);
  const agent = new CapturedStream();
  const first = agent.list(initial, 100);
  const edits = agent.edits(livingWorld(initial, random), random, { changes, messagesPerBatch, changesPerAudit });
  const payloadBytes = edits.reduce((sum, { payload }) => sum + payload.byteLength, 0);
  const wireBytes = edits.reduce((sum, batch) => sum + agentFrame.encode({ type: 'batch', batch }).byteLength, 0);
  const uncompressed = edits.reduce((sum, { uncompressedBytes }) => sum + uncompressedBytes, 0);
  const listBytes = first.reduce((sum, { uncompressedBytes }) => sum + uncompressedBytes, 0);
  const { before, after } = await store(first, edits);
  const storedBytes = (after.totalBytes - before.totalBytes) / changes;
  const versionBytes =
    ((after.byTable.get('resource_versions') ?? 0) - (before.byTable.get('resource_versions') ?? 0)) / changes;
  return {
    figures: {
      storedBytes,
      storedVersionBytes: versionBytes,
      wireBytes: wireBytes / changes,
      spoolBytes: (payloadBytes + edits.length * recordHeaderBytes) / changes,
      uncompressedBytes: uncompressed / changes,
      objectBytes: listBytes / objects,
    },
    ratios: {
      storedOverObject: { value: storedBytes / (listBytes / objects), better: 'lower', tolerance: 1.2 },
      wireOverUncompressed: { value: wireBytes / uncompressed, better: 'lower', tolerance: 1.2 },
    },
    bars: { storedBytes: { bar: 120, goal: 120, better: 'lower' } },
    conditions: {
      objects,
      changes,
      messagesPerBatch,
      audits: Math.floor(changes / changesPerAudit),
      parts: after.parts,
      byTable: growth(before.byTable, after.byTable),
      byColumn: growth(before.byColumn, after.byColumn),
    },
  };
});
