/** What controls about changes say of changes, as of the last that is known of their requesters. */
import type { ApiChangeVerdict } from '@driftline/proto';
import { TupleParam } from '@clickhouse/client';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import type { ChangeVerdictRow } from '../../timeline/rows.ts';
import { charactersOf, objectKey, type ObjectColumns, objectsParameter } from './object-key.ts';
import { inParameters, type TenantTimeline, toRfc3339 } from './timeline-query.ts';

const sql = loadSql(import.meta.url, 'change-verdicts.sql');

export type JudgedChange = ObjectColumns & {
  readonly epoch: string;
  readonly sequence: number;
  readonly uid: string;
};

type VerdictColumns = ObjectColumns &
  Pick<
    ChangeVerdictRow,
    | 'changeEpoch'
    | 'changeSequence'
    | 'verdictId'
    | 'control'
    | 'severity'
    | 'title'
    | 'state'
    | 'reason'
    | 'paths'
    | 'user'
    | 'uid'
    | 'bundle'
    | 'atUs'
  >;

/** The end of an object and the beginning of its namesake can come with one message. */
export function judgedKey(change: JudgedChange): string {
  return `${change.epoch}:${change.sequence} ${change.uid} ${objectKey(change)}`;
}

/** By judgedKey, in the order of the controls; what a change passes is left out. */
export async function verdictsOf(
  timeline: TenantTimeline,
  changes: readonly JudgedChange[],
): Promise<ReadonlyMap<string, readonly ApiChangeVerdict[]>> {
  const found = await Promise.all(
    inParameters(changes, charactersOf).map((part) =>
      timeline.query<VerdictColumns>(sql, {
        objects: objectsParameter(part),
        changes: part.map(({ cluster, epoch, sequence }) => new TupleParam([cluster, epoch, sequence])),
      }),
    ),
  );
  const last = new Map(found.flat().map((row) => [row.verdictId, row]));
  const told = [...last.values()].sort((a, b) => (a.control < b.control ? -1 : 1));
  const byChange = new Map<string, ApiChangeVerdict[]>();
  for (const row of told) {
    const { state } = row;
    if (state === 'pass') continue;
    const key = judgedKey({ ...row, epoch: row.changeEpoch, sequence: row.changeSequence });
    const list = byChange.get(key) ?? [];
    list.push(apiVerdict(row, state));
    byChange.set(key, list);
  }
  return byChange;
}

function apiVerdict(row: VerdictColumns, state: ApiChangeVerdict['state']): ApiChangeVerdict {
  const { verdictId: id, control, title, severity, reason, paths, user, bundle, atUs } = row;
  return { id, control, title, severity, state, reason, paths, user, bundle, at: toRfc3339(atUs) };
}
