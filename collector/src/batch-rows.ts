/** The rows that one batch becomes, while it is being worked on; and how each message's fields become a row's. */
import { parseAuditEvent } from '@driftline/proto';
import type { AuditMessage, Delta, Gap, KindDigest, KindSynced, Rejected } from '@driftline/proto';
import type { AuditFacts, ChangeFacts } from './forensics/correlate-rules.ts';
import type { Applied } from './inventory/apply-delta.ts';
import type { InventoryEntry } from './inventory/inventory.ts';
import { listedReasons } from './timeline/rows.ts';
import type {
  AuditRow,
  CoverageRow,
  GapRow,
  RecordedBatch,
  RejectedRow,
  StreamId,
  VersionRow,
} from './timeline/rows.ts';

type Rows<T> = T extends readonly (infer Row)[] ? Row[] : T;
export type BatchRows = { readonly [K in keyof RecordedBatch]: Rows<RecordedBatch[K]> } & {
  /** Of every row that is judged in this batch. */
  readonly afterOwn: number;
};

/** Where in the stream a row belongs. */
export type At = { readonly sequence: number; readonly observedAtUs: number };

export type RowsSpan = Pick<BatchRows, 'firstSequence' | 'lastSequence' | 'afterOwn'>;

export const openRows = (stream: StreamId, span: RowsSpan): BatchRows => ({
  stream,
  ...span,
  versions: [],
  audits: [],
  links: [],
  transitions: [],
  unjudged: [],
  posture: [],
  gaps: [],
  coverage: [],
  rejected: [],
  changeVerdicts: [],
  regressions: [],
});

export const versionRow = (delta: Delta, version: Extract<Applied, { type: 'version' }>, at: At): VersionRow => ({
  ...at,
  group: version.ref.group,
  resource: version.ref.resource,
  kind: version.ref.kind,
  apiVersion: delta.apiVersion === '' ? (version.before?.apiVersion ?? '') : delta.apiVersion,
  namespace: version.ref.namespace,
  name: version.ref.name,
  uid: version.ref.uid,
  resourceVersion: delta.resourceVersion,
  op: delta.op,
  notBeforeUs: delta.notBeforeUs,
  paths: version.paths,
  body: version.text,
  bodyHash: version.text === '' ? undefined : delta.contentHash,
  managers: delta.managers,
  synthesised: delta.synthesised,
});

/** A delete that follows from a new epoch's list. */
export const sweptRow = (entry: InventoryEntry, synced: KindSynced, at: At): VersionRow => ({
  ...at,
  group: entry.ref.group,
  resource: entry.ref.resource,
  kind: entry.ref.kind,
  apiVersion: entry.apiVersion,
  namespace: entry.ref.namespace,
  name: entry.ref.name,
  uid: entry.ref.uid,
  resourceVersion: synced.resourceVersion,
  op: 'deleted',
  notBeforeUs: 0,
  paths: [],
  body: '',
  managers: [],
  synthesised: true,
});

/**
 * Says in the timeline that what is held of the kind is as of this epoch, objects included that it never had to send: a
 * collector that starts later has not seen them come.
 */
export const listedRow = ({ group, resource, kind }: KindSynced, isComplete: boolean, at: At): CoverageRow => ({
  ...at,
  group,
  resource,
  kind,
  state: 'watched',
  reason: isComplete ? listedReasons.complete : listedReasons.open,
});

/** The API server names a namespace twice: as the object's namespace and as its name. Objects are cluster-scoped. */
const placeOf = (fields: { readonly group: string; readonly resource: string; readonly namespace: string }): string =>
  fields.group === '' && fields.resource === 'namespaces' ? '' : fields.namespace;

/** What the correlator keeps of a version for hours: without its body, which would stay in memory with it. */
export const changeFacts = (row: VersionRow, epoch: string): ChangeFacts => ({
  sequence: row.sequence,
  epoch,
  group: row.group,
  resource: row.resource,
  kind: row.kind,
  apiVersion: row.apiVersion,
  namespace: row.namespace,
  name: row.name,
  uid: row.uid,
  resourceVersion: row.resourceVersion,
  op: row.op,
  observedAtUs: row.observedAtUs,
  notBeforeUs: row.notBeforeUs,
  paths: row.paths,
  managers: row.managers,
  synthesised: row.synthesised,
});

export type ReadAudit =
  /** `facts`: what the correlator keeps for hours, without the event. */
  | { readonly type: 'audit'; readonly row: AuditRow; readonly facts: AuditFacts }
  | { readonly type: 'rejected'; readonly reason: string };

export const readAudit = (message: AuditMessage, at: At): ReadAudit => {
  const parsed = parseAuditEvent(message.event);
  if (!parsed.ok) return { type: 'rejected', reason: parsed.reason };
  const { fields } = parsed;
  const read = {
    ...at,
    digest: message.digest,
    auditId: fields.auditId,
    stage: fields.stage,
    level: fields.level,
    verb: fields.verb,
    group: fields.group,
    resource: fields.resource,
    subresource: fields.subresource,
    namespace: placeOf(fields),
    name: fields.name === '' ? fields.responseName : fields.name,
    uid: fields.uid,
    resourceVersion: fields.isResponseVersion ? fields.resourceVersion : '',
    user: fields.user,
    groups: fields.groups,
    impersonatedUser: fields.impersonatedUser,
    sourceIps: fields.sourceIps,
    userAgent: fields.userAgent,
    code: fields.code,
    happenedAtUs: fields.stageAtUs,
    dryRun: fields.dryRun,
  };
  const { fieldManager, requestVersion, receivedAtUs } = fields;
  const row = { ...read, event: message.event };
  return { type: 'audit', row, facts: { ...read, fieldManager, requestVersion, receivedAtUs } };
};

export const gapRow = (gap: Omit<Gap, 'type'>, at: At): GapRow => ({
  ...at,
  group: gap.group,
  resource: gap.resource,
  fromVersion: gap.fromVersion,
  toVersion: gap.toVersion,
  fromUs: gap.fromUs,
  toUs: gap.toUs,
  cause: gap.cause,
  detail: gap.detail,
  fromSequence: gap.fromSequence,
  toSequence: gap.toSequence,
});

/** A version that was seen but could not be taken in. */
export const lostVersionGap = (delta: Delta, knownVersion: string, detail: string, at: At): GapRow =>
  gapRow(
    {
      group: delta.ref.group,
      resource: delta.ref.resource,
      fromVersion: knownVersion,
      toVersion: delta.resourceVersion,
      fromUs: delta.notBeforeUs,
      toUs: at.observedAtUs,
      cause: 'undecodable',
      detail,
      fromSequence: at.sequence,
      toSequence: at.sequence,
    },
    at,
  );

/** A difference that nothing explains: somewhere between the last agreement and now something was lost. */
export const divergenceGap = (digest: KindDigest, difference: string, at: At): GapRow =>
  gapRow(
    {
      group: digest.group,
      resource: digest.resource,
      fromVersion: digest.agreedVersion,
      toVersion: digest.resourceVersion,
      fromUs: digest.agreedAtUs,
      toUs: at.observedAtUs,
      cause: 'divergence',
      detail: `${difference}; repaired from the current state`,
      fromSequence: 0,
      toSequence: 0,
    },
    at,
  );

/** Sequences that never came, or came unreadable. */
export const sequenceGap = (
  cause: 'sequence_hole' | 'undecodable',
  range: { readonly fromSequence: number; readonly toSequence: number },
  span: { readonly fromUs: number; readonly toUs: number; readonly detail: string },
  at: At,
): GapRow => gapRow({ group: '', resource: '', fromVersion: '', toVersion: '', cause, ...span, ...range }, at);

export const rejectedRow = (rejected: Omit<Rejected, 'type'>, at: At): RejectedRow => ({
  ...at,
  source: rejected.source,
  reason: rejected.reason,
  detail: rejected.detail,
  bytes: rejected.bytes,
});
