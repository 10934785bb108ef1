/** Labels of objects that are known by kind, not by resource: to select findings by them. */
import { TupleParam } from '@clickhouse/client';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import type { FindingObject } from './finding-query.ts';
import { charactersOf } from './object-key.ts';
import { inParameters, type TenantTimeline } from './timeline-query.ts';

const sql = loadSql(import.meta.url, 'labels.sql');

type LabelColumns = FindingObject & { readonly labels: string };

/** In the order asked. */
export async function queryLabels(
  timeline: TenantTimeline,
  objects: readonly FindingObject[],
): Promise<readonly Readonly<Record<string, string>>[]> {
  const unique = new Map(objects.map((object) => [keyOf(object), object]));
  const rows = await Promise.all(
    inParameters([...unique.values()], charactersOf).map((part) =>
      timeline.query<LabelColumns>(sql, {
        objects: part.map(
          (object) => new TupleParam([object.cluster, object.group, object.kind, object.namespace, object.name]),
        ),
      }),
    ),
  );
  const found = new Map(
    rows
      .flat()
      .map((row) => [
        keyOf(row),
        row.labels === '' ? {} : (JSON.parse(row.labels) as Readonly<Record<string, string>>),
      ]),
  );
  return objects.map((object) => found.get(keyOf(object)) ?? {});
}

function keyOf(object: FindingObject): string {
  return JSON.stringify([object.cluster, object.group, object.kind, object.namespace, object.name]);
}
