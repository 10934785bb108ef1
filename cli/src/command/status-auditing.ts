/** The part of `driftline status` about audit events: how far they explain the changes, and which of them are not seen. */
import type { ApiAuditing, ApiCoverage } from '@driftline/proto';
import { table } from '../output/text.ts';

/** '' when nothing has changed. The last column is what the agent says that it sees of the audit stream. */
export function auditingText(auditing: readonly ApiAuditing[], coverage: readonly ApiCoverage[]): string {
  if (auditing.length === 0) return '';
  const seen = new Map(
    coverage
      .filter(({ group, resource }) => group === 'audit.k8s.io' && resource === 'events')
      .map(({ cluster, reason }) => [cluster, reason]),
  );
  const rows = auditing.map(({ cluster, changes, unexplained, events, ambiguousIds }) => [
    cluster,
    String(changes),
    unexplained === 0 ? '0' : `${unexplained} (${share(unexplained, changes)})`,
    String(events),
    String(ambiguousIds),
    seen.get(cluster) ?? '-',
  ]);
  const columns = ['CLUSTER', 'CHANGES OF A DAY', 'WITHOUT ANY EVENT', 'EVENTS', 'AMBIGUOUS IDS', 'AUDIT EVENTS SEEN'];
  const isAmbiguous = auditing.some(({ ambiguousIds }) => ambiguousIds > 0);
  const note = isAmbiguous
    ? '\nAmbiguous: Audit-IDs that came with more than one content. Clients can choose them; every content is kept.'
    : '';
  return `${table(columns, rows)}${note}`;
}

const share = (part: number, whole: number): string => {
  const percent = (100 * part) / whole;
  return percent < 1 ? 'under 1 %' : `${Math.floor(percent)} %`;
};
