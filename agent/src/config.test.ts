import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseConfig, usage } from './config.ts';

const required = ['--cluster', 'east', '--collector', 'collector:7443', '--redaction-key-file', '/keys/key'];

it('flags win over the environment, which wins over defaults', () => {
  const environment = { DRIFTLINE_AGENT_CLUSTER: 'west', DRIFTLINE_AGENT_SPOOL_LIMIT: '1Gi', OTHER: 'x' };
  const config = parseConfig(required, environment);
  assert.ok(config !== 'help');
  assert.equal(config.cluster, 'east');
  assert.equal(config.spoolLimitBytes, 2 ** 30);
  assert.equal(config.collector.url, 'https://collector:7443', 'a bare address is encrypted');
  assert.deepEqual(config.healthListen, { host: '127.0.0.1', port: 8081 });
});

it('everything that is wrong is said at once, with the names of flag and variable', () => {
  const run = (): unknown => parseConfig(['--spool-limit', '12x', '--health-listen', 'nowhere'], {});
  assert.throws(run, (error: Error & { code: string }) => {
    assert.equal(error.code, 'usage');
    for (const part of ['--cluster (DRIFTLINE_AGENT_CLUSTER)', '--collector', '--spool-limit', '512Mi', 'host:port']) {
      assert.ok(error.message.includes(part), `${part} in ${error.message}`);
    }
    return true;
  });
  assert.throws(() => parseConfig([...required, '--no-such-flag'], {}), { code: 'usage' });
  assert.throws(() => parseConfig([...required, '--collector-cert-file', 'c'], {}), /--collector-key-file/);
  assert.throws(() => parseConfig([...required, '--spool-limit', '1k'], {}), /at least 64Ki/);
  assert.throws(() => parseConfig([...required, '--self-check-interval-minutes', '1.5'], {}), /0 to 10080/);
  assert.throws(() => parseConfig([...required, '--log-level', 'loud'], {}), /one of trace, debug/);
  assert.throws(() => parseConfig([...required, '--health-listen', 'here:65536'], {}), /up to 65535/);
  assert.throws(() => parseConfig([...required, '--include', 'pods,,'], {}), /empty items/);
  assert.throws(() => parseConfig(required, { DRIFTLINE_AGENT_USE_WATCH_LIST: 'perhaps' }), /true or false/);
});

it('lists, addresses and switches', () => {
  const config = parseConfig(
    [...required, '--include', 'pods, *.apps', '--audit-webhook-listen', '[::1]:9443', '--create-redaction-key'],
    { DRIFTLINE_AGENT_ALLOW_INSECURE_TRANSPORT: 'true', DRIFTLINE_AGENT_USE_WATCH_LIST: 'false' },
  );
  assert.ok(config !== 'help');
  assert.deepEqual(config.include, ['pods', '*.apps']);
  assert.deepEqual(config.auditWebhook?.listen, { host: '::1', port: 9443 });
  assert.deepEqual(
    [config.createRedactionKey, config.collector.allowInsecureTransport, config.usesWatchList],
    [true, true, false],
  );
});

it('an audit webhook that other machines can reach, and nothing that says who sends, is refused', () => {
  const open = [...required, '--audit-webhook-listen', '0.0.0.0:9443'];
  assert.throws(() => parseConfig(open, {}), /--audit-webhook-listen .*token/);
  assert.throws(() => parseConfig([...required, '--audit-webhook-listen', '[::]:9443'], {}), { code: 'usage' });
  assert.ok(parseConfig([...open, '--audit-webhook-token-file', 't'], {}) !== 'help');
  const certificates = ['--audit-webhook-cert-file', 'c', '--audit-webhook-key-file', 'k'];
  assert.throws(() => parseConfig([...open, ...certificates], {}), { code: 'usage' });
  assert.ok(parseConfig([...open, ...certificates, '--audit-webhook-client-ca-file', 'a'], {}) !== 'help');
});

it('--help lists every flag', () => {
  assert.equal(parseConfig(['--help'], {}), 'help');
  for (const flag of ['--cluster', '--audit-log-start', '--health-listen', '--create-redaction-key']) {
    assert.ok(usage().includes(flag));
  }
});
