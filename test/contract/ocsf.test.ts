import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  apiActivity,
  complianceFinding,
  detectionFinding,
  type ForwardedVerdict,
  type LinkRow,
  type Producer,
  regressionFinding,
  type RegressionRow,
  type TransitionRow,
} from '@driftline/collector';
import { Ajv2020 } from 'ajv/dist/2020.js';

const schema: unknown = JSON.parse(readFileSync(join(import.meta.dirname, 'ocsf-required.schema.json'), 'utf8'));
const validate = new Ajv2020({ strict: false }).compile(schema as object);
const stream = { tenant: 'default', cluster: 'prod', epoch: 'e1' };
const producer: Producer = {
  version: '0.1.0',
  control: () => ({
    frameworks: [{ framework: 'cis-kubernetes', requirements: ['5.2.2'] }],
    remediation: 'Set privileged: false.',
  }),
};
const transition: TransitionRow = {
  sequence: 7,
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
  uid: 'u1',
  path: 'spec.template.spec.containers[name=web].securityContext.privileged',
  value: 'true',
  reason: 'container web is privileged',
  bundle: 'b1',
  cause: 'change',
  atUs: 1_750_000_000_123_456,
  afterOwn: 0,
};
const link: LinkRow = {
  sequence: 9,
  changeEpoch: 'e1',
  changeSequence: 7,
  auditDigest: 'd1',
  confidence: 'exact',
  evidence: 'same uid and resourceVersion',
  origin: 'human',
  user: 'alice@example.com',
  groups: ['dev'],
  impersonatedUser: '',
  sourceIps: ['192.0.2.7', '192.0.2.8'],
  userAgent: 'kubectl/v1.36',
  verb: 'patch',
  happenedAtUs: 1_750_000_000_000_001,
  group: 'apps',
  resource: 'deployments',
  namespace: 'shop',
  name: 'web',
  uid: 'u1',
};

const verdict: ForwardedVerdict = {
  sequence: 9,
  index: 0,
  changeEpoch: 'e1',
  changeSequence: 7,
  verdictId: 'v1',
  control: 'DL-CHG-001',
  severity: 'medium',
  title: 'What Git declares must not be changed by hand',
  state: 'fail',
  stateBefore: 'unjudged',
  reason: 'changed by alice@example.com',
  paths: [],
  user: 'alice@example.com',
  group: 'apps',
  resource: 'deployments',
  kind: 'Deployment',
  namespace: 'shop',
  name: 'web',
  uid: 'u1',
  bundle: 'b1',
  context: '{}',
  atUs: 1_750_000_000_123_456,
};

function assertValid(event: unknown): void {
  assert.ok(validate(event), JSON.stringify(validate.errors, null, 1));
}

test('every state of a finding is a valid Compliance Finding with the activity of its life', () => {
  const expected = { opened: [1, 1], updated: [2, 1], reopened: [2, 1], excepted: [2, 3], resolved: [3, 4] } as const;
  for (const [state, [activity, status]] of Object.entries(expected)) {
    const event = complianceFinding(stream, { ...transition, state: state as TransitionRow['state'] }, producer);
    assertValid(event);
    assert.equal(event.activity_id, activity, state);
    assert.equal(event.type_uid, 200300 + activity, state);
    assert.equal(event.status_id, status, state);
    assert.equal((event.compliance as { status_id: number }).status_id, state === 'resolved' ? 1 : 3, state);
  }
});

test('one finding keeps its uid over its life while every event has its own', () => {
  const opened = complianceFinding(stream, transition, producer);
  const resolved = complianceFinding(stream, { ...transition, sequence: 8, state: 'resolved' }, producer);
  assert.deepEqual((opened.finding_info as { uid: string }).uid, (resolved.finding_info as { uid: string }).uid);
  assert.notEqual(opened.metadata.uid, resolved.metadata.uid);
  assert.deepEqual(complianceFinding(stream, transition, producer), opened);
});

test('a linked change is a valid API Activity for every verb, with or without addresses', () => {
  for (const verb of ['create', 'update', 'patch', 'delete', 'deletecollection', 'bind']) {
    assertValid(apiActivity(stream, { ...link, verb }, producer));
    assertValid(apiActivity(stream, { ...link, verb, sourceIps: [], user: '' }, producer));
  }
  assert.equal(apiActivity(stream, link, producer).type_uid, 600303);
});

test('a violated change is a valid Detection Finding, which ends when its requester turns out to be another', () => {
  const rows = [
    verdict,
    { ...verdict, stateBefore: 'fail', user: 'bob@example.com' },
    { ...verdict, state: 'pass', stateBefore: 'fail', reason: '', user: 'system:serviceaccount:argocd:x' },
    { ...verdict, state: 'excepted', stateBefore: 'fail' },
    { ...verdict, user: '' },
  ] as const;
  const events = rows.map((row, index) => detectionFinding(stream, { ...row, sequence: 9 + index }, producer));
  for (const event of events) assertValid(event);
  assert.deepEqual(
    events.map(({ type_uid, status_id, is_alert }) => [type_uid, status_id, is_alert]),
    [
      [200401, 1, true],
      [200402, 1, true],
      [200403, 4, false],
      [200403, 3, false],
      [200401, 1, true],
    ],
  );
  assert.equal(new Set(events.map((event) => (event.finding_info as { uid: string }).uid)).size, 1);
  assert.equal(new Set(events.map(({ metadata }) => metadata.uid)).size, events.length);
  const { finding_info: _removed, ...rest } = events[0] ?? assert.fail();
  assert.equal(validate(rest), false);
});

test('a score that fell is a valid Detection Finding of its own, with what it is due to', () => {
  const regression: RegressionRow = {
    sequence: 9,
    scope: 'namespace:shop',
    fromScore: 96.25,
    fromAtUs: 1_750_000_000_000_000,
    score: 84,
    causes: 1,
    findingIds: ['f1'],
    changeIds: ['e1:7'],
    bundle: 'b1',
    atUs: 1_750_000_000_123_456,
    afterOwn: 0,
  };
  const event = regressionFinding(stream, regression, producer);
  assertValid(event);
  assertValid(regressionFinding(stream, { ...regression, causes: 0, findingIds: [], changeIds: [] }, producer));
  assert.deepEqual([event.severity, event.metadata.uid], ['Medium', 'regression/default/prod/e1:9/namespace:shop']);
  const { related_events: related } = event.finding_info as { related_events: readonly { uid: string }[] };
  assert.deepEqual(
    related.map(({ uid }) => uid),
    [(complianceFinding(stream, transition, producer).finding_info as { uid: string }).uid],
  );
  assert.notEqual(
    regressionFinding(stream, { ...regression, scope: 'cluster' }, producer).metadata.uid,
    event.metadata.uid,
  );
});

test('the schema refuses an event without what OCSF requires', () => {
  for (const missing of ['finding_info', 'compliance', 'time', 'metadata', 'severity_id', 'type_uid']) {
    const { [missing]: _removed, ...rest } = complianceFinding(stream, transition, producer);
    assert.equal(validate(rest), false, missing);
  }
  for (const missing of ['actor', 'api', 'src_endpoint']) {
    const { [missing]: _removed, ...rest } = apiActivity(stream, link, producer);
    assert.equal(validate(rest), false, missing);
  }
});
