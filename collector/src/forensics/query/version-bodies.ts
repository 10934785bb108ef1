/** Versions by their place: the one before each, and their bodies. */
import { isJsonObject, type JsonObject } from '@driftline/proto';
import { TupleParam } from '@clickhouse/client';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import { charactersOf, objectsParameter, type VersionColumns, versionKey } from './object-key.ts';
import { inParameters, type TenantTimeline } from './timeline-query.ts';

const sql = {
  predecessors: loadSql(import.meta.url, 'predecessors.sql'),
  bodies: loadSql(import.meta.url, 'bodies.sql'),
};

export type Predecessor = VersionColumns & { readonly uid: string };

type PredecessorColumns = VersionColumns & {
  readonly beforeOrdinal: number;
  readonly beforeSequence: number | string;
  readonly beforeIndex: number;
  readonly beforeUid: string;
};

/** The version before each of these, by the order of its stream; none for an object's first. By versionKey. */
export async function predecessors(
  timeline: TenantTimeline,
  rows: readonly VersionColumns[],
): Promise<ReadonlyMap<string, Predecessor>> {
  const found = await Promise.all(
    inParameters(rows, charactersOf).map((part) =>
      timeline.query<PredecessorColumns>(sql.predecessors, {
        objects: objectsParameter(part),
        versions: versionsParameter(part),
      }),
    ),
  );
  return new Map(
    found.flat().map(({ beforeOrdinal, beforeSequence, beforeIndex, beforeUid, ...row }) => [
      versionKey(row),
      {
        ...row,
        epochOrdinal: beforeOrdinal,
        sequence: Number(beforeSequence),
        index: beforeIndex,
        uid: beforeUid,
      },
    ]),
  );
}

type BodyColumns = VersionColumns & { readonly body: string };

/**
 * The bodies of an item's versions, by versionKey; undefined of a version in which the object was gone. Of all items, or of
 * as many of the first as have room (`bodyCharacters`); of one always.
 */
export async function fetchBodies<Item>(
  timeline: TenantTimeline,
  items: readonly Item[],
  versionsOf: (item: Item) => readonly VersionColumns[],
): Promise<{ readonly bodies: Bodies; readonly items: readonly Item[] }> {
  const versions = items.flatMap(versionsOf);
  const { bodies, isCut } = await bodiesWithin(
    timeline,
    versions,
    items.length > 1 ? timeline.bodyCharacters : Number.POSITIVE_INFINITY,
  );
  if (!isCut) return { bodies, items };
  // About as many as had room; fewer than before in any case.
  const fewer = Math.max(1, Math.floor((items.length * bodies.size) / (versions.length + 1)));
  return fetchBodies(timeline, items.slice(0, fewer), versionsOf);
}

export type Bodies = ReadonlyMap<string, JsonObject | undefined>;

/** `isCut`: not all of them have room. */
async function bodiesWithin(
  timeline: TenantTimeline,
  versions: readonly VersionColumns[],
  characters: number,
): Promise<{ readonly bodies: Bodies; readonly isCut: boolean }> {
  const bodies = new Map<string, JsonObject | undefined>();
  let room = characters;
  for (const part of inParameters(versions, charactersOf)) {
    const read = await timeline.weighed<BodyColumns>(
      sql.bodies,
      { objects: objectsParameter(part), versions: versionsParameter(part) },
      { of: ({ body }) => body, room },
    );
    room -= read.characters;
    for (const row of read.rows) bodies.set(versionKey(row), parseBody(row.body));
    if (read.isCut || room < 0) return { bodies, isCut: true };
  }
  return { bodies, isCut: false };
}

export function parseBody(body: string): JsonObject | undefined {
  return body === '' ? undefined : (JSON.parse(body) as JsonObject);
}

/** Labels that are text: what a cluster serves can be anything. */
export function labelsOf(body: JsonObject | undefined): Readonly<Record<string, string>> {
  const metadata = body?.['metadata'];
  const labels = isJsonObject(metadata) ? metadata['labels'] : undefined;
  return isJsonObject(labels) ? (labels as Readonly<Record<string, string>>) : {};
}

function versionsParameter(rows: readonly VersionColumns[]): readonly TupleParam[] {
  return rows.map((row) => new TupleParam([row.cluster, row.epochOrdinal, row.sequence, row.index]));
}
