/**
 * The timeline as forwarders read it: per stream, what lies between a sink's durable cursor and the last commit row,
 * in sequence order.
 */
import type { TimelineCursors } from '../timeline/cursors/timeline-cursors.ts';
import { loadSql } from '../timeline/reader/sql-file.ts';
import type { TimelineReader } from '../timeline/reader/timeline-reader.ts';
import type { LinkRow, StreamId, TransitionRow } from '../timeline/rows.ts';
import type { ForwardPage, ForwardSource } from './forwarder.ts';
import { apiActivity, complianceFinding, type OcsfEvent, type Producer } from './ocsf.ts';

const sql = {
  recorded: loadSql(import.meta.url, 'recorded.sql'),
  transitions: loadSql(import.meta.url, 'forwarded-transitions.sql'),
  links: loadSql(import.meta.url, 'forwarded-links.sql'),
};

export type TimelineSourceOptions = {
  readonly reader: TimelineReader;
  readonly cursors: TimelineCursors;
  readonly producer: Producer;
};

/** Commit rows can become visible a little out of the order of their times: each look goes back this far. */
const overlapUs = 60_000_000;

type Recorded = StreamId & { readonly through: number; readonly recordedAtUs: number };

export function createTimelineSource(options: TimelineSourceOptions): ForwardSource {
  const { reader } = options;
  const recorded = new Map<string, Recorded>();
  const loaded = new Map<string, Map<string, number>>();
  let sinceUs = 0;

  async function refresh(): Promise<void> {
    for (const row of await reader.all<Recorded>(sql.recorded, { sinceUs })) {
      const known = recorded.get(streamKey(row));
      if (known === undefined || known.through < row.through) recorded.set(streamKey(row), row);
      sinceUs = Math.max(sinceUs, row.recordedAtUs - overlapUs);
    }
  }

  async function positionsOf(sinkName: string): Promise<Map<string, number>> {
    const known = loaded.get(sinkName);
    if (known !== undefined) return known;
    const prefix = cursorName(sinkName, '');
    const saved = await options.cursors.all(prefix);
    const positions = new Map([...saved].map(([name, position]) => [name.slice(prefix.length), Number(position)]));
    loaded.set(sinkName, positions);
    return positions;
  }

  return {
    async *pending(sinkName, limit) {
      await refresh();
      const positions = await positionsOf(sinkName);
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
    async advance(sinkName, stream, sequence) {
      await options.cursors.save(cursorName(sinkName, streamKey(stream)), String(sequence));
      (await positionsOf(sinkName)).set(streamKey(stream), sequence);
    },
  };
}

type Range = { readonly after: number; readonly through: number };

async function readPage(
  { reader, producer }: TimelineSourceOptions,
  recorded: Recorded,
  range: Range,
): Promise<ForwardPage> {
  const stream: StreamId = { tenant: recorded.tenant, cluster: recorded.cluster, epoch: recorded.epoch };
  const [transitions, links] = await Promise.all([
    reader.all<TransitionRow>(sql.transitions, { ...stream, ...range }),
    reader.all<LinkRow>(sql.links, { ...stream, ...range }),
  ]);
  const ordered: (readonly [sequence: number, event: OcsfEvent])[] = [
    ...links.map((row) => [row.sequence, apiActivity(stream, row, producer)] as const),
    ...transitions.map((row) => [row.sequence, complianceFinding(stream, row, producer)] as const),
  ];
  ordered.sort(([a], [b]) => a - b);
  return { stream, throughSequence: range.through, events: ordered.map(([, event]) => event) };
}

/** JSON, because names may hold any separator. */
function streamKey({ tenant, cluster, epoch }: StreamId): string {
  return JSON.stringify([tenant, cluster, epoch]);
}

function cursorName(sinkName: string, stream: string): string {
  return `forward/${encodeURIComponent(sinkName)}/${stream}`;
}
