/** Rows of a timeline with what a test does not care about filled in. */
import type {
  AuditRow,
  ChangeVerdictRow,
  CoverageRow,
  GapRow,
  LinkRow,
  PostureRow,
  RecordedBatch,
  RegressionRow,
  StreamId,
  TransitionRow,
  VersionRow,
} from '../../timeline/rows.ts';

/** The moment that tests count from: 2026-01-01T00:00:00Z. */
export const startUs = Date.parse('2026-01-01T00:00:00Z') * 1_000;
export const secondUs = 1_000_000;

export const stream: StreamId = { tenant: 'default', cluster: 'east', epoch: 'e1' };

export function batch(
  sequences: readonly [first: number, last: number],
  rows: Partial<RecordedBatch>,
  of: StreamId = stream,
): RecordedBatch {
  const [firstSequence, lastSequence] = sequences;
  return {
    stream: of,
    firstSequence,
    lastSequence,
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
    ...rows,
  };
}

/** A Deployment `shop/web` at `startUs` plus as many seconds as its sequence. */
export function version(sequence: number, rest: Partial<VersionRow> & { readonly object?: unknown }): VersionRow {
  const { object, ...row } = rest;
  const name = row.name ?? 'web';
  const namespace = row.namespace ?? 'shop';
  const body = object ?? { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace } };
  return {
    sequence,
    group: 'apps',
    resource: 'deployments',
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    namespace,
    name,
    uid: `uid-${name}`,
    resourceVersion: String(100 + sequence),
    op: 'modified',
    observedAtUs: startUs + sequence * secondUs,
    notBeforeUs: startUs + (sequence - 1) * secondUs,
    paths: [],
    body: row.op === 'deleted' ? '' : JSON.stringify(body),
    managers: [],
    synthesised: false,
    ...row,
  };
}

export function audit(sequence: number, rest: Partial<AuditRow> = {}): AuditRow {
  return {
    sequence,
    digest: `audit-${sequence}`,
    auditId: `id-${sequence}`,
    stage: 'ResponseComplete',
    level: 'RequestResponse',
    verb: 'patch',
    group: 'apps',
    resource: 'deployments',
    subresource: '',
    namespace: 'shop',
    name: 'web',
    uid: 'uid-web',
    resourceVersion: '',
    user: 'alice@example.com',
    groups: ['dev'],
    impersonatedUser: '',
    sourceIps: ['192.0.2.7'],
    userAgent: 'kubectl/v1.36',
    code: 200,
    happenedAtUs: startUs + sequence * secondUs,
    observedAtUs: startUs + sequence * secondUs,
    dryRun: false,
    event: '{}',
    ...rest,
  };
}

export function link(sequence: number, changeSequence: number, rest: Partial<LinkRow> = {}): LinkRow {
  return {
    sequence,
    changeEpoch: stream.epoch,
    changeSequence,
    auditDigest: `audit-${sequence}`,
    confidence: 'exact',
    evidence: 'the event names this version',
    origin: 'human',
    user: 'alice@example.com',
    groups: ['dev'],
    impersonatedUser: '',
    sourceIps: ['192.0.2.7'],
    userAgent: 'kubectl/v1.36',
    verb: 'patch',
    happenedAtUs: startUs + changeSequence * secondUs - 200_000,
    group: 'apps',
    resource: 'deployments',
    namespace: 'shop',
    name: 'web',
    uid: 'uid-web',
    ...rest,
  };
}

export function verdict(
  sequence: number,
  changeSequence: number,
  rest: Partial<ChangeVerdictRow> = {},
): ChangeVerdictRow {
  return {
    sequence,
    changeEpoch: stream.epoch,
    changeSequence,
    verdictId: `v-${changeSequence}`,
    control: 'DL-CHG-001',
    severity: 'medium',
    title: 'What Git declares must not be changed by hand',
    state: 'fail',
    stateBefore: '',
    reason: 'changed by alice@example.com',
    paths: [],
    user: 'alice@example.com',
    group: 'apps',
    resource: 'deployments',
    kind: 'Deployment',
    namespace: 'shop',
    name: 'web',
    uid: 'uid-web',
    bundle: 'b1',
    context: '{}',
    atUs: startUs + sequence * secondUs,
    ...rest,
  };
}

export function transition(sequence: number, rest: Partial<TransitionRow> = {}): TransitionRow {
  return {
    sequence,
    index: 0,
    findingId: 'f1',
    state: 'opened',
    control: 'DL-POD-001',
    severity: 'high',
    title: 'Privileged container',
    group: 'apps',
    kind: 'Deployment',
    namespace: 'shop',
    name: 'web',
    uid: 'uid-web',
    path: 'spec.template.spec.containers[name=web].securityContext.privileged',
    value: 'true',
    reason: 'container web is privileged',
    bundle: 'b1',
    cause: 'change',
    atUs: startUs + sequence * secondUs,
    afterOwn: 0,
    ...rest,
  };
}

export function posture(sequence: number, rest: Partial<PostureRow> = {}): PostureRow {
  return {
    sequence,
    scope: 'cluster',
    earned: 8,
    possible: 10,
    score: 80,
    openBySeverity: { critical: 0, high: 1, medium: 0, low: 0, info: 0 },
    passing: 4,
    failing: 1,
    excepted: 0,
    notAssessable: 0,
    unjudged: 0,
    isBaseline: false,
    atUs: startUs + sequence * secondUs,
    afterOwn: 0,
    ...rest,
  };
}

/** The cluster's score fell from 80 to 60, by one finding. */
export function regression(sequence: number, rest: Partial<RegressionRow> = {}): RegressionRow {
  return {
    sequence,
    scope: 'cluster',
    fromScore: 80,
    fromAtUs: startUs + secondUs,
    score: 60,
    causes: 1,
    findingIds: [],
    changeIds: [],
    bundle: 'b1',
    atUs: startUs + sequence * secondUs,
    afterOwn: 0,
    ...rest,
  };
}

export function gap(sequence: number, rest: Partial<GapRow> = {}): GapRow {
  return {
    sequence,
    group: 'apps',
    resource: 'deployments',
    fromVersion: '100',
    toVersion: '200',
    fromUs: startUs,
    toUs: startUs + sequence * secondUs,
    cause: 'relist',
    detail: 'the watch window was over',
    fromSequence: 0,
    toSequence: 0,
    observedAtUs: startUs + sequence * secondUs,
    ...rest,
  };
}

export function coverage(sequence: number, rest: Partial<CoverageRow> = {}): CoverageRow {
  return {
    sequence,
    group: 'apps',
    resource: 'deployments',
    kind: 'Deployment',
    state: 'watched',
    reason: '',
    observedAtUs: startUs + sequence * secondUs,
    ...rest,
  };
}
