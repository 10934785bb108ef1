/** What the queries need of a store, and how its moments are shown. */
import { TupleParam } from '@clickhouse/client';
import { loadSql, type SqlFile } from '../../timeline/reader/sql-file.ts';
import type { SqlParameters, TimelineReader } from '../../timeline/reader/timeline-reader.ts';

export type AnswerBounds = {
  /** Of stored objects that are held at once for one answer. */
  readonly bodyCharacters: number;
  /** An answer was cut by that. */
  readonly onFull: () => void;
  /** Of how many streams a query is told how far they are recorded; with more, the store looks itself. Default 400. */
  readonly givenStreams?: number | undefined;
};

/** Runs a SQL file with typed parameters; columns come in camelCase, 64-bit integers as numbers. */
export type TimelineQuery = TimelineReader['all'];

/** How far one stream is recorded. */
export type RecordedStream = {
  readonly tenant: string;
  readonly cluster: string;
  readonly epoch: string;
  readonly epochOrdinal: number;
  readonly through: number;
  readonly recordedAtUs: number;
  readonly newestObservedAtUs: number;
};

/**
 * The timeline of one tenant as it was recorded at one instant. Every query of it is given {tenant:String},
 * `recorded_through(cluster, epoch)`, which is 0 for a stream of which nothing is recorded, and `recorded`, the streams
 * as tuples, because rows past the last commit row of a stream do not exist yet. It is a function and not a table:
 * planning a join is a third of what a small query costs. An answer made of several queries uses one of these, so that
 * its parts agree.
 */
export type TenantTimeline = {
  readonly query: TimelineQuery;
  readonly streams: readonly RecordedStream[];
  /**
   * Rows in their order for as long as those before weigh less than `room` characters: the first always. `isCut`: there are
   * more.
   */
  weighed<Row>(sql: SqlFile, parameters: SqlParameters, weight: Weight<Row>): Promise<Weighed<Row>>;
  /** See AnswerBounds. */
  readonly bodyCharacters: number;
};

export type Weight<Row> = { readonly of: (row: Row) => string | undefined; readonly room: number };
export type Weighed<Row> = { readonly rows: readonly Row[]; readonly isCut: boolean; readonly characters: number };

export type TenantTimelines = { of(tenant: string): Promise<TenantTimeline> };

const recordedSql = loadSql(import.meta.url, 'recorded.sql');
const givenSql = loadSql(import.meta.url, 'recorded-given.sql');
const storedSql = loadSql(import.meta.url, 'recorded-stored.sql');
/** What follows either of them. */
const throughSql = loadSql(import.meta.url, 'recorded-through.sql');
/** More do not fit into a parameter: the server takes 128 KiB. */
const defaultGivenStreams = 400;
/** Commit rows can become visible a little out of the order of their times: each look goes back this far. */
const overlapUs = 60_000_000;

export function createTenantTimelines(
  reader: Pick<TimelineReader, 'all' | 'query'>,
  bounds: AnswerBounds,
): TenantTimelines {
  const streams = new Map<string, RecordedStream>();
  let sinceUs = 0;

  async function refresh(): Promise<void> {
    for (const row of await reader.all<RecordedStream>(recordedSql, { sinceUs })) {
      const key = JSON.stringify([row.tenant, row.cluster, row.epoch]);
      if ((streams.get(key)?.through ?? -1) < row.through) streams.set(key, row);
      sinceUs = Math.max(sinceUs, row.recordedAtUs - overlapUs);
    }
  }

  return {
    async of(tenant) {
      await refresh();
      const own = [...streams.values()].filter((stream) => stream.tenant === tenant);
      const recorded = own.map((stream) => new TupleParam([stream.cluster, stream.epoch, stream.through]));
      const [preface, extra] =
        own.length > (bounds.givenStreams ?? defaultGivenStreams)
          ? [storedSql, { tenant }]
          : [givenSql, { tenant, recorded }];
      const given = ({ name, text }: SqlFile, parameters: SqlParameters) =>
        [
          { name, text: preface.text + throughSql.text + text },
          { ...parameters, ...extra },
        ] as const;
      return {
        streams: own,
        bodyCharacters: bounds.bodyCharacters,
        query: (sql, parameters) => reader.all(...given(sql, parameters)),
        async weighed<Row>(sql: SqlFile, parameters: SqlParameters, { of, room }: Weight<Row>) {
          const rows: Row[] = [];
          let characters = 0;
          for await (const row of reader.query<Row>(...given(sql, parameters))) {
            if (rows.length > 0 && characters >= room) {
              bounds.onFull();
              return { rows, isCut: true, characters };
            }
            rows.push(row);
            characters += of(row)?.length ?? 0;
          }
          return { rows, isCut: false, characters };
        },
      };
    },
  };
}

/** RFC 3339 with microseconds, UTC. */
export function toRfc3339(timeUs: number): string {
  const wholeSecondMs = Math.floor(timeUs / 1_000_000) * 1_000;
  const text = new Date(wholeSecondMs).toISOString();
  return `${text.slice(0, -5)}.${String(timeUs - wholeSecondMs * 1_000).padStart(6, '0')}Z`;
}

/** The latest moment the store can be asked about: microseconds stay exact in a number up to the year 2255. */
export const endOfTimeUs = 9_000_000_000_000_000;

/** Characters of one list parameter, well below what the server takes even when all of them are escaped. */
const maxParameterCharacters = 40_000;

/** Parts of a list whose texts fit into a parameter each; every item is in one of them. */
export function inParameters<T>(items: readonly T[], charactersOf: (item: T) => number): readonly (readonly T[])[] {
  const parts: T[][] = [];
  let characters = Number.POSITIVE_INFINITY;
  for (const item of items) {
    characters += charactersOf(item);
    if (characters > maxParameterCharacters) {
      parts.push([]);
      characters = charactersOf(item);
    }
    parts.at(-1)?.push(item);
  }
  return parts;
}
