import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { anyObject, deepFreeze, hmac } from '../test/material.ts';
import { base64, canaries, hidingPlaces } from '../test/hiding-places.ts';
import { jsonEqual } from './json.ts';
import type { Json, JsonObject } from './message.ts';
import { isRedacted, mayHoldMarker, redact } from './redact.ts';

const mark = (secretClass: string, secret: string): string => `redacted(${secretClass}):${hmac(secret)}`;

for (const [place, hide] of Object.entries(hidingPlaces)) {
  test(`law 4: no canary leaves from ${place}`, () => {
    for (const canary of canaries) {
      const object = deepFreeze(hide(canary));
      const traces = [canary, base64(canary), base64(`user:${canary}`), encodeURIComponent(canary)];
      assert.notDeepEqual(object, hide('another'), 'nothing was hidden');
      const output = JSON.stringify(redact(object, hmac));
      for (const trace of traces) {
        assert.ok(!output.includes(trace), `${trace} in ${output}`);
      }
      for (const [encoded] of output.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g)) {
        assert.ok(!Buffer.from(encoded, 'base64').toString().includes(canary), `${encoded} in ${output}`);
      }
    }
  });

  test(`redaction is idempotent on ${place}`, () => {
    for (const canary of canaries) {
      const once = redact(hide(canary), hmac);
      assert.equal(redact(once, hmac), once);
    }
  });
}

test('invariant: redaction is idempotent and writes to nothing, whatever the object', () => {
  const words = fc.constantFrom(
    'password',
    'token: ',
    '=',
    '"',
    "'",
    '\n',
    '  ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '://',
    '@',
    ':',
    '|',
    'name',
    'value',
    'x1Y2z3',
    '-p ',
    '--',
    '\\',
    '<',
    '>',
    'eyJ',
    '$',
    'redacted(token):abcdefghijklmnopqrstuv',
    ';',
    '&',
    '?',
  );
  const text = fc.array(words, { maxLength: 14 }).map((parts) => parts.join(''));
  const name = fc.constantFrom(
    'password',
    'token',
    'name',
    'value',
    'key',
    'args',
    'data',
    'kind',
    'a',
    'secrets',
    'a.yaml',
    'binaryData',
    'kubectl.kubernetes.io/last-applied-configuration',
  );
  const value = fc.oneof(
    text,
    fc.constant('Secret'),
    fc.nat(),
    fc.array(text, { maxLength: 4 }),
    fc.dictionary(name, text, { maxKeys: 4 }),
  );
  const object = fc.oneof(anyObject, fc.dictionary(name, value, { maxKeys: 5 })) as fc.Arbitrary<JsonObject>;
  fc.assert(
    fc.property(object, (input) => {
      const once = redact(deepFreeze(structuredClone(input)), hmac);
      assert.equal(redact(once, hmac), once);
    }),
    { numRuns: 3000 },
  );
});

test('what is called pwd is a password unless it can be a folder', () => {
  const kept = (value: string, name: string): boolean =>
    JSON.stringify(redact({ kind: 'ConfigMap', data: { [name]: value } }, hmac)).includes(value);
  for (const name of ['DBPWD', 'MYSQL_PWD2']) assert.ok(!kept('/app', name), name);
  for (const name of ['pwd', 'PWD', 'OLDPWD', 'oldPwd']) {
    for (const folder of ['/', '/app', '/usr/src', '/var/lib/x-1/y', '$HOME']) assert.ok(kept(folder, name), folder);
    for (const secret of ['hunter2', 'S3cret!', '12345678', '/hunter2', 'app/x'])
      assert.ok(!kept(secret, name), secret);
  }
});

test('equal secrets have equal markers wherever they are, different ones differ', () => {
  const digestOf = (value: unknown): string => /:([\w-]{22})/.exec(JSON.stringify(value))?.[1] ?? '';
  const secret = 'correct-horse-1';
  const inSecret = redact({ kind: 'Secret', data: { a: base64(secret) } }, hmac);
  const inEnv = redact({ env: [{ name: 'DB_PASSWORD', value: secret }] }, hmac);
  const inUrl = redact({ url: `postgres://user:${secret}@db/x` }, hmac);
  assert.equal(digestOf(inSecret), hmac(secret));
  assert.equal(digestOf(inEnv), hmac(secret));
  assert.equal(digestOf(inUrl), hmac(secret));
  assert.notEqual(digestOf(redact({ env: [{ name: 'DB_PASSWORD', value: `${secret}2` }] }, hmac)), hmac(secret));
});

test('a Secret keeps its metadata, type and keys, and loses every value', () => {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'helm.sh/release.v1',
    metadata: {
      name: 'sh.helm.release.v1.web.v3',
      labels: { owner: 'helm', name: 'web', status: 'deployed', version: '3' },
    },
    data: { release: base64('H4sI…') },
    stringData: { n: '' },
  };
  assert.deepEqual(redact(secret, hmac), { ...secret, data: { release: mark('secret', 'H4sI…') } });
});

test('what names, locates or counts a secret stays readable', () => {
  const object: JsonObject = deepFreeze({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'token-service',
      annotations: {
        'nginx.ingress.kubernetes.io/auth-secret': 'basic-auth',
        'checksum/config': 'a3f5c9e1b7d2a3f5c9e1b7d2a3f5c9e1b7d2a3f5c9e1b7d2a3f5c9e1b7d2abcd',
        'vault.hashicorp.com/agent-inject-secret-db': 'secret/data/db',
      },
      uid: '0f5a7a53-8d2c-4c57-9a3f-3d1f7e6b2a10',
    },
    spec: {
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: 'registry-1' }],
      containers: [
        {
          name: 'web',
          image:
            'registry.example.com/team/auth-secret-service:v1.2.3@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
          args: [
            '--token-auth-file=/etc/kubernetes/tokens.csv',
            '--tls-private-key-file',
            '/etc/tls/tls.key',
            '--max-tokens=4096',
            '-p',
            '8080:80',
          ],
          command: [
            'sh',
            '-c',
            'mkdir -p /data && ssh -p 2222 host && PASSWORD=$(cat /run/secrets/db) exec run --password "$PASSWORD"',
          ],
          env: [
            { name: 'DB_PASSWORD', valueFrom: { secretKeyRef: { name: 'db-secret-1', key: 'DB_PASSWORD_2024' } } },
            { name: 'PASSWORD_FILE', value: '/run/secrets/password' },
            { name: 'PWD', value: '/app' },
            { name: 'OLDPWD', value: '/' },
            { name: 'TOKEN_TTL', value: '3600' },
            { name: 'ALLOW_EMPTY_PASSWORD', value: 'yes' },
            { name: 'DB_URL', value: 'postgres://user:$(DB_PASSWORD)@db:5432/app' },
            { name: 'API_TOKEN', value: '$(API_TOKEN)' },
          ],
        },
      ],
      volumes: [
        {
          name: 'token',
          projected: {
            sources: [{ serviceAccountToken: { audience: 'vault', expirationSeconds: 3600, path: 'token' } }],
          },
        },
        {
          name: 'secret-volume',
          secret: { secretName: 'db-credentials', defaultMode: 420, items: [{ key: 'password', path: 'db/password' }] },
        },
      ],
      tls: [{ secretName: 'web-tls', hosts: ['a.example.com'] }],
    },
    rules: [{ apiGroups: [''], resources: ['secrets', 'serviceaccounts/token'], verbs: ['get'] }],
    data: {
      'policy.yaml': 'passwordPolicy:\n  minLength: 12\n  requireSymbols: true\ntokenTTL: 30m\nsecretName: db\n',
      'rules.json': '{"passwordPolicy": {"minLength": 12}, "allowedSecrets": 3}',
      'app.properties': 'password.min.length=12\nsession.timeout=30\nsecret.name=db\n',
    },
  });
  assert.equal(redact(object, hmac), object);
});

test('in a longer text only the secret is replaced', () => {
  const config = 'passwordPolicy:\n  minLength: 12\ndb:\n  host: db # main\n  password: "s3cr3t"\n  port: 5432\n';
  assert.deepEqual(redact({ data: { 'a.yaml': config } }, hmac), {
    data: { 'a.yaml': config.replace('s3cr3t', mark('password', 's3cr3t')) },
  });
});

test('an applied configuration that does not say its kind is taken for a Secret', () => {
  for (const member of ['data', 'stringData']) {
    const applied = JSON.stringify({ [member]: { plain: 'Zm9vYmFyMTIz' } });
    const object = {
      kind: 'Secret',
      metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': applied } },
    };
    assert.ok(!JSON.stringify(redact(object, hmac)).includes('Zm9vYmFyMTIz'), member);
  }
});

test('last-applied-configuration becomes the canonical text of the redacted object', () => {
  const annotations = (text: string): JsonObject => ({
    metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': text } },
  });
  const applied = `{"kind":"Secret","apiVersion":"v1","stringData":{"a":"x"}}\n`;
  assert.deepEqual(
    redact(annotations(applied), hmac),
    annotations(`{"apiVersion":"v1","kind":"Secret","stringData":{"a":"${mark('secret', 'x')}"}}`),
  );
  assert.deepEqual(
    redact(annotations('{"kind":"Secret","stri'), hmac),
    annotations(mark('unreadable', '{"kind":"Secret","stri')),
  );
});

test('hostile keys are ordinary', () => {
  const object = JSON.parse(
    '{"__proto__": {"password": "x1y2"}, "constructor": {"token": "x1y2"}, "kind": "Secret", "data": {"__proto__": "eA=="}}',
  ) as JsonObject;
  const redacted = redact(object, hmac);
  assert.deepEqual(Object.keys(redacted), ['__proto__', 'constructor', 'kind', 'data']);
  assert.ok(
    jsonEqual(
      redacted,
      JSON.parse(
        `{"__proto__": {"password": "${mark('password', 'x1y2')}"}, "constructor": {"token": "${mark('token', 'x1y2')}"}, "kind": "Secret", "data": {"__proto__": "${mark('secret', 'x')}"}}`,
      ) as Json,
    ),
  );
});

test('a marker is recognised only as a whole', () => {
  assert.ok(isRedacted(mark('token', 'x')));
  assert.ok(!isRedacted(`${mark('token', 'x')} and more`));
  assert.ok(!isRedacted('redacted(token):short'));
});

test('a text that is said to hold no marker holds none, however it spells its letters', () => {
  const secret = mark('token', 'x');
  assert.ok(mayHoldMarker(JSON.stringify({ a: [{ b: secret }] })));
  assert.ok(mayHoldMarker(`{"a":"\\u0072${secret.slice(1)}"}`));
  assert.ok(mayHoldMarker(`{"a":"redacted\\u0028${secret.slice('redacted('.length)}"}`));
  assert.ok(!mayHoldMarker(JSON.stringify({ a: 'not "redacted"', redacted: `behind ${secret}` })));
});

test('a secret that was redacted before does not hide another beside it', () => {
  const text = `password=${mark('password', 'x')} token=hunter2`;
  assert.ok(!JSON.stringify(redact({ a: text }, hmac)).includes('hunter2'));
});
