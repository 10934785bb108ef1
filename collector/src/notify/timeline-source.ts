/**
 * The timeline as forwarders read it: per stream, what lies between a sink's durable cursor and the last commit row,
 * in sequence order.
 */
import type { TimelineCursors } from '../timeline/cursors/timeline-cursors.ts';
import { loadSql } from '../timeline/reader/sql-file.ts';
import type { TimelineReader } from '../timeline/reader/timeline-reader.ts';
import type { LinkRow, RegressionRow, StreamId, TransitionRow } from '../timeline/rows.ts';
import type { ForwardPage, ForwardSource } from './forwarder.ts';
import { apiActivity, complianceFinding, type OcsfEvent, type Producer } from './ocsf.ts';
import { detectionFinding, type ForwardedVerdict } from './ocsf-detection.ts';
import { regressionFinding } from './ocsf-regression.ts';

const sql = {
  recorded: loadSql(import.meta.url, 'recorded.sql'),
  transitions: loadSql(import.meta.url, 'forwarded-transitions.sql'),
  links: loadSql(import.meta.url, 'forwarded-links.sql'),
  verdicts: loadSql(import.meta.url, 'forwarded-verdicts.sql'),
  regressions: loadSql(import.meta.url, 'forwarded-regressions.sql'),
};

export type TimelineSourceOptions = {
  readonly reader: TimelineReader;
  readonly cursors: TimelineCursors;
  readonly producer: Producer;
  readonly tenant: string;
  /** Names the cursors: one for each stream. */
  readonly name: string;
  /** Least time between two saves of the cursors: a save is an insert. */
  readonly saveIntervalMs?: number;
};

/** Commit rows can become visible a little out of the order of their times: each look goes back this far. */
const overlapUs = 60_000_000;

type Recorded = StreamId & { readonly through: number; readonly recordedAtUs: number };

/** Positions run ahead of their cursors by at most the save interval: that much is sent again after a crash. */
export function createTimelineSource(options: TimelineSourceOptions): ForwardSource {
  const { reader, cursors, tenant, saveIntervalMs = 1_000 } = options;
  const prefix = `forward/${options.name}/`;
  const recorded = new Map<string, Recorded>();
  const unsaved = new Map<string, string>();
  let positions: Map<string, number> | undefined;
  let sinceUs = 0;
  let savedAtMs = 0;

  async function refresh(): Promise<void> {
    for (const row of await reader.all<Recorded>(sql.recorded, { tenant, sinceUs })) {
      const known = recorded.get(streamKey(row));
      if (known === undefined || known.through < row.through) recorded.set(streamKey(row), row);
      sinceUs = Math.max(sinceUs, row.recordedAtUs - overlapUs);
    }
  }

  async function load(): Promise<Map<string, number>> {
    const saved = await cursors.all(prefix);
    return new Map([...saved].map(([name, position]) => [name.slice(prefix.length), Number(position)]));
  }

  async function save(): Promise<void> {
    if (unsaved.size === 0) return;
    const saving = new Map(unsaved);
    await cursors.saveAll(saving);
    savedAtMs = performance.now();
    for (const [name, position] of saving) if (unsaved.get(name) === position) unsaved.delete(name);
  }

  return {
    async *pending(limit) {
      if (performance.now() - savedAtMs >= saveIntervalMs) await save();
      await refresh();
      positions ??= await load();
      for (const stream of recorded.values()) {
        for (;;) {
          const after = positions.get(streamKey(stream)) ?? 0;
          const through = Math.min(stream.through, after + limit);
          if (through <= after) break;
          yield await readPage(options, stream, { after, through });
          // Not advanced: the caller stopped in the middle.
          if ((positions.get(streamKey(stream)) ?? 0) < through) return;
        }
      }
    },
    async advance(stream, sequence) {
      positions ??= await load();
      positions.set(streamKey(stream), sequence);
      unsaved.set(`${prefix}${streamKey(stream)}`, String(sequence));
      if (performance.now() - savedAtMs >= saveIntervalMs) await save();
    },
    save,
  };
}

type Range = { readonly after: number; readonly through: number };

async function readPage(
  { reader, producer }: TimelineSourceOptions,
  recorded: Recorded,
  range: Range,
): Promise<ForwardPage> {
  const stream: StreamId = { tenant: recorded.tenant, cluster: recorded.cluster, epoch: recorded.epoch };
  const [transitions, links, verdicts, regressions] = await Promise.all([
    reader.all<TransitionRow>(sql.transitions, { ...stream, ...range }),
    reader.all<LinkRow>(sql.links, { ...stream, ...range }),
    reader.all<ForwardedVerdict>(sql.verdicts, { ...stream, ...range }),
    reader.all<RegressionRow>(sql.regressions, { ...stream, ...range }),
  ]);
  const ordered: (readonly [sequence: number, event: OcsfEvent])[] = [
    ...links.map((row) => [row.sequence, apiActivity(stream, row, producer)] as const),
    ...transitions.map((row) => [row.sequence, complianceFinding(stream, row, producer)] as const),
    ...verdicts.map((row) => [row.sequence, detectionFinding(stream, row, producer)] as const),
    // Behind the findings that it is due to.
    ...regressions.map((row) => [row.sequence, regressionFinding(stream, row, producer)] as const),
  ];
  ordered.sort(([a], [b]) => a - b);
  return { stream, throughSequence: range.through, events: ordered.map(([, event]) => event) };
}

/** JSON, because names may hold any separator. */
function streamKey({ tenant, cluster, epoch }: StreamId): string {
  return JSON.stringify([tenant, cluster, epoch]);
}
