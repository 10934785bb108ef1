import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, parseConfig } from './config.ts';

test('without any setting: one process, embedded store, memory bus, loopback only', () => {
  const config = parseConfig({});
  assert.equal(config.role, 'all');
  assert.equal(config.store.mode, 'embedded');
  assert.equal(config.kafka, undefined);
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 7443 });
  assert.equal(config.allowPlaintext, false);
});

test('flags win over the environment; both are parsed once', () => {
  const config = parseConfig(
    { DRIFTLINE_DATA_DIR: '/env', KAFKA_BROKERS: 'a:1, b:2', CLICKHOUSE_URL: 'http://ch:8123' },
    ['--data-dir=/flag', '--listen=[::1]:9000', '--role', 'worker'],
  );
  assert.equal(config.dataDir, '/flag');
  assert.deepEqual(config.listen, { host: '::1', port: 9000 });
  assert.equal(config.role, 'worker');
  assert.deepEqual(config.kafka?.brokers, ['a:1', 'b:2']);
  assert.equal(config.store.mode, 'external');
});

test('beyond loopback nothing listens in the clear, unless that is asked for by name', () => {
  const tls = { DRIFTLINE_TLS_CERT_FILE: 'tls.crt', DRIFTLINE_TLS_KEY_FILE: 'tls.key' };
  const open = { DRIFTLINE_LISTEN: '0.0.0.0:7443', DRIFTLINE_API_LISTEN: '[::]:7480' };
  assert.throws(
    () => parseConfig(open),
    /gateway: refusing .*.*\(DRIFTLINE_ALLOW_PLAINTEXT\).*api: refusing to listen on ::/,
  );
  assert.throws(() => parseConfig({ ...open, DRIFTLINE_ALLOW_PLAINTEXT: 'true' }), /^ConfigError: collector: api: /);
  assert.throws(() => parseConfig({ DRIFTLINE_API_LISTEN: '10.0.0.1:7480' }), /DRIFTLINE_API_ALLOW_PLAINTEXT/);
  const both = { DRIFTLINE_ALLOW_PLAINTEXT: 'true', DRIFTLINE_API_ALLOW_PLAINTEXT: 'true' };
  assert.equal(parseConfig({ ...open, ...both }).apiTls, undefined);
  // One certificate is enough for both; plain HTTP behind an ingress leaves the agents' TLS alone.
  assert.equal(parseConfig({ ...open, ...tls }).apiTls?.certFile, 'tls.crt');
  const behind = parseConfig({ ...open, ...tls, DRIFTLINE_API_ALLOW_PLAINTEXT: 'true' });
  assert.deepEqual([behind.tls?.certFile, behind.apiTls], ['tls.crt', undefined]);
  const own = parseConfig({
    ...open,
    ...tls,
    DRIFTLINE_API_TLS_CERT_FILE: 'a.crt',
    DRIFTLINE_API_TLS_KEY_FILE: 'a.key',
  });
  assert.equal(own.apiTls?.certFile, 'a.crt');
});

test('brokers are reached over TLS and with a password where that is set', () => {
  const security = (more: Readonly<Record<string, string>>) =>
    parseConfig({ KAFKA_BROKERS: 'a:1', ...more }).kafka?.security;
  assert.deepEqual(security({}), { tls: undefined, sasl: undefined });
  assert.deepEqual(security({ KAFKA_TLS: 'true' })?.tls, {});
  const user = { KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_USERNAME: 'me', KAFKA_PASSWORD: 'secret-value' };
  assert.deepEqual(security({ ...user, KAFKA_TLS_CA_FILE: 'ca' }), {
    tls: { caFile: 'ca' },
    sasl: { mechanism: 'PLAIN', username: 'me', password: 'secret-value' },
  });
  const pair = { KAFKA_TLS_CERT_FILE: 'c', KAFKA_TLS_KEY_FILE: 'k' };
  assert.deepEqual(security(pair), { tls: { certFile: 'c', keyFile: 'k' }, sasl: undefined });
  assert.throws(() => security(user), /PLAIN sends the password as it is: it needs TLS/);
  const scram = { ...user, KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512' };
  assert.equal(security(scram)?.sasl?.mechanism, 'SCRAM-SHA-512');
  assert.throws(() => security({ ...scram, KAFKA_PASSWORD: '' }), /KAFKA_PASSWORD: is needed with KAFKA_USERNAME/);
});

test('what cannot work is said before anything opens, without values', () => {
  for (const [variables, args, expected] of [
    [{ DRIFTLINE_LISTEN: 'secret-value' }, [], /DRIFTLINE_LISTEN: must be host:port/],
    [{ DRIFTLINE_ROLE: 'worker' }, [], /needs KAFKA_BROKERS/],
    [{ DRIFTLINE_ROLE: 'worker', KAFKA_BROKERS: 'a:1' }, [], /needs CLICKHOUSE_URL/],
    [{ DRIFTLINE_TLS_CERT_FILE: 'secret-value' }, [], /go together/],
    [{ DRIFTLINE_API_TLS_KEY_FILE: 'secret-value' }, [], /go together/],
    [{ KAFKA_PARTITIONS: 'many' }, [], /KAFKA_PARTITIONS/],
    [{ KAFKA_SASL_MECHANISM: 'PLAIN' }, [], /KAFKA_SASL_MECHANISM: a mechanism and a user go together/],
    [{ KAFKA_TLS_KEY_FILE: 'secret-value' }, [], /go together/],
    [{}, ['--kafka-password=x'], /kafka-password/],
    [{}, ['--no-such-flag=secret-value'], /no-such-flag/],
    [{}, ['--clickhouse-password=x'], /clickhouse-password/],
  ] as const) {
    assert.throws(
      () => parseConfig(variables, args),
      (error: Error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, expected);
        return !error.message.includes('secret-value') || args.length > 0;
      },
    );
  }
});
