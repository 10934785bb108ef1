import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { anyObject } from '../test/material.ts';
import { type AuditFields, parseAuditEvent } from './audit-event.ts';
import type { Json } from './message.ts';

const base = {
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  auditID: 'a1',
  level: 'RequestResponse',
  stage: 'ResponseComplete',
  verb: 'patch',
  requestReceivedTimestamp: '2026-01-31T02:03:04.000005Z',
  stageTimestamp: '2026-01-31T02:03:04.010000Z',
};

function fields(event: Json): AuditFields {
  const result = parseAuditEvent(event);
  assert.ok(result.ok, JSON.stringify(result));
  return result.fields;
}

test('who, what and which version are read, of an object or of its text', () => {
  const event = {
    ...base,
    requestURI: '/apis/apps/v1/namespaces/a/deployments/web/scale?fieldManager=kubectl%20edit&dryRun=All',
    user: { username: 'alice', groups: ['dev', 5] },
    impersonatedUser: { username: 'root', groups: ['system:masters'] },
    sourceIPs: ['10.0.0.1'],
    userAgent: 'kubectl/v1.34.0',
    objectRef: {
      resource: 'deployments',
      subresource: 'scale',
      apiGroup: 'apps',
      apiVersion: 'v1',
      namespace: 'a',
      name: 'web',
      resourceVersion: '7',
    },
    responseStatus: { code: 200 },
    responseObject: { kind: 'Scale', metadata: { name: 'web', uid: 'u1', resourceVersion: '8' } },
  };
  const expected: AuditFields = {
    auditId: 'a1',
    level: 'RequestResponse',
    stage: 'ResponseComplete',
    verb: 'patch',
    requestUri: event.requestURI,
    user: 'alice',
    groups: ['dev'],
    impersonatedUser: 'root',
    impersonatedGroups: ['system:masters'],
    sourceIps: ['10.0.0.1'],
    userAgent: 'kubectl/v1.34.0',
    hasObject: true,
    group: 'apps',
    apiVersion: 'v1',
    resource: 'deployments',
    subresource: 'scale',
    namespace: 'a',
    name: 'web',
    uid: 'u1',
    resourceVersion: '8',
    isResponseVersion: true,
    responseName: 'web',
    requestVersion: '7',
    code: 200,
    dryRun: true,
    fieldManager: 'kubectl edit',
    receivedAtUs: 1_769_824_984_000_005,
    stageAtUs: 1_769_824_984_010_000,
  };
  assert.deepEqual(fields(event), expected);
  assert.deepEqual(fields(JSON.stringify(event)), expected);
});

test('a delete names the uid in the details of its Status, and a dry run in its options', () => {
  const read = fields({
    ...base,
    verb: 'delete',
    requestObject: { kind: 'DeleteOptions', dryRun: ['All'] },
    responseObject: { kind: 'Status', apiVersion: 'v1', metadata: {}, details: { uid: 'u9' } },
  });
  assert.equal(read.uid, 'u9');
  assert.equal(read.dryRun, true);
  assert.equal(read.isResponseVersion, false);
});

test('what is no event is rejected with a reason and without its content', () => {
  for (const input of [
    null,
    5,
    [],
    'canary',
    '{',
    {},
    { verb: 'get' },
    { verb: 'get', stage: 'Panic' },
    { ...base, requestReceivedTimestamp: 'canary', stageTimestamp: '' },
  ] as Json[]) {
    const result = parseAuditEvent(input);
    assert.ok(!result.ok && result.reason.length > 0 && !result.reason.includes('canary'), JSON.stringify(input));
  }
});

test('invariant: nothing that is JSON throws', () => {
  fc.assert(fc.property(anyObject, (object) => assert.ok('ok' in parseAuditEvent({ ...base, ...object }))));
  fc.assert(fc.property(fc.json(), (text) => assert.ok('ok' in parseAuditEvent(text))));
});

const corpora = process.env['DRIFTLINE_CORPORA'];
const skip =
  corpora === undefined ? 'DRIFTLINE_CORPORA is not set: 2 files of recorded audit events are skipped' : false;

test('recorded events of old and new API servers are read', { skip }, () => {
  const lines = readFileSync(join(corpora ?? '', 'audit', 'audit2rbac-demo.log'), 'utf8')
    .trim()
    .split('\n');
  for (const line of lines) assert.ok(fields(line).user !== '', line.slice(0, 100));
  assert.ok(lines.length > 5);
});
