import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deepFreeze, hmac } from '../../test/material.ts';
import { base64, canaries, hidingPlaces } from '../../test/hiding-places.ts';
import type { Json, JsonObject } from '../message.ts';
import { redactAudit } from '../redact.ts';

const event = (members: JsonObject): JsonObject => ({
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  auditID: 'a',
  verb: 'create',
  stage: 'ResponseComplete',
  ...members,
});
const onSecrets = (members: JsonObject): JsonObject =>
  event({ objectRef: { resource: 'secrets', name: 'x' }, ...members });

const places: Readonly<Record<string, (secret: string) => JsonObject>> = {
  'a merge patch of a Secret': (s) => onSecrets({ requestObject: { data: { a: base64(s) }, stringData: { b: s } } }),
  'a JSON Patch of a Secret': (s) =>
    onSecrets({
      requestObject: [
        { op: 'add', path: '/data/a', value: base64(s) },
        { op: 'add', path: '/stringData', value: { b: s } },
        { op: 'replace', path: '', value: { data: { c: s } } },
      ],
    }),
  'a Secret without a kind': (s) => onSecrets({ responseObject: { metadata: { name: 'x' }, data: { a: base64(s) } } }),
  'a list of Secrets': (s) =>
    onSecrets({ responseObject: { kind: 'SecretList', items: [{ data: { a: base64(s) } }] } }),
  'a list of Secrets without a kind': (s) => onSecrets({ responseObject: { items: [{ data: { a: base64(s) } }] } }),
  'an applied text': (s) => onSecrets({ requestObject: `stringData:\n  a: ${s}\n` }),
  'a validation message': (s) =>
    onSecrets({
      responseStatus: {
        code: 422,
        message: `data[a]: Invalid value: "${s}"`,
        details: { causes: [{ field: 'data', message: `Invalid value: "${s}"` }] },
      },
    }),
  'a JSON Patch of a workload': (s) =>
    event({
      requestObject: [
        { op: 'add', path: '/spec/template/spec/containers/0/env/-', value: { name: 'API_KEY', value: s } },
      ],
    }),
  'a JSON Patch of a ConfigMap': (s) =>
    event({ requestObject: [{ op: 'replace', path: '/data/db_password', value: s }] }),
  'a query parameter': (s) =>
    event({ requestURI: `/api/v1/namespaces/a/services/b/proxy/x?token=${encodeURIComponent(s)}&limit=5` }),
  'an exec command': (s) =>
    event({
      requestURI: `/api/v1/namespaces/a/pods/b/exec?command=sh&command=-c&command=${encodeURIComponent(`export TOKEN=${s}`)}&container=c`,
    }),
  'an exec flag': (s) =>
    event({
      requestURI: `/api/v1/namespaces/a/pods/b/exec?command=run&command=--password&command=${encodeURIComponent(s)}`,
    }),
  'extra of the user': (s) =>
    event({
      user: { username: 'u', extra: { 'example.com/access-token': [s], other: [`Authorization: Bearer ${s}`] } },
    }),
  'a token that the API server issued': (s) =>
    event({ responseObject: { kind: 'TokenRequest', status: { token: s } } }),
  'a reviewed token': (s) => event({ requestObject: { kind: 'TokenReview', spec: { token: s } } }),
  'an annotation': (s) => event({ annotations: { 'webhook.example.com/note': `password=${s}` } }),
};

const inBodies = Object.entries(hidingPlaces).map(([place, hide]): [string, (secret: string) => JsonObject] => [
  `a body with ${place}`,
  (secret) => event({ requestObject: hide(secret), responseObject: hide(secret) }),
]);

for (const [place, hide] of [...Object.entries(places), ...inBodies]) {
  test(`law 4: no canary leaves from ${place} of an audit event`, () => {
    for (const canary of canaries) {
      const once = redactAudit(deepFreeze(hide(canary)), hmac);
      const output = JSON.stringify(once);
      for (const trace of [canary, base64(canary), base64(`user:${canary}`), encodeURIComponent(canary)]) {
        assert.ok(!output.includes(trace), `${trace} in ${output}`);
      }
      assert.equal(redactAudit(once, hmac), once);
    }
  });
}

test('what attribution needs stays', () => {
  const input = deepFreeze(
    onSecrets({
      level: 'RequestResponse',
      requestURI:
        '/api/v1/namespaces/a/secrets?fieldManager=kubectl-client-side-apply&fieldValidation=Strict&limit=500&continue=eyJhIjoiYiJ9',
      user: {
        username: 'system:serviceaccount:a:b',
        uid: 'u',
        groups: ['system:authenticated'],
        extra: {
          'authentication.kubernetes.io/credential-id': ['JTI=0f5a7a53-8d2c-4c57-9a3f-3d1f7e6b2a10'],
          'authentication.kubernetes.io/pod-name': ['b-1'],
        },
      },
      sourceIPs: ['10.0.0.1'],
      userAgent: 'kubectl/v1.34.0 (linux/amd64) kubernetes/abcdef1',
      responseStatus: { metadata: {}, code: 201 },
      requestObject: {
        kind: 'Secret',
        apiVersion: 'v1',
        metadata: { name: 'x', uid: 'u', resourceVersion: '5' },
        type: 'Opaque',
      },
    }),
  );
  assert.equal(redactAudit(input, hmac), input);
});

test('a patch that removes a key of a Secret says so', () => {
  const patch: Json = [
    { op: 'remove', path: '/data/a' },
    { op: 'replace', path: '/metadata/labels/team', value: 'web' },
  ];
  const input = deepFreeze(onSecrets({ requestObject: patch }));
  assert.equal(redactAudit(input, hmac), input);
  const merge = deepFreeze(onSecrets({ requestObject: { data: { a: null } } }));
  assert.equal(redactAudit(merge, hmac), merge);
});
