/** Deliveries in the shapes that the services document, with synthetic content. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseAuditEvent } from '@driftline/proto';
import type { AuditFields, Json } from '@driftline/proto';
import * as fc from 'fast-check';
import { auditEvent } from './audit-fixture.ts';
import { openCloudEnvelope } from './cloud-envelope.ts';
import type { CloudForm } from './cloud-envelope.ts';

const limitBytes = 1 << 20;

/** What is read out of the events of an envelope; reasons of those that cannot be read. */
const read = (form: CloudForm, envelope: Json, limit = limitBytes): (AuditFields | string)[] => {
  const opened = openCloudEnvelope(form, envelope, limit);
  if (typeof opened === 'string') assert.fail(opened);
  return opened.map((event) => {
    if (event.type === 'unreadable') return event.reason;
    const parsed = parseAuditEvent(event.json);
    return parsed.ok ? parsed.fields : parsed.reason;
  });
};
const users = (fields: readonly (AuditFields | string)[]): string[] =>
  fields.map((one) =>
    typeof one === 'string' ? one : `${one.user} ${one.verb} ${one.resource}/${one.name} ${one.code}`,
  );

describe('EKS: CloudWatch Logs', () => {
  const payload = (events: readonly Json[], stream = 'kube-apiserver-audit-0a1b2c3d'): Record<string, Json> => ({
    messageType: 'DATA_MESSAGE',
    owner: '111122223333',
    logGroup: '/aws/eks/shop/cluster',
    logStream: stream,
    subscriptionFilters: ['audit'],
    logEvents: events.map((event, at) => ({
      id: String(at),
      timestamp: 1_748_743_200_000,
      message: typeof event === 'string' ? event : JSON.stringify(event),
    })),
  });
  const packed = (json: Json): string => gzipSync(JSON.stringify(json)).toString('base64');
  const two = [auditEvent(1), auditEvent(2)];
  const expected = ['alice create secrets/s1 201', 'alice create secrets/s2 201'];

  it('as it is, as Lambda hands it over, and as Firehose posts it', () => {
    assert.deepEqual(users(read('eks', payload(two))), expected);
    assert.deepEqual(users(read('eks', { awslogs: { data: packed(payload(two)) } })), expected);
    const firehose = {
      requestId: 'r-1',
      timestamp: 1_748_743_200_000,
      records: two.map((event) => ({ data: packed(payload([event])) })),
    };
    assert.deepEqual(users(read('eks', firehose)), expected);
  });

  it('other streams of the log group and control messages hold no audit events', () => {
    assert.deepEqual(read('eks', payload(['I0601 starting'], 'kube-scheduler-0a1b')), []);
    assert.deepEqual(read('eks', { ...payload(['CWL CONTROL MESSAGE']), messageType: 'CONTROL_MESSAGE' }), []);
  });

  it('a message that was cut, a record that is none and one that unpacks beyond the limit do not hold up the rest', () => {
    const cut = read('eks', payload([JSON.stringify(auditEvent(1)).slice(0, 200), auditEvent(2)]));
    assert.deepEqual(users(cut).slice(1), ['alice create secrets/s2 201']);
    assert.match(users(cut)[0] ?? '', /not valid JSON/);
    const bomb = { data: packed(payload(['x'.repeat(200_000)])) };
    const records = [bomb, { data: 'AAAA' }, 7, { data: packed(payload([auditEvent(1)])) }];
    assert.deepEqual(users(read('eks', { records }, 10_000)), [
      'a record that cannot be unpacked within the limit',
      'a record that cannot be unpacked within the limit',
      'a record without data',
      'alice create secrets/s1 201',
    ]);
  });
});

describe('GKE: Cloud Logging', () => {
  const entry = (payload: Record<string, Json>, rest: Record<string, Json> = {}): Record<string, Json> => ({
    insertId: 'i-1',
    logName: 'projects/shop/logs/cloudaudit.googleapis.com%2Factivity',
    timestamp: '2025-06-01T02:00:00.123456Z',
    receiveTimestamp: '2025-06-01T02:00:01Z',
    resource: { type: 'k8s_cluster', labels: { cluster_name: 'shop', location: 'europe-west1', project_id: 'shop' } },
    labels: { 'authorization.k8s.io/decision': 'allow' },
    operation: { id: 'a-1', first: true, last: true, producer: 'k8s.io' },
    protoPayload: {
      '@type': 'type.googleapis.com/google.cloud.audit.AuditLog',
      serviceName: 'k8s.io',
      authenticationInfo: { principalEmail: 'alice@example.com' },
      requestMetadata: { callerIp: '203.0.113.7', callerSuppliedUserAgent: 'kubectl/v1.34.0' },
      methodName: 'io.k8s.apps.v1.deployments.patch',
      resourceName: 'apps/v1/namespaces/shop/deployments/web',
      ...payload,
    },
    ...rest,
  });
  const deployment = {
    '@type': 'apps.k8s.io/v1.Deployment',
    metadata: { name: 'web', uid: 'u-1', resourceVersion: '42' },
  };

  it('what changed which version, by whom, from where', () => {
    const [fields] = read('gke', entry({ response: deployment }));
    assert.ok(typeof fields === 'object');
    const { auditId, user, sourceIps, userAgent, verb, group, resource, namespace, name, uid, resourceVersion } =
      fields;
    assert.deepEqual(
      [auditId, user, sourceIps, userAgent, verb, group, resource, namespace, name, uid, resourceVersion],
      [
        'a-1',
        'alice@example.com',
        ['203.0.113.7'],
        'kubectl/v1.34.0',
        'patch',
        'apps',
        'deployments',
        'shop',
        'web',
        'u-1',
        '42',
      ],
    );
    assert.deepEqual([fields.level, fields.stage, fields.code], ['RequestResponse', 'ResponseComplete', 200]);
    assert.equal(fields.stageAtUs, 1_748_743_200_123_456);
  });

  it('the core group, cluster scope, subresources, collections, and failures', () => {
    const place = (resourceName: string, methodName: string, rest: Record<string, Json> = {}): string => {
      const [fields] = read('gke', entry({ resourceName, methodName, ...rest }));
      assert.ok(typeof fields === 'object');
      return [
        fields.group,
        fields.namespace,
        fields.resource,
        fields.name,
        fields.subresource,
        fields.verb,
        fields.code,
      ].join('|');
    };
    assert.equal(
      place('core/v1/namespaces/shop/pods/web/exec', 'io.k8s.core.v1.pods.exec.create'),
      '|shop|pods|web|exec|create|201',
    );
    assert.equal(place('core/v1/namespaces/shop', 'io.k8s.core.v1.namespaces.update'), '||namespaces|shop||update|200');
    assert.equal(
      place('core/v1/namespaces/shop/finalize', 'io.k8s.core.v1.namespaces.finalize.update'),
      '||namespaces|shop|finalize|update|200',
    );
    assert.equal(
      place('core/v1/namespaces/shop/secrets', 'io.k8s.core.v1.secrets.deletecollection'),
      '|shop|secrets|||deletecollection|200',
    );
    const role = 'rbac.authorization.k8s.io/v1/clusterroles/admin';
    assert.equal(
      place(role, 'io.k8s.authorization.rbac.v1.clusterroles.delete', { status: { code: 7, message: 'forbidden' } }),
      'rbac.authorization.k8s.io||clusterroles|admin||delete|403',
    );
  });

  it('lists, the entries of an export, and the message of a push subscription; other services are left out', () => {
    const other = entry({ serviceName: 'container.googleapis.com' });
    const data = Buffer.from(JSON.stringify(entry({}))).toString('base64');
    for (const envelope of [
      [entry({}), other],
      { entries: [entry({})] },
      { message: { data, messageId: '1' }, subscription: 's' },
    ])
      assert.deepEqual(users(read('gke', envelope)), ['alice@example.com patch deployments/web 200']);
  });
});

describe('AKS: Event Hub', () => {
  const record = (log: Json, category = 'kube-audit'): Record<string, Json> => ({
    time: '2025-06-01T02:00:00Z',
    resourceId: '/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/SHOP',
    category,
    operationName: 'Microsoft.ContainerService/managedClusters/diagnosticLogs/Read',
    properties: { log, stream: 'stdout', pod: 'kube-apiserver-1' },
  });

  it('records of the audit categories; the event is a text in them', () => {
    const records = [
      record(JSON.stringify(auditEvent(1))),
      record(JSON.stringify(auditEvent(2)), 'kube-audit-admin'),
      record('I0601 starting', 'kube-apiserver'),
      record('{"kind":"Ev'),
    ];
    const told = users(read('aks', { records }));
    assert.deepEqual(told.slice(0, 2), ['alice create secrets/s1 201', 'alice create secrets/s2 201']);
    assert.equal(told.length, 3);
    assert.deepEqual(users(read('aks', [record(auditEvent(3))])), ['alice create secrets/s3 201']);
  });
});

test('an envelope of any shape is opened or refused with a sentence', () => {
  const hostile = fc.oneof(fc.jsonValue(), fc.constant(JSON.parse('{"records":[{"__proto__":{"data":"x"}}]}')));
  fc.assert(
    fc.property(fc.constantFrom('eks' as const, 'gke' as const, 'aks' as const), hostile, (form, json) => {
      const opened = openCloudEnvelope(form, json as Json, limitBytes);
      assert.ok(typeof opened === 'string' ? opened.length > 0 : Array.isArray(opened));
    }),
  );
});
