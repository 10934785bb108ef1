/**
 * The risk of findings as things stand, worked out when it is asked for: from their transitions, from what other findings
 * show of the same object, and from labels. Nothing of it is recorded, so equal records give an equal answer at any time.
 */
import { type ControlMeta, criticalityLabel, factsShownBy, type Risk, type RiskFacts, riskOf } from '@driftline/policy';
import { loadSql } from '../../timeline/reader/sql-file.ts';
import type { FindingColumns, FindingObject } from './finding-query.ts';
import { queryLabels } from './label-query.ts';
import type { TenantTimeline } from './timeline-query.ts';

const sql = loadSql(import.meta.url, 'risk-evidence.sql');

export type RiskQuestion = {
  readonly control: (id: string) => ControlMeta | undefined;
  /** Milliseconds since the Unix epoch: what ages are counted to. */
  readonly nowMs: number;
  /** As the findings were asked for. */
  readonly filter: { readonly cluster: string; readonly namespace: string };
};

type EvidenceColumns = FindingObject & { readonly control: string; readonly reason: string };

const dayUs = 86_400_000_000;
const mitre = 'mitre-attack';

/** In the order of the findings. */
export async function queryRisks(
  timeline: TenantTimeline,
  rows: readonly FindingColumns[],
  { control, nowMs, filter }: RiskQuestion,
): Promise<readonly Risk[]> {
  if (rows.length === 0) return [];
  const { cluster, namespace } = filter;
  const [shown, labels] = await Promise.all([
    timeline.query<EvidenceColumns>(sql, { cluster, namespace, controls: [...factsShownBy.keys()] }),
    queryLabels(timeline, [...rows, ...rows.map(namespaceOf)]),
  ]);
  const shownOf = Map.groupBy(shown, keyOf);
  return rows.map((row, index) =>
    riskOf({
      severity: row.severity,
      techniques: techniquesOf(control(row.control)),
      shown: (shownOf.get(keyOf(row)) ?? []).flatMap((evidence) => factsOf(evidence)),
      criticality: {
        ofObject: labels[index]?.[criticalityLabel] ?? '',
        ofNamespace: labels[rows.length + index]?.[criticalityLabel] ?? '',
      },
      openDays: openDays(row, nowMs),
      reopened: row.reopened,
    }),
  );
}

function factsOf({ control, reason }: EvidenceColumns): RiskFacts['shown'] {
  return (factsShownBy.get(control) ?? []).map((fact) => ({ ...fact, control, reason }));
}

function techniquesOf(control: ControlMeta | undefined): readonly string[] {
  const mapped = control?.frameworks.filter(({ framework }) => framework === mitre) ?? [];
  return [...new Set(mapped.flatMap(({ requirements }) => requirements))];
}

/** Of a finding that is over: until it was. */
function openDays({ state, openedAtUs, atUs }: FindingColumns, nowMs: number): number {
  const untilUs = state === 'resolved' ? atUs : nowMs * 1_000;
  return openedAtUs === 0 ? 0 : Math.max(0, Math.floor((untilUs - openedAtUs) / dayUs));
}

function namespaceOf({ cluster, namespace }: FindingObject): FindingObject {
  return { cluster, group: '', kind: 'Namespace', namespace: '', name: namespace };
}

function keyOf({ cluster, group, kind, namespace, name }: FindingObject): string {
  return JSON.stringify([cluster, group, kind, namespace, name]);
}
