/** Who caused changes, as of the last that is known. */
import { loadSql } from '../../timeline/reader/sql-file.ts';
import type { LinkColumns } from './assemble-change.ts';
import { changesParameter, charactersOf, objectKey, type ObjectColumns, objectsParameter } from './object-key.ts';
import { inParameters, type TenantTimeline } from './timeline-query.ts';

const sql = loadSql(import.meta.url, 'links.sql');

export type LinkedChange = ObjectColumns & { readonly epoch: string; readonly sequence: number };

/** By linkKey; a change that nobody is known to have caused is left out. */
export async function linksOf(
  timeline: TenantTimeline,
  changes: readonly LinkedChange[],
): Promise<ReadonlyMap<string, LinkColumns>> {
  const links = await Promise.all(
    inParameters(changes, charactersOf).map((part) =>
      timeline.query<LinkColumns>(sql, { objects: objectsParameter(part), changes: changesParameter(part) }),
    ),
  );
  // Recorded order: a later link of the same change takes the place of an earlier one, and `none` takes it away.
  const last = new Map(
    links.flat().map((link) => [linkKey({ ...link, epoch: link.changeEpoch, sequence: link.changeSequence }), link]),
  );
  for (const [key, link] of last) if (link.confidence === 'none') last.delete(key);
  return last;
}

export function linkKey(change: LinkedChange): string {
  return `${change.epoch}:${change.sequence}@${objectKey(change)}`;
}
