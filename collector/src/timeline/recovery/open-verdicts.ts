/** Verdicts that wait for their requester, with the two forms of their changes. */
import { TupleParam } from '@clickhouse/client';
import { objectKey, type Op } from '@driftline/proto';
import { loadSql } from '../reader/sql-file.ts';
import type { TimelineReader } from '../reader/timeline-reader.ts';
import type { ChangeVerdictRow } from '../rows.ts';
import type { ClusterId, OpenVerdict } from '../timeline.ts';

const sql = {
  verdicts: loadSql(import.meta.url, './open-verdicts.sql'),
  versions: loadSql(import.meta.url, './judged-versions.sql'),
  bodies: loadSql(import.meta.url, './judged-bodies.sql'),
} as const;

type ObjectPlace = Pick<ChangeVerdictRow, 'group' | 'resource' | 'namespace' | 'name'>;
type VersionPlace = ObjectPlace & { readonly epochOrdinal: number; readonly sequence: number; readonly index: number };

type JudgedVersion = VersionPlace & {
  readonly uid: string;
  readonly epoch: string;
  readonly op: Op;
  readonly observedAtUs: number;
  readonly beforeOrdinal: number;
  readonly beforeSequence: number | string;
  readonly beforeIndex: number;
  readonly beforeUid: string;
};

/** Places that one query names: its parameters have to fit an HTTP request. */
const placesAtOnce = 200;

const placeKey = (place: VersionPlace): string =>
  `${place.epochOrdinal}\n${place.sequence}\n${place.index}\n${objectKey(place)}`;

const beforeOf = (version: JudgedVersion): VersionPlace | undefined => {
  const { beforeOrdinal: epochOrdinal, beforeSequence, beforeIndex: index, group, resource, namespace, name } = version;
  const sequence = Number(beforeSequence);
  return sequence === 0 ? undefined : { group, resource, namespace, name, epochOrdinal, sequence, index };
};

async function bodiesOf(
  reader: TimelineReader,
  { tenant, cluster }: ClusterId,
  places: readonly VersionPlace[],
): Promise<ReadonlyMap<string, string>> {
  const bodies = new Map<string, string>();
  for (let from = 0; from < places.length; from += placesAtOnce) {
    const part = places.slice(from, from + placesAtOnce);
    const found = await reader.all<VersionPlace & { readonly body: string }>(sql.bodies, {
      tenant,
      cluster,
      objects: part.map(({ group, resource, namespace, name }) => new TupleParam([group, resource, namespace, name])),
      versions: part.map(({ epochOrdinal, sequence, index }) => new TupleParam([epochOrdinal, sequence, index])),
    });
    for (const { body, ...place } of found) bodies.set(placeKey(place), body);
  }
  return bodies;
}

/** As TimelineRecovery.openVerdicts promises. */
export async function openVerdicts(
  reader: TimelineReader,
  { tenant, cluster }: ClusterId,
  { spanUs, entries }: { readonly spanUs: number; readonly entries: number },
): Promise<readonly OpenVerdict[]> {
  const span = { tenant, cluster, spanUs: Math.trunc(spanUs) };
  const rows = await reader.all<ChangeVerdictRow>(sql.verdicts, span);
  if (rows.length === 0) return [];
  const versions = await reader.all<JudgedVersion>(sql.versions, { ...span, entries });
  const places = versions.flatMap((version) => [version, beforeOf(version) ?? []].flat());
  const bodies = await bodiesOf(reader, { tenant, cluster }, places);
  const changeKey = (epoch: string, sequence: number, place: ObjectPlace & { readonly uid: string }): string =>
    `${epoch}\n${sequence}\n${place.uid}\n${objectKey(place)}`;
  const byChange = Map.groupBy(rows, (row) => changeKey(row.changeEpoch, row.changeSequence, row));
  return versions.flatMap((version) => {
    const { op, observedAtUs, beforeUid: uid } = version;
    const previous = beforeOf(version);
    const before = previous === undefined ? undefined : { uid, body: bodies.get(placeKey(previous)) ?? '' };
    const own = byChange.get(changeKey(version.epoch, version.sequence, version)) ?? [];
    return own.map((row) => ({ row, op, observedAtUs, body: bodies.get(placeKey(version)) ?? '', before }));
  });
}
