/**
 * Timeline facts as OCSF events (schema 1.5.0): a finding's transition is a Compliance Finding (class 2003), an audit
 * event linked to a change an API Activity (class 6003), a change that violates a control a Detection Finding (class 2004,
 * ocsf-detection.ts). Pure: equal input gives equal output, so a redelivery has the
 * same `metadata.uid` and receivers can drop it. Times are milliseconds since the Unix epoch.
 */
import type { FrameworkMapping, Severity } from '@driftline/policy';
import type { LinkRow, StreamId, TransitionRow } from '../timeline/rows.ts';

export type OcsfEvent = {
  readonly activity_id: number;
  readonly category_uid: number;
  readonly class_uid: 2003 | 2004 | 6003;
  readonly type_uid: number;
  readonly severity_id: number;
  readonly time: number;
  readonly metadata: { readonly uid: string; readonly version: string; readonly product: unknown };
  readonly [attribute: string]: unknown;
};

export type Producer = {
  /** Version of this collector. */
  readonly version: string;
  /** Framework mappings and remediation of a control, if the loaded bundle has it. */
  control(id: string): { readonly frameworks: readonly FrameworkMapping[]; readonly remediation: string } | undefined;
};

const schemaVersion = '1.5.0';
export const severities: Readonly<Record<Severity, readonly [number, string]>> = {
  info: [1, 'Informational'],
  low: [2, 'Low'],
  medium: [3, 'Medium'],
  high: [4, 'High'],
  critical: [5, 'Critical'],
};

/** OCSF activity (1 create, 2 update, 3 close) and lifecycle status (1 new, 3 suppressed, 4 resolved) of each state. */
const lifecycle: Readonly<
  Record<TransitionRow['state'], { activity: readonly [number, string]; status: readonly [number, string] }>
> = {
  opened: { activity: [1, 'Create'], status: [1, 'New'] },
  updated: { activity: [2, 'Update'], status: [1, 'New'] },
  reopened: { activity: [2, 'Update'], status: [1, 'New'] },
  excepted: { activity: [2, 'Update'], status: [3, 'Suppressed'] },
  resolved: { activity: [3, 'Close'], status: [4, 'Resolved'] },
};

export function complianceFinding(stream: StreamId, row: TransitionRow, producer: Producer): OcsfEvent {
  const { activity, status } = lifecycle[row.state];
  const severity = severities[row.severity];
  const control = producer.control(row.control);
  const time = toMs(row.atUs);
  const isFailing = row.state !== 'resolved';
  return {
    activity_id: activity[0],
    activity_name: activity[1],
    category_uid: 2,
    category_name: 'Findings',
    class_uid: 2003,
    class_name: 'Compliance Finding',
    type_uid: 2003 * 100 + activity[0],
    severity_id: severity[0],
    severity: severity[1],
    status_id: status[0],
    status: status[1],
    time,
    message:
      `${row.title}: ${objectName(row)}${row.path === '' ? '' : ` at ${row.path}`} ${row.state}. ${row.reason}`.trim(),
    metadata: metadata(
      stream,
      producer,
      `transition/${changeId(stream, row.sequence)}/${row.index}`,
      changeId(stream, row.sequence),
    ),
    finding_info: findingInfo(row.findingId, row, time),
    compliance: {
      control: row.control,
      standards: (control?.frameworks ?? []).map((mapping) => mapping.framework),
      requirements: (control?.frameworks ?? []).flatMap((mapping) =>
        mapping.requirements.map((requirement) => `${mapping.framework} ${requirement}`),
      ),
      status_id: isFailing ? 3 : 1,
      status: isFailing ? 'Fail' : 'Pass',
      status_detail: row.reason,
    },
    ...(control === undefined || !isFailing ? {} : { remediation: { desc: control.remediation } }),
    resources: [resource(stream, row)],
    unmapped: { path: row.path, value: row.value, state: row.state, cause: row.cause, policy_bundle: row.bundle },
  };
}

const activities: Readonly<Record<string, readonly [number, string]>> = {
  create: [1, 'Create'],
  update: [3, 'Update'],
  patch: [3, 'Update'],
  delete: [4, 'Delete'],
  deletecollection: [4, 'Delete'],
};

export function apiActivity(stream: StreamId, row: LinkRow, producer: Producer): OcsfEvent {
  const activity = activities[row.verb] ?? [99, row.verb];
  const [firstIp] = row.sourceIps;
  return {
    activity_id: activity[0],
    activity_name: activity[1],
    category_uid: 6,
    category_name: 'Application Activity',
    class_uid: 6003,
    class_name: 'API Activity',
    type_uid: 6003 * 100 + activity[0],
    severity_id: 1,
    severity: 'Informational',
    status_id: 1,
    status: 'Success',
    time: toMs(row.happenedAtUs),
    message: `${row.user === '' ? 'unknown user' : row.user} ${row.verb} ${objectName(row)}`,
    metadata: metadata(
      stream,
      producer,
      `link/${stream.tenant}/${stream.cluster}/${row.changeEpoch}:${row.changeSequence}/${row.auditDigest}`,
      `${row.changeEpoch}:${row.changeSequence}`,
    ),
    actor: {
      user: {
        name: row.user === '' ? 'unknown' : row.user,
        type_id: row.user.startsWith('system:') ? 3 : 1,
        groups: row.groups.map((name) => ({ name })),
      },
      ...(row.impersonatedUser === '' ? {} : { invoked_by: `${row.user} impersonating ${row.impersonatedUser}` }),
    },
    api: {
      operation: row.verb,
      service: { name: 'kubernetes' },
      group: { name: row.group === '' ? 'core' : row.group },
      request: { uid: row.auditDigest },
    },
    src_endpoint:
      firstIp === undefined ? { name: 'unknown' } : { ip: firstIp, intermediate_ips: row.sourceIps.slice(1) },
    http_request: { user_agent: row.userAgent },
    resources: [resource(stream, { ...row, kind: row.resource })],
    unmapped: { origin: row.origin, confidence: row.confidence, evidence: row.evidence },
  };
}

export function metadata(stream: StreamId, producer: Producer, uid: string, correlationUid: string) {
  return {
    uid,
    version: schemaVersion,
    product: { name: 'Driftline', vendor_name: 'Driftline', version: producer.version },
    tenant_uid: stream.tenant,
    correlation_uid: correlationUid,
    log_name: 'driftline.timeline',
  };
}

function changeId(stream: StreamId, sequence: number): string {
  return `${stream.tenant}/${stream.cluster}/${stream.epoch}:${sequence}`;
}

type Named = {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
};

/** What every class of finding says of the control that found it. */
export function findingInfo(
  uid: string,
  { title, reason, control, bundle }: Pick<TransitionRow, 'title' | 'reason' | 'control' | 'bundle'>,
  time: number,
) {
  const analytic = { uid: control, name: title, type_id: 1, type: 'Rule', version: bundle };
  return { uid, title, desc: reason, modified_time: time, types: [control], analytic };
}

export function resource(stream: StreamId, row: Named) {
  return {
    uid: row.uid === '' ? `${row.group}/${row.kind}/${row.namespace}/${row.name}` : row.uid,
    name: row.name,
    type: row.group === '' ? row.kind : `${row.kind}.${row.group}`,
    ...(row.namespace === '' ? {} : { namespace: row.namespace }),
    group: { name: stream.cluster, type: 'kubernetes-cluster' },
  };
}

export function objectName(
  row: { readonly namespace: string; readonly name: string } & (
    | { readonly kind: string }
    | { readonly resource: string }
  ),
): string {
  const kind = 'kind' in row ? row.kind : row.resource;
  return `${kind} ${row.namespace === '' ? '' : `${row.namespace}/`}${row.name}`;
}

export function toMs(timeUs: number): number {
  return Math.floor(timeUs / 1000);
}
