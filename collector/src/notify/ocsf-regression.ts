/**
 * A score that fell, as an OCSF Detection Finding (class 2004): it happened, and is told once. The findings it fell by
 * are told on their own, with the ids that stand here.
 */
import type { RegressionRow, StreamId } from '../timeline/rows.ts';
import { metadata, type OcsfEvent, type Producer, severities, toMs } from './ocsf.ts';

/** From how many points on a fall is how severe. */
const grades = [
  [20, severities.high],
  [10, severities.medium],
] as const;

export function regressionFinding(stream: StreamId, row: RegressionRow, producer: Producer): OcsfEvent {
  const { scope, fromScore, score, causes, findingIds, changeIds, bundle } = row;
  const { tenant, cluster } = stream;
  const fall = Math.round((fromScore - score) * 100) / 100;
  const severity = grades.find(([points]) => fall >= points)?.[1] ?? severities.low;
  const time = toMs(row.atUs);
  const title = `The posture score of ${scope} in ${cluster} fell by ${fall}`;
  const desc = `From ${fromScore} to ${score}; ${causes} of the findings that were opened meanwhile are open.`;
  const uid = `regression/${tenant}/${cluster}/${stream.epoch}:${row.sequence}/${scope}`;
  return {
    activity_id: 1,
    activity_name: 'Create',
    category_uid: 2,
    category_name: 'Findings',
    class_uid: 2004,
    class_name: 'Detection Finding',
    type_uid: 200401,
    severity_id: severity[0],
    severity: severity[1],
    status_id: 1,
    status: 'New',
    is_alert: true,
    time,
    message: `${title}. ${desc}`,
    metadata: metadata(
      stream,
      producer,
      uid,
      changeIds[0] === undefined ? uid : `${tenant}/${cluster}/${changeIds[0]}`,
    ),
    finding_info: {
      uid,
      title,
      desc,
      modified_time: time,
      first_seen_time: toMs(row.fromAtUs),
      types: ['posture-regression'],
      related_events: findingIds.map((finding) => ({ uid: finding, type_uid: 200301 })),
    },
    resources: [
      {
        uid: `${tenant}/${cluster}/${scope}`,
        name: scope,
        type: 'posture-scope',
        group: { name: cluster, type: 'kubernetes-cluster' },
      },
    ],
    unmapped: { scope, from_score: fromScore, score, causes, changes: changeIds, policy_bundle: bundle },
  };
}
