/**
 * The record tables as the code knows them: for each, the columns in the order they are hashed and sent, after the
 * columns all of them share (tenant, cluster, epoch, epoch_ordinal, sequence, index). A row's field and its column have
 * the same name, in camelCase and snake_case. A test compares names and types with the migrated store.
 */
import type {
  AuditRow,
  ChangeVerdictRow,
  CoverageRow,
  GapRow,
  LinkRow,
  PostureRow,
  RecordedBatch,
  RegressionRow,
  RejectedRow,
  TransitionRow,
  UnjudgedRow,
  VersionRow,
} from '../rows.ts';

export const managersType =
  'Array(Tuple(manager LowCardinality(String), operation LowCardinality(String), subresource LowCardinality(String), timeUs Int64, paths Array(LowCardinality(String))))';

export const countsType = 'Map(LowCardinality(String), UInt32)';

export const columnTypes = [
  'String',
  'LowCardinality(String)',
  'FixedString(64)',
  'UInt8',
  'UInt32',
  'UInt64',
  'Int64',
  'Float64',
  'Bool',
  'Array(LowCardinality(String))',
  countsType,
  managersType,
] as const;
export type ColumnType = (typeof columnTypes)[number];

/** `isLong`: hashed by its own SHA-256, so that a verifier need not fetch the text. */
export type Column = {
  readonly field: string;
  readonly name: string;
  readonly type: ColumnType;
  readonly isLong: boolean;
  /** The first chain version whose row digests have it. */
  readonly since: number;
};

/** A row by field name, as the pipeline gives it. */
export type FieldValues = Readonly<Record<string, unknown>>;

export type Table = {
  readonly name: string;
  /** Without the shared ones. */
  readonly columns: readonly Column[];
  rows(batch: RecordedBatch): readonly FieldValues[];
};

const text = 'String';
const word = 'LowCardinality(String)';
const words = 'Array(LowCardinality(String))';
const time = 'Int64';

type Fields<Row> = { readonly [Field in Exclude<keyof Row & string, 'sequence' | 'index' | 'bodyHash'>]: ColumnType };

/** Requires a type for every field of Row, so that a new field cannot be forgotten here. */
function table<Row extends object>(
  name: string,
  fields: Fields<Row>,
  rows: (batch: RecordedBatch) => readonly Row[],
): Table {
  const columns = Object.entries<ColumnType>(fields).map(([field, type]) => column(field, type));
  return { name, columns, rows: (batch) => rows(batch) as readonly FieldValues[] };
}

export function column(field: string, type: ColumnType): Column {
  const isLong = type === text && longFields.includes(field);
  return { field, name: snakeCase(field), type, isLong, since: sinceVersion[field] ?? 1 };
}

const longFields: readonly string[] = ['body', 'event'];
const sinceVersion: Readonly<Record<string, number>> = {
  afterOwn: 2,
  passing: 3,
  failing: 3,
  excepted: 3,
  notAssessable: 3,
  unjudged: 3,
  isBaseline: 3,
};

export function snakeCase(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Columns every record table begins with. */
export const sharedColumns: readonly Column[] = [
  column('tenant', word),
  column('cluster', word),
  column('epoch', word),
  column('epochOrdinal', 'UInt32'),
  column('sequence', 'UInt64'),
  column('index', 'UInt32'),
];

const versions = table<VersionRow>(
  'resource_versions',
  {
    group: word,
    resource: word,
    kind: word,
    apiVersion: word,
    namespace: word,
    name: text,
    uid: text,
    resourceVersion: text,
    op: word,
    observedAtUs: time,
    notBeforeUs: time,
    paths: words,
    body: text,
    managers: managersType,
    synthesised: 'Bool',
  },
  (batch) => batch.versions,
);

const audits = table<AuditRow>(
  'audit_events',
  {
    digest: text,
    auditId: text,
    stage: word,
    level: word,
    verb: word,
    group: word,
    resource: word,
    subresource: word,
    namespace: word,
    name: text,
    uid: text,
    resourceVersion: text,
    user: word,
    groups: words,
    impersonatedUser: word,
    sourceIps: words,
    userAgent: word,
    code: 'UInt32',
    happenedAtUs: time,
    observedAtUs: time,
    dryRun: 'Bool',
    event: text,
  },
  (batch) => batch.audits,
);

const links = table<LinkRow>(
  'links',
  {
    changeEpoch: word,
    changeSequence: 'UInt64',
    auditDigest: text,
    confidence: word,
    evidence: text,
    origin: word,
    user: word,
    groups: words,
    impersonatedUser: word,
    sourceIps: words,
    userAgent: word,
    verb: word,
    happenedAtUs: time,
    group: word,
    resource: word,
    namespace: word,
    name: text,
    uid: text,
  },
  (batch) => batch.links,
);

const transitions = table<TransitionRow>(
  'finding_transitions',
  {
    findingId: text,
    state: word,
    control: word,
    severity: word,
    title: word,
    group: word,
    kind: word,
    namespace: word,
    name: text,
    uid: text,
    path: text,
    value: text,
    reason: text,
    bundle: word,
    cause: word,
    atUs: time,
    afterOwn: 'UInt64',
  },
  (batch) => batch.transitions,
);

const unjudged = table<UnjudgedRow>(
  'unjudged',
  {
    control: word,
    group: word,
    kind: word,
    namespace: word,
    name: text,
    state: word,
    reason: text,
    bundle: word,
    atUs: time,
    afterOwn: 'UInt64',
  },
  (batch) => batch.unjudged,
);

const posture = table<PostureRow>(
  'posture_samples',
  {
    scope: word,
    earned: 'Float64',
    possible: 'Float64',
    score: 'Float64',
    openBySeverity: countsType,
    atUs: time,
    afterOwn: 'UInt64',
    passing: 'UInt32',
    failing: 'UInt32',
    excepted: 'UInt32',
    notAssessable: 'UInt32',
    unjudged: 'UInt32',
    isBaseline: 'Bool',
  },
  (batch) => batch.posture,
);

const gaps = table<GapRow>(
  'gaps',
  {
    group: word,
    resource: word,
    fromVersion: text,
    toVersion: text,
    fromUs: time,
    toUs: time,
    cause: word,
    detail: text,
    fromSequence: 'UInt64',
    toSequence: 'UInt64',
    observedAtUs: time,
  },
  (batch) => batch.gaps,
);

const coverage = table<CoverageRow>(
  'coverage',
  { group: word, resource: word, kind: word, state: word, reason: text, observedAtUs: time },
  (batch) => batch.coverage,
);

const rejected = table<RejectedRow>(
  'rejected',
  { source: word, reason: word, detail: text, bytes: 'UInt64', observedAtUs: time },
  (batch) => batch.rejected,
);

const changeVerdicts = table<ChangeVerdictRow>(
  'change_verdicts',
  {
    changeEpoch: word,
    changeSequence: 'UInt64',
    verdictId: text,
    control: word,
    severity: word,
    title: word,
    state: word,
    stateBefore: word,
    reason: text,
    paths: words,
    user: word,
    group: word,
    resource: word,
    kind: word,
    namespace: word,
    name: text,
    uid: text,
    bundle: word,
    context: text,
    atUs: time,
  },
  (batch) => batch.changeVerdicts,
);

const regressions = table<RegressionRow>(
  'score_regressions',
  {
    scope: word,
    fromScore: 'Float64',
    fromAtUs: time,
    score: 'Float64',
    causes: 'UInt32',
    findingIds: words,
    changeIds: words,
    bundle: word,
    atUs: time,
    afterOwn: 'UInt64',
  },
  (batch) => batch.regressions,
);

/** In the order in which their rows enter a batch's root. */
export const recordTables: readonly Table[] = [
  versions,
  audits,
  links,
  transitions,
  unjudged,
  posture,
  gaps,
  coverage,
  rejected,
  changeVerdicts,
  regressions,
];

/** One row for each recorded batch, written last. */
export const commitColumns: readonly Column[] = [
  column('tenant', word),
  column('cluster', word),
  column('epoch', word),
  column('epochOrdinal', 'UInt32'),
  column('firstSequence', 'UInt64'),
  column('lastSequence', 'UInt64'),
  column('rowCounts', countsType),
  column('newestObservedAtUs', time),
  column('recordedAtUs', time),
  column('generation', 'UInt64'),
  column('chainVersion', 'UInt8'),
  column('root', 'FixedString(64)'),
  column('prev', 'FixedString(64)'),
  column('link', 'FixedString(64)'),
];

export const epochColumns: readonly Column[] = [
  column('tenant', word),
  column('cluster', word),
  column('epoch', word),
  column('epochOrdinal', 'UInt32'),
  column('firstSeenAtUs', time),
];
