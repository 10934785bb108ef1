/** TimelineRecovery over ClickHouse. Answers stream, and stop at the last commit row of each epoch. */
import { parseAuditEvent } from '@driftline/proto';
import { loadSql } from '../reader/sql-file.ts';
import type { TimelineReader } from '../reader/timeline-reader.ts';
import { listedReasons } from '../rows.ts';
import type { AuditHints, CoverageRow, LinkRow, PostureRow, TransitionRow, UnjudgedRow, VersionRow } from '../rows.ts';
import type { ClusterId, ListedKind, RecentRows, RecordedEpoch, TimelineRecovery } from '../timeline.ts';

import { openVerdicts } from './open-verdicts.ts';

const sql = {
  clusters: loadSql(import.meta.url, './clusters.sql'),
  epochs: loadSql(import.meta.url, './epochs.sql'),
  inventory: loadSql(import.meta.url, './inventory.sql'),
  findings: loadSql(import.meta.url, './findings.sql'),
  posture: loadSql(import.meta.url, './posture.sql'),
  recentPosture: loadSql(import.meta.url, './recent-posture.sql'),
  unjudged: loadSql(import.meta.url, './unjudged.sql'),
  listedKinds: loadSql(import.meta.url, './listed-kinds.sql'),
  endedDefinitions: loadSql(import.meta.url, './ended-definitions.sql'),
  coverage: loadSql(import.meta.url, './coverage.sql'),
  recentVersions: loadSql(import.meta.url, './recent-versions.sql'),
  recentAudits: loadSql(import.meta.url, './recent-audits.sql'),
  recentLinks: loadSql(import.meta.url, './recent-links.sql'),
} as const;

/** Does not own the reader. */
export function timelineRecovery(reader: TimelineReader): TimelineRecovery {
  const of = ({ tenant, cluster }: ClusterId) => ({ tenant, cluster });
  return {
    clusters: () => reader.all<ClusterId>(sql.clusters, {}),
    epochs: (cluster) => reader.all<RecordedEpoch>(sql.epochs, of(cluster)),
    inventory: (cluster) => reader.query<VersionRow & { readonly epoch: string }>(sql.inventory, of(cluster)),
    findings: (cluster) => reader.query<TransitionRow & { readonly epoch: string }>(sql.findings, of(cluster)),
    posture: (cluster) => reader.all<PostureRow>(sql.posture, of(cluster)),
    recentPosture: (cluster, { spanUs }) =>
      reader.all<PostureRow>(sql.recentPosture, { ...of(cluster), spanUs: Math.trunc(spanUs) }),
    unjudged: (cluster) => reader.all<UnjudgedRow>(sql.unjudged, of(cluster)),
    listedKinds: ({ tenant, cluster, epoch }) =>
      reader.all<ListedKind>(sql.listedKinds, { tenant, cluster, epoch, ...listedReasons }),
    endedDefinitions: async (cluster) =>
      (await reader.all<{ readonly name: string }>(sql.endedDefinitions, of(cluster))).map(({ name }) => name),
    coverage: (cluster) => reader.all<CoverageRow>(sql.coverage, of(cluster)),
    openVerdicts: (cluster, window) => openVerdicts(reader, cluster, window),
    async recent(cluster, { spanUs, entries }) {
      const span = { ...of(cluster), spanUs: Math.trunc(spanUs) };
      const [versions, audits, links] = await Promise.all([
        reader.all<RecentRows['versions'][number] & Stored>(sql.recentVersions, { ...span, entries }),
        reader.all<StoredAudit & Stored>(sql.recentAudits, { ...span, entries }),
        reader.all<LinkRow>(sql.recentLinks, span),
      ]);
      return { versions: versions.map(withoutPlace), audits: audits.map(withoutPlace).map(withHints), links };
    },
  };
}

type RecentAudit = RecentRows['audits'][number];

/** An event's row with the parts of the event that its hints are read from. */
type StoredAudit = Omit<RecentAudit, keyof AuditHints> & {
  readonly requestUri: string;
  readonly receivedAt: string;
  readonly refVersion: string;
  readonly objectVersion: string;
};

function withHints({ requestUri, receivedAt, refVersion, objectVersion, ...row }: StoredAudit): RecentAudit {
  const parsed = parseAuditEvent({
    verb: row.verb,
    stage: row.stage,
    requestURI: requestUri,
    requestReceivedTimestamp: receivedAt,
    stageTimestamp: '1970-01-01T00:00:01Z',
    objectRef: { resourceVersion: refVersion },
    requestObject: { metadata: { resourceVersion: objectVersion } },
  });
  if (!parsed.ok) return { ...row, fieldManager: '', requestVersion: '', receivedAtUs: 0 };
  const { fieldManager, requestVersion, receivedAtUs } = parsed.fields;
  return { ...row, fieldManager, requestVersion, receivedAtUs };
}

type Stored = { readonly epochOrdinal: number; readonly index: number };

/** Columns that only the order needed. */
function withoutPlace<Row extends Stored>({
  epochOrdinal: _ordinal,
  index: _index,
  ...row
}: Row): Omit<Row, keyof Stored> {
  return row;
}
