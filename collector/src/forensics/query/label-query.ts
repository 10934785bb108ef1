/** Labels of objects that are known by kind, not by resource: to select findings by them. */
import { TupleParam } from '@clickhouse/client';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import type { FindingObject } from './finding-query.ts';
import type { TimelineQuery } from './timeline-query.ts';

const sql = loadSql(import.meta.url, 'labels.sql');

type LabelColumns = FindingObject & { readonly labels: string };

export async function queryLabels(
  query: TimelineQuery,
  tenant: string,
  objects: readonly FindingObject[],
): Promise<readonly Readonly<Record<string, string>>[]> {
  if (objects.length === 0) return [];
  const unique = new Map(objects.map((object) => [keyOf(object), object]));
  const rows = await query<LabelColumns>(sql, {
    tenant,
    objects: [...unique.values()].map(
      (object) => new TupleParam([object.cluster, object.group, object.kind, object.namespace, object.name]),
    ),
  });
  const found = new Map(
    rows.map((row) => [
      keyOf(row),
      row.labels === '' ? {} : (JSON.parse(row.labels) as Readonly<Record<string, string>>),
    ]),
  );
  return objects.map((object) => found.get(keyOf(object)) ?? {});
}

function keyOf(object: FindingObject): string {
  return JSON.stringify([object.cluster, object.group, object.kind, object.namespace, object.name]);
}
