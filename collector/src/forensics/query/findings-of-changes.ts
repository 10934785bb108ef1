/** Which findings the changes of a page opened, resolved or altered. */
import { loadSql } from '../../timeline/reader/sql-file.ts';
import type { ChangeRow, TransitionColumns } from './assemble-change.ts';
import { changesParameter, charactersOf, versionKey } from './object-key.ts';
import { inParameters, type TenantTimeline } from './timeline-query.ts';

const sql = {
  transitions: loadSql(import.meta.url, 'transitions.sql'),
  siblings: loadSql(import.meta.url, 'siblings.sql'),
};

type Place = Pick<ChangeRow, 'cluster' | 'epoch' | 'sequence' | 'group' | 'kind' | 'namespace' | 'name'>;

/**
 * By versionKey. A message is one change and what it opened or resolved anywhere; only a list that shows several objects
 * to be gone is several. Then each change has the findings of its own object, and the first has the rest.
 */
export async function findingsOf(
  timeline: TenantTimeline,
  rows: readonly ChangeRow[],
): Promise<ReadonlyMap<string, readonly TransitionColumns[]>> {
  const messages = Map.groupBy(rows, messageKey);
  const transitions = await ofMessages<TransitionColumns>(timeline, sql.transitions, rows);
  const homeless = Map.groupBy(
    transitions.filter((each) => messages.get(messageKey(each))?.some((row) => isSameObject(each, row)) !== true),
    messageKey,
  );
  // What belongs to no change of this page may belong to one of the same message that another page shows.
  const split = rows.filter((row) => isFirst(row) && row.synthesised && homeless.has(messageKey(row)));
  const siblings = Map.groupBy(await ofMessages<Place>(timeline, sql.siblings, split), messageKey);
  return Map.groupBy(transitions, (each) => {
    const key = messageKey(each);
    const own = messages.get(key)?.find((row) => isSameObject(each, row));
    const isElsewhere = siblings.get(key)?.some((sibling) => isSameObject(each, sibling)) === true;
    const row = own ?? (isElsewhere ? undefined : messages.get(key)?.find(isFirst));
    return row === undefined ? '' : versionKey(row);
  });
}

async function ofMessages<Row>(
  timeline: TenantTimeline,
  query: (typeof sql)[keyof typeof sql],
  rows: readonly ChangeRow[],
): Promise<readonly Row[]> {
  const times = rows.map((row) => row.observedAtUs);
  const [fromUs, toUs] = [Math.min(...times), Math.max(...times)];
  const parts = inParameters(rows, charactersOf);
  const found = await Promise.all(
    parts.map((part) => timeline.query<Row>(query, { changes: changesParameter(part), fromUs, toUs })),
  );
  return found.flat();
}

const messageKey = ({ cluster, epoch, sequence }: Pick<Place, 'cluster' | 'epoch' | 'sequence'>): string =>
  JSON.stringify([cluster, epoch, sequence]);

/** The change that stands for its message. */
export const isFirst = (row: ChangeRow): boolean => row.index === 0;

const isSameObject = (one: Omit<Place, 'cluster' | 'epoch'>, other: Omit<Place, 'cluster' | 'epoch'>): boolean =>
  one.group === other.group && one.kind === other.kind && one.namespace === other.namespace && one.name === other.name;
