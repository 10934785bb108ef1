/**
 * Chapter 8: it is attributed.
 *
 * The watch says what changed; the audit log says who asked. They arrive apart, in any order, and meet in the correlator.
 * Where the audit event names the very version, the link is exact; else object, verb, time and field managers make it
 * probable, and it says so. From the user, the user agent and the field managers follows the origin: GitOps, a pipeline,
 * a controller, or a person. And what the object itself says about who approved it is shown as what it is: a claim.
 *
 * collector/src/forensics; all pure.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyOrigin, createCorrelator, extractApproval } from '@driftline/collector';
import type { AuditHints, AuditRow, VersionRow } from '@driftline/collector';

const twoOClockUs = Date.UTC(2026, 10, 21, 2, 13, 20) * 1000;
const place = {
  group: 'rbac.authorization.k8s.io',
  resource: 'rolebindings',
  namespace: 'shop',
  name: 'shop-developers',
  uid: 'u-1',
};

const change: Omit<VersionRow, 'body'> & { epoch: string } = {
  ...place,
  epoch: 'e1',
  sequence: 17,
  kind: 'RoleBinding',
  apiVersion: 'rbac.authorization.k8s.io/v1',
  resourceVersion: '4712',
  op: 'modified',
  observedAtUs: twoOClockUs + 30_000,
  notBeforeUs: twoOClockUs - 4_000_000,
  paths: ['/subjects/1'],
  managers: [],
  synthesised: false,
};

const request: Omit<AuditRow, 'event'> & AuditHints = {
  ...place,
  sequence: 18,
  digest: 'd-1',
  auditId: 'a-1',
  stage: 'ResponseComplete',
  level: 'RequestResponse',
  verb: 'patch',
  subresource: '',
  resourceVersion: '4712',
  user: 'alice@example.com',
  groups: ['platform-admins'],
  impersonatedUser: '',
  sourceIps: ['203.0.113.10'],
  userAgent: 'kubectl/v1.36.0 (linux/amd64) kubernetes/practice',
  code: 200,
  happenedAtUs: twoOClockUs,
  observedAtUs: twoOClockUs + 200_000,
  dryRun: false,
  fieldManager: 'kubectl-edit',
  requestVersion: '4711',
  receivedAtUs: twoOClockUs - 9_000,
};

test('the audit event names the version: the link is exact, whichever comes first', () => {
  const changeFirst = createCorrelator();
  assert.deepEqual(changeFirst.change(change), []);
  const [late] = changeFirst.audit(request);
  const auditFirst = createCorrelator();
  assert.deepEqual(auditFirst.audit(request), []);
  const [early] = auditFirst.change(change);
  for (const link of [late, early]) {
    assert.deepEqual(
      [link?.changeSequence, link?.user, link?.verb, link?.confidence, link?.origin],
      [17, 'alice@example.com', 'patch', 'exact', 'human'],
    );
  }
});

test('an audit event without a version can only be probable; one that failed explains nothing', () => {
  const metadataOnly = { ...request, level: 'Metadata', uid: '', resourceVersion: '' };
  const correlator = createCorrelator();
  correlator.change(change);
  assert.equal(correlator.audit(metadataOnly)[0]?.confidence, 'probable');
  const other = createCorrelator();
  other.change(change);
  assert.deepEqual(other.audit({ ...request, code: 403 }), []);
});

test('whose hand it was', () => {
  const originOf = (user: string, userAgent: string) =>
    classifyOrigin({ user, userAgent, groups: [], impersonatedUser: '', managers: [], gitopsMarked: false }).origin;
  assert.equal(originOf('alice@example.com', 'kubectl/v1.36.0'), 'human');
  assert.equal(originOf('system:serviceaccount:argocd:argocd-application-controller', 'argocd/v3'), 'gitops');
  assert.equal(originOf('system:serviceaccount:ci:deployer', 'kubectl/v1.36.0'), 'pipeline');
  assert.equal(
    originOf('system:serviceaccount:kube-system:replicaset-controller', 'kube-controller-manager'),
    'controller',
  );
  // Without an audit event, the field managers are all there is.
  const noAudit = { user: '', groups: [], impersonatedUser: '', userAgent: '', gitopsMarked: false };
  assert.deepEqual(classifyOrigin({ ...noAudit, managers: ['kubectl-edit'] }), {
    origin: 'human',
    evidence: "field manager kubectl-edit is a command line tool's",
  });
});

test('what approval the object carries', () => {
  const annotations = { 'driftline.io/change-reference': 'CHG-4711', 'kubernetes.io/change-cause': 'roll back to 1.4' };
  assert.deepEqual(
    extractApproval({ metadata: { annotations } }).map(({ type, value, state }) => `${type} ${value} (${state})`),
    ['change-reference CHG-4711 (claimed)', 'change-cause roll back to 1.4 (claimed)'],
  );
  assert.deepEqual(extractApproval({ metadata: { name: 'shop-developers' } }), [], 'none found: that is an answer too');
});
