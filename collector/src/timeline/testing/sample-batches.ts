/** Batches with rows in every table, as fast-check arbitraries: hostile text and numbers included. */
import * as fc from 'fast-check';
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
  StreamId,
  TransitionRow,
  UnjudgedRow,
  VersionRow,
} from '../rows.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    '',
    '\0',
    '\ud800',
    'a\udc00b',
    "'; DROP TABLE links; --",
    '\u2028\\"\n',
    '💥',
  ),
);
const texts = fc.array(text, { maxLength: 3 });
const timeUs = fc.oneof(
  fc.integer({ min: 1_767_225_600_000_000, max: 1_799_000_000_000_000 }),
  fc.constantFrom(0, -1, Number.MAX_SAFE_INTEGER),
);
const count = fc.integer({ min: 0, max: 1000 });
const fraction = fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 100 });

type Bare<Row> = Omit<Row, 'sequence'>;

const version: fc.Arbitrary<Bare<VersionRow>> = fc.record({
  group: text,
  resource: fc.constantFrom('pods', 'deployments', 'roles'),
  kind: text,
  apiVersion: text,
  namespace: text,
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  uid: text,
  resourceVersion: text,
  op: fc.constantFrom('snapshot', 'created', 'modified', 'deleted'),
  observedAtUs: timeUs,
  notBeforeUs: timeUs,
  paths: texts,
  body: text.map((value) => JSON.stringify({ value })),
  managers: fc.array(fc.record({ manager: text, operation: text, subresource: text, timeUs, paths: texts }), {
    maxLength: 2,
  }),
  synthesised: fc.boolean(),
});

const audit: fc.Arbitrary<Bare<AuditRow>> = fc.record({
  digest: text,
  auditId: text,
  stage: text,
  level: text,
  verb: text,
  group: text,
  resource: text,
  subresource: text,
  namespace: text,
  name: text,
  uid: text,
  resourceVersion: text,
  user: text,
  groups: texts,
  impersonatedUser: text,
  sourceIps: texts,
  userAgent: text,
  code: fc.oneof(count, fc.constantFrom(-5, 2 ** 40, 1.5)),
  happenedAtUs: timeUs,
  observedAtUs: timeUs,
  dryRun: fc.boolean(),
  event: text,
});

const link: fc.Arbitrary<Bare<LinkRow>> = fc.record({
  changeEpoch: text,
  changeSequence: count,
  auditDigest: text,
  confidence: fc.constantFrom('exact', 'probable'),
  evidence: text,
  origin: fc.constantFrom('gitops', 'human', 'unknown'),
  user: text,
  groups: texts,
  impersonatedUser: text,
  sourceIps: texts,
  userAgent: text,
  verb: text,
  happenedAtUs: timeUs,
  group: text,
  resource: text,
  namespace: text,
  name: text,
  uid: text,
});

const transition: fc.Arbitrary<Omit<Bare<TransitionRow>, 'index'>> = fc.record({
  findingId: fc.constantFrom('f1', 'f2', 'f3'),
  state: fc.constantFrom('opened', 'updated', 'resolved', 'reopened'),
  control: text,
  severity: fc.constantFrom('critical', 'low'),
  title: text,
  group: text,
  kind: text,
  namespace: text,
  name: text,
  uid: text,
  path: text,
  value: text,
  reason: text,
  bundle: text,
  cause: fc.constantFrom('change', 'deadline'),
  atUs: timeUs,
  afterOwn: count,
});

const unjudged: fc.Arbitrary<Omit<Bare<UnjudgedRow>, 'index'>> = fc.record({
  control: fc.constantFrom('c1', 'c2'),
  group: text,
  kind: text,
  namespace: text,
  name: text,
  state: fc.constantFrom('unjudged', 'cleared'),
  reason: text,
  bundle: text,
  atUs: timeUs,
  afterOwn: count,
});

const posture: fc.Arbitrary<Bare<PostureRow>> = fc.record({
  scope: fc.constantFrom('cluster', 'namespace:a'),
  earned: fraction,
  possible: fraction,
  score: fraction,
  openBySeverity: fc.record({ critical: count, high: count, medium: count, low: count, info: count }),
  passing: count,
  failing: count,
  excepted: count,
  notAssessable: count,
  unjudged: count,
  isBaseline: fc.boolean(),
  atUs: timeUs,
  afterOwn: count,
});

const regression: fc.Arbitrary<Bare<RegressionRow>> = fc.record({
  scope: text,
  fromScore: fraction,
  fromAtUs: timeUs,
  score: fraction,
  causes: count,
  findingIds: texts,
  changeIds: texts,
  bundle: text,
  atUs: timeUs,
  afterOwn: count,
});

const gap: fc.Arbitrary<Bare<GapRow>> = fc.record({
  group: text,
  resource: text,
  fromVersion: text,
  toVersion: text,
  fromUs: timeUs,
  toUs: timeUs,
  cause: fc.constantFrom('relist', 'sequence_hole'),
  detail: text,
  fromSequence: count,
  toSequence: count,
  observedAtUs: timeUs,
});

const coverage: fc.Arbitrary<Bare<CoverageRow>> = fc.record({
  group: text,
  resource: text,
  kind: text,
  state: fc.constantFrom('watched', 'forbidden'),
  reason: text,
  observedAtUs: timeUs,
});

const rejected: fc.Arbitrary<Bare<RejectedRow>> = fc.record({
  source: text,
  reason: text,
  detail: text,
  bytes: count,
  observedAtUs: timeUs,
});

const changeVerdict: fc.Arbitrary<Bare<ChangeVerdictRow>> = fc.record({
  changeEpoch: text,
  changeSequence: count,
  verdictId: text,
  control: text,
  severity: fc.constantFrom('critical', 'low'),
  title: text,
  state: fc.constantFrom('pass', 'fail', 'unjudged'),
  stateBefore: fc.constantFrom('', 'fail'),
  reason: text,
  paths: texts,
  user: text,
  group: text,
  resource: text,
  kind: text,
  namespace: text,
  name: text,
  uid: text,
  bundle: text,
  context: text,
  atUs: timeUs,
});

const message = fc.record({
  versions: fc.array(version, { maxLength: 2 }),
  audits: fc.array(audit, { maxLength: 1 }),
  links: fc.array(link, { maxLength: 2 }),
  transitions: fc.array(transition, { maxLength: 2 }),
  unjudged: fc.array(unjudged, { maxLength: 1 }),
  posture: fc.array(posture, { maxLength: 1 }),
  gaps: fc.array(gap, { maxLength: 1 }),
  coverage: fc.array(coverage, { maxLength: 1 }),
  rejected: fc.array(rejected, { maxLength: 1 }),
  changeVerdicts: fc.array(changeVerdict, { maxLength: 2 }),
  regressions: fc.array(regression, { maxLength: 1 }),
});

/** Consecutive batches of one stream, of one to three messages each. */
export function batchesOf(
  stream: StreamId,
  constraints: { readonly minLength: number; readonly maxLength: number },
): fc.Arbitrary<readonly RecordedBatch[]> {
  return fc.array(fc.array(message, { minLength: 1, maxLength: 3 }), constraints).map((contents) => {
    let sequence = 0;
    return contents.map((messages) => {
      const firstSequence = sequence + 1;
      sequence += messages.length;
      return toBatch(stream, firstSequence, messages);
    });
  });
}

type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;

function toBatch(stream: StreamId, firstSequence: number, messages: readonly Message[]): RecordedBatch {
  const numbered = <Row extends object>(pick: (message: Message) => readonly Row[]) =>
    messages.flatMap((content, i) => pick(content).map((row) => ({ ...row, sequence: firstSequence + i })));
  const indexed = <Row extends object>(pick: (message: Message) => readonly Row[]) =>
    messages.flatMap((content, i) =>
      pick(content).map((row, index) => ({ ...row, sequence: firstSequence + i, index })),
    );
  return {
    stream,
    firstSequence,
    lastSequence: firstSequence + messages.length - 1,
    versions: numbered(({ versions }) => versions),
    audits: numbered(({ audits }) => audits),
    links: numbered(({ links }) => links),
    transitions: indexed(({ transitions }) => transitions),
    unjudged: indexed(({ unjudged }) => unjudged),
    posture: numbered(({ posture }) => posture),
    gaps: numbered(({ gaps }) => gaps),
    coverage: numbered(({ coverage }) => coverage),
    rejected: numbered(({ rejected }) => rejected),
    changeVerdicts: numbered(({ changeVerdicts }) => changeVerdicts),
    regressions: numbered(({ regressions }) => regressions),
  };
}

/** The same batches in every run, for tests about something else than content. */
export function sampleBatches(stream: StreamId, batches: number, seed = 7): readonly RecordedBatch[] {
  const [sample = []] = fc.sample(batchesOf(stream, { minLength: batches, maxLength: batches }), { numRuns: 1, seed });
  return sample;
}
