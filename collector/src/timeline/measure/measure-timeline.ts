/**
 * Insert rate and bytes per stored change of the embedded store. Prints one JSON line.
 *   node collector/src/timeline/measure/measure-timeline.ts [objects] [versions of each]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openStoreClient } from '../connection/store-connection.ts';
import { openTimeline } from '../open-timeline.ts';
import { loadSql } from '../reader/sql-file.ts';
import { timelineReader } from '../reader/timeline-reader.ts';
import type { RecordedBatch, VersionRow } from '../rows.ts';
import { createVersionSource } from './realistic-versions.ts';

const rowsPerBatch = 50;
const rowsPerCall = 5_000;
const callsInFlight = 2;
const sizesSql = loadSql(import.meta.url, './table-sizes.sql');

const [objects = 2_000, versions = 20] = process.argv.slice(2).map(Number);
const dataDir = mkdtempSync(join(tmpdir(), 'driftline-measure-'));
const logger = pino({ level: 'warn' });
const timeline = await openTimeline({
  settings: { mode: 'embedded' },
  dataDir,
  logger,
  nowUs: () => Date.now() * 1_000,
});
const stream = { tenant: 'default', cluster: 'measured', epoch: 'e1' };

try {
  const source = createVersionSource(Date.now() * 1_000);
  let sequence = 0;
  let bodyBytes = 0;
  const calls: RecordedBatch[][] = [];
  for (let call = 0; call < (objects * versions) / rowsPerCall; call += 1) {
    const batches: RecordedBatch[] = [];
    for (let b = 0; b < rowsPerCall / rowsPerBatch; b += 1) {
      const rows = Array.from({ length: rowsPerBatch }, () => source.next(sequence % objects, ++sequence));
      bodyBytes += rows.reduce((sum, row) => sum + row.body.length, 0);
      batches.push(batchOf(rows));
    }
    calls.push(batches);
  }
  const cpuBefore = process.cpuUsage();
  const insertMs = await timed(async () => {
    const underWay: Promise<unknown>[] = [];
    for (const batches of calls) {
      if (underWay.length === callsInFlight) await underWay.shift();
      underWay.push(timeline.writer.record(batches));
    }
    await Promise.all(underWay);
  });
  const cpu = process.cpuUsage(cpuBefore);

  const owner = openStoreClient(timeline.connection, 'owner');
  await owner.command({ query: 'OPTIMIZE TABLE resource_versions FINAL' });
  const sizes = await timelineReader(owner).all<{ columnName: string; bytes: number }>(sizesSql, {
    table: 'resource_versions',
  });
  await owner.close();
  const storedBytes = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  const inventoryMs = await timed(async () => {
    for await (const _ of timeline.recovery.inventory(stream));
  });
  console.log(
    JSON.stringify({
      node: process.version,
      cpus: cpus().length,
      rows: sequence,
      objects,
      averageBodyBytes: Math.round(bodyBytes / sequence),
      rowsPerSecond: Math.round((sequence / insertMs) * 1_000),
      collectorCpuMicrosPerRow: Math.round((cpu.user + cpu.system) / sequence),
      bytesPerChange: Number((storedBytes / sequence).toFixed(1)),
      bytesPerChangeByColumn: Object.fromEntries(
        sizes.map(({ columnName, bytes }) => [columnName, Number((bytes / sequence).toFixed(2))]),
      ),
      inventoryMs: Math.round(inventoryMs),
    }),
  );
} finally {
  await timeline.close();
  rmSync(dataDir, { recursive: true, force: true });
}

function batchOf(rows: readonly VersionRow[]): RecordedBatch {
  const none = {
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
  return {
    stream,
    firstSequence: rows[0]?.sequence ?? 0,
    lastSequence: rows.at(-1)?.sequence ?? 0,
    versions: rows,
    ...none,
  };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
