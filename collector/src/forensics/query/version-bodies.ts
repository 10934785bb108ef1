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

/** By versionKey; undefined of a version in which the object was gone. */
export async function fetchBodies(
  timeline: TenantTimeline,
  versions: readonly VersionColumns[],
): Promise<ReadonlyMap<string, JsonObject | undefined>> {
  const rows = await Promise.all(
    inParameters(versions, charactersOf).map((part) =>
      timeline.query<BodyColumns>(sql.bodies, {
        objects: objectsParameter(part),
        versions: versionsParameter(part),
      }),
    ),
  );
  return new Map(rows.flat().map((row) => [versionKey(row), parseBody(row.body)]));
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
