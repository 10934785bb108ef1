/** Objects and their versions as query parameters, map keys and in their public form. */
import { TupleParam } from '@clickhouse/client';
import type { ApiObject } from '@driftline/proto';

export type ObjectColumns = {
  readonly cluster: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
};

export type VersionColumns = ObjectColumns & {
  readonly epochOrdinal: number;
  readonly sequence: number;
  readonly index: number;
};

/** The public form of the object a row is about; `resource` is '' where the row's table does not keep it. */
export function apiObject(row: Omit<ApiObject, 'resource'> & { readonly resource?: string }): ApiObject {
  const { cluster, group, kind, resource = '', namespace, name, uid } = row;
  return { cluster, group, kind, resource, namespace, name, uid };
}

export function objectKey(row: ObjectColumns): string {
  return JSON.stringify([row.cluster, row.group, row.resource, row.namespace, row.name]);
}

export function versionKey(row: VersionColumns): string {
  return `${row.epochOrdinal}:${row.sequence}:${row.index}@${objectKey(row)}`;
}

/** Each object once, as Array(Tuple(String, String, String, String, String)). */
export function objectsParameter(rows: readonly ObjectColumns[]): readonly TupleParam[] {
  const unique = new Map(rows.map((row) => [objectKey(row), row]));
  return [...unique.values()].map(
    (row) => new TupleParam([row.cluster, row.group, row.resource, row.namespace, row.name]),
  );
}

/** Messages as Array(Tuple(String, String, UInt64)). */
export function changesParameter(
  rows: readonly { readonly cluster: string; readonly epoch: string; readonly sequence: number }[],
): readonly TupleParam[] {
  return rows.map((row) => new TupleParam([row.cluster, row.epoch, row.sequence]));
}

/** Of the object as a parameter: names, separators and the numbers of a version. */
export function charactersOf(row: Omit<ObjectColumns, 'resource'>): number {
  return row.cluster.length + row.group.length + row.namespace.length + row.name.length + 150;
}
