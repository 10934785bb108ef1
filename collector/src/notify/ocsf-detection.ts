/**
 * A change that violates a control about changes, as an OCSF Detection Finding (class 2004): it happened, somebody did
 * it, and nothing that is there later makes it undone. A Compliance Finding (2003) is the result of looking at a resource,
 * and is over when the resource is mended. Its life here is what becomes known of the requester: created, updated when
 * another one turns out to have asked, closed when it turns out that nobody did who must not.
 */
import type { ChangeVerdictRow, StreamId } from '../timeline/rows.ts';
import {
  findingInfo,
  metadata,
  objectName,
  type OcsfEvent,
  type Producer,
  resource,
  severities,
  toMs,
} from './ocsf.ts';

export type ForwardedVerdict = ChangeVerdictRow & { /** Among the verdicts of its message. */ readonly index: number };

const activities = {
  create: { activity: [1, 'Create'], status: [1, 'New'] },
  update: { activity: [2, 'Update'], status: [1, 'New'] },
  close: { activity: [3, 'Close'], status: [4, 'Resolved'] },
  suppress: { activity: [3, 'Close'], status: [3, 'Suppressed'] },
} as const;

function lifeOf({ state, stateBefore }: ChangeVerdictRow): (typeof activities)[keyof typeof activities] {
  if (state === 'fail') return stateBefore === 'fail' ? activities.update : activities.create;
  return state === 'excepted' ? activities.suppress : activities.close;
}

/** Of a row that fails, or whose verdict failed before. */
export function detectionFinding(stream: StreamId, row: ForwardedVerdict, producer: Producer): OcsfEvent {
  const { activity, status } = lifeOf(row);
  const severity = severities[row.severity];
  const control = producer.control(row.control);
  const { tenant, cluster } = stream;
  const change = `${tenant}/${cluster}/${row.changeEpoch}:${row.changeSequence}`;
  const time = toMs(row.atUs);
  const isViolated = row.state === 'fail';
  const by = row.user === '' ? '' : ` by ${row.user}`;
  return {
    activity_id: activity[0],
    activity_name: activity[1],
    category_uid: 2,
    category_name: 'Findings',
    class_uid: 2004,
    class_name: 'Detection Finding',
    type_uid: 2004 * 100 + activity[0],
    severity_id: severity[0],
    severity: severity[1],
    status_id: status[0],
    status: status[1],
    is_alert: isViolated,
    time,
    message: isViolated
      ? `${row.title}: the change of ${objectName(row)}${by} violates it. ${row.reason}`.trim()
      : `${row.title}: the change of ${objectName(row)}${by} does not violate it. ${row.reason}`.trim(),
    metadata: metadata(
      stream,
      producer,
      `verdict/${tenant}/${cluster}/${stream.epoch}:${row.sequence}/${row.index}`,
      change,
    ),
    finding_info: findingInfo(row.verdictId, row, time),
    ...(row.user === '' ? {} : { evidences: [{ actor: { user: { name: row.user } } }] }),
    ...(control === undefined || !isViolated ? {} : { remediation: { desc: control.remediation } }),
    resources: [resource(stream, row)],
    unmapped: { change, paths: row.paths, state: row.state, policy_bundle: row.bundle },
  };
}
