import { isObject, type Json, type JsonObject, stringAt, valueAt } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { type Column, columnsByKind } from './columns.ts';
import type { Rendering } from './form.ts';

export type TableRow = { readonly object: KubeObject; readonly shown: JsonObject | undefined };

const nameColumn: Column = { name: 'Name', type: 'string', format: 'name', value: (object) => object.metadata.name };
const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  value: (object, nowMs) => ageText(nowMs - Date.parse(object.metadata.creationTimestamp)),
};

/** Age as kubectl shows it: two units at most, the smaller one only while it matters. */
export const ageText = (elapsedMs: number): string => {
  const seconds = Math.max(0, Math.floor(elapsedMs / 1000));
  if (!Number.isFinite(seconds)) return '<unknown>';
  const pair = (big: number, bigUnit: string, small: number, smallUnit: string) =>
    small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  return days < 8 ? pair(days, 'd', hours % 24, 'h') : `${days}d`;
};

const jsonPathValue = (object: JsonObject, path: string): Json | undefined => {
  const parts = path.match(/[^.[\]]+/g) ?? [];
  return parts.reduce<Json | undefined>(
    (value, part) => (Array.isArray(value) ? value[Number(part)] : valueAt(value, part)),
    object,
  );
};

const customColumn = (definition: JsonObject): Column => {
  const path = stringAt(definition, 'jsonPath');
  const isDate = stringAt(definition, 'type') === 'date';
  const priority = valueAt(definition, 'priority');
  return {
    name: stringAt(definition, 'name'),
    type: stringAt(definition, 'type') || 'string',
    ...(typeof priority === 'number' ? { priority } : {}),
    value: (object, nowMs) => {
      const value = jsonPathValue(object, path) ?? null;
      if (isDate && typeof value === 'string') return ageText(nowMs - Date.parse(value));
      return isObject(value) || Array.isArray(value) ? JSON.stringify(value) : value;
    },
  };
};

const columnsOf = (rendering: Rendering): readonly Column[] => {
  const custom = rendering.kind.custom?.versions.get(rendering.version);
  if (custom !== undefined && custom.columns.length > 0) return [nameColumn, ...custom.columns.map(customColumn)];
  const { before = [], after = [] } = columnsByKind[rendering.kind.kind] ?? {};
  return rendering.kind.kind === 'Event' ? before : [nameColumn, ...before, ageColumn, ...after];
};

/** A meta.k8s.io/v1 Table. */
export const tableOf = (rows: readonly TableRow[], metadata: JsonObject, rendering: Rendering): JsonObject => {
  const columns = columnsOf(rendering);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map((column) => ({
      name: column.name,
      type: column.type,
      format: column.format ?? '',
      description: column.name,
      priority: column.priority ?? 0,
    })),
    rows: rows.map((row) => ({
      cells: columns.map((column) => column.value(row.object, rendering.nowMs)),
      ...(row.shown === undefined ? {} : { object: row.shown }),
    })),
  };
};
