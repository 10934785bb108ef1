/** The timeline as its reader sees it, by SQL and without the product's code, in the checker's words. */
import { ask } from '../flow/recorded.ts';
import type { StoreAccess } from '../flow/recorded.ts';
import type { RecordedGap, RecordedVersion } from './check.ts';

const kind = `if("group" = '', resource, concat(resource, '.', "group"))`;
const stored = (cluster: string, table: string): string => `${table} WHERE cluster = '${cluster}'`;

/** What readers are told: a collector that was killed can leave rows behind whose batch was never committed. */
const recorded = (cluster: string, table: string): string =>
  `${table} INNER JOIN (SELECT epoch, max(last_sequence) AS watermark FROM ${stored(cluster, 'batch_commits')} GROUP BY epoch)
     AS commits USING (epoch) WHERE cluster = '${cluster}' AND sequence <= watermark`;

/** In the timeline's order. */
export const readVersions = (store: StoreAccess, cluster: string): Promise<readonly RecordedVersion[]> =>
  ask(
    store,
    `SELECT concat(${kind}, ' ', namespace, '/', name) AS key, epoch_ordinal AS "epochOrdinal", sequence, "index", op,
       synthesised, uid, resource_version AS "resourceVersion", body
     FROM ${recorded(cluster, 'resource_versions')} ORDER BY epoch_ordinal, sequence, "index"`,
  );

export const readGaps = (store: StoreAccess, cluster: string): Promise<readonly RecordedGap[]> =>
  ask(
    store,
    `SELECT ${kind} AS kind, epoch_ordinal AS "epochOrdinal", cause, detail, from_version AS "fromVersion",
       to_version AS "toVersion", from_sequence AS "fromSequence", to_sequence AS "toSequence"
     FROM ${recorded(cluster, 'gaps')} ORDER BY epoch_ordinal, sequence, "index"`,
  );

/** Sentences about sequences that are neither covered by commits exactly once nor in a gap, and rows that are there twice. */
export async function brokenSequences(store: StoreAccess, cluster: string): Promise<readonly string[]> {
  const broken: string[] = [];
  const gaps = await readGaps(store, cluster);
  const commits = await ask<{ epoch: string; ordinal: number; first: number; last: number }>(
    store,
    `SELECT epoch, epoch_ordinal AS ordinal, first_sequence AS first, last_sequence AS last FROM ${stored(cluster, 'batch_commits')}
       AND epoch != 'collector' ORDER BY epoch_ordinal, first_sequence`,
  );
  const next = new Map<string, number>();
  for (const { epoch, ordinal, first, last } of commits) {
    const expected = next.get(epoch) ?? 1;
    const isConfessed = gaps.some(
      ({ epochOrdinal, fromSequence, toSequence }) =>
        epochOrdinal === ordinal && fromSequence > 0 && fromSequence <= expected && first - 1 <= toSequence,
    );
    if (first !== expected && !(first > expected && isConfessed))
      broken.push(`${epoch}: a commit begins at ${first} instead of ${expected}`);
    next.set(epoch, last + 1);
  }
  const tables = ['resource_versions', 'gaps', 'coverage', 'rejected', 'audit_events', 'finding_transitions'];
  for (const table of tables) {
    const [row] = await ask<{ rows: number; distinct: number }>(
      store,
      `SELECT count() AS rows, uniqExact(epoch, sequence, "index") AS distinct FROM ${stored(cluster, table)}`,
    );
    if (row?.rows !== row?.distinct) broken.push(`${table}: ${row?.rows} rows, ${row?.distinct} of them distinct`);
  }
  return broken;
}

/** Input that could not be read: the workload writes none. */
export const rejectedInput = async (store: StoreAccess, cluster: string): Promise<readonly string[]> => {
  const rows = await ask<{ source: string; reason: string; detail: string }>(
    store,
    `SELECT source, reason, detail FROM ${stored(cluster, 'rejected')}`,
  );
  return rows.map(({ source, reason, detail }) => `rejected ${source}: ${reason} ${detail}`);
};
