/**
 * What the charts render: the plain manifests, what the programs read, what is mounted, and nothing that our own controls
 * find severe.
 */
import { parseConfig as parseAgentConfig } from '@driftline/agent';
import { parseConfig as parseCollectorConfig } from '@driftline/collector';
import { createEngine, objectKeyOf } from '@driftline/policy';
import type { Finding } from '@driftline/policy';
import { readLibrary } from '@driftline/policy/library';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { withCertificate, withWebhook } from './deploy/agent-values.ts';
import { objectsOf, renderChart, renderObjects } from './deploy/helm.ts';
import type { Loose, Values } from './deploy/helm.ts';
import { manifests, manifestsFolder, placeholders, plainManifest } from './deploy/plain-manifests.ts';

describe('charts and manifests', () => {
  test('the plain manifests are what the charts render', () => {
    for (const manifest of manifests)
      assert.equal(
        readFileSync(join(manifestsFolder, manifest.file), 'utf8'),
        plainManifest(manifest),
        `${manifest.file}: run node test/real/deploy/write-manifests.ts`,
      );
    const known = ['README.md', 'namespace.yaml', ...manifests.map(({ file }) => file)];
    assert.deepEqual(readdirSync(manifestsFolder).sort(), known.sort());
  });

  test('a chart without what only its user knows says what is missing', () => {
    assert.throws(() => renderChart('driftline-agent'), /cluster is required/);
    assert.throws(() => renderChart('driftline-agent', { cluster: 'c' }), /collector\.address is required/);
    const nobody = { ...placeholders.agent, 'collector.secretName': '' };
    assert.throws(() => renderChart('driftline-agent', nobody), /a token or a client certificate says which cluster/);
    const fleet = { mode: 'fleet', 'clickhouse.url': 'http://c:8123' };
    assert.throws(() => renderChart('driftline-collector', fleet), /kafka\.brokers is required/);
    assert.throws(() => renderChart('driftline-collector', { mode: 'other' }), /mode must be embedded or fleet/);
  });

  const environmentOf = (object: Loose): Record<string, string> => {
    const variables: Loose[] = object.spec.template.spec.containers[0].env;
    return Object.fromEntries(variables.map(({ name, value }) => [name, value ?? `secret-${name}`]));
  };
  const workloads = (objects: readonly Loose[]): readonly Loose[] =>
    objects.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');

  test('the agent reads every variable that its chart sets', () => {
    const configs = [placeholders.agent, withWebhook, withCertificate].map((values) => {
      const [workload] = workloads(renderObjects('driftline-agent', values));
      const environment = environmentOf(workload);
      const config = parseAgentConfig([], environment);
      assert.ok(config !== 'help');
      // A name that the agent does not know would change nothing: each must.
      for (const name of Object.keys(environment)) {
        const { [name]: _left, ...others } = environment;
        const isRequired = /_(CLUSTER|COLLECTOR|REDACTION_KEY_FILE)$/.test(name);
        const parseOthers = () => JSON.stringify(parseAgentConfig([], { ...others, [name]: '' }));
        if (isRequired || parseIsRefused(parseOthers)) continue;
        assert.notEqual(parseOthers(), JSON.stringify(config), `${name} changes nothing`);
      }
      return config;
    });
    const [plain, webhook, certified] = configs;
    assert.equal(plain?.collector.url, 'https://collector.example.com:7443');
    assert.equal(plain.auditWebhook, undefined);
    assert.equal(plain.spoolLimitBytes, 512 * 2 ** 20);
    assert.ok(!plain.redactionKeyFile.startsWith(`${plain.stateDir}/`));
    assert.deepEqual(webhook?.auditWebhook?.listen, { host: '0.0.0.0', port: 9443 });
    assert.ok(webhook.auditWebhook.tokenFile !== undefined && webhook.auditWebhook.certificateFile !== undefined);
    assert.ok(webhook.collector.caFile !== undefined);
    const { tokenFile, certificateFile, keyFile, caFile, serverName } = certified?.collector ?? {};
    assert.deepEqual(
      [tokenFile, certificateFile, keyFile, caFile, serverName],
      [undefined, ...['tls.crt', 'tls.key', 'ca.crt'].map((file) => `/etc/driftline/collector-tls/${file}`), 'central'],
    );
  });

  test('every Secret that the agent reads a file of is mounted, and no other', () => {
    for (const values of [placeholders.agent, withWebhook, withCertificate]) {
      const [workload] = workloads(renderObjects('driftline-agent', values));
      const { containers, volumes } = workload.spec.template.spec;
      const paths: readonly string[] = Object.values(environmentOf(workload)).filter((value) =>
        value.startsWith('/etc/'),
      );
      const mounts: readonly Loose[] = containers[0].volumeMounts;
      const secrets = volumes.filter(({ secret }: Loose) => secret !== undefined).map(({ name }: Loose) => name);
      const read = paths.map((path) => mounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`))?.name);
      assert.deepEqual(new Set(read), new Set(secrets));
    }
  });

  test('the metrics of the agent are there for who asks for them', () => {
    const monitored = renderObjects('driftline-agent', {
      ...placeholders.agent,
      'metrics.podMonitor': true,
      'metrics.podMonitorLabels': { release: 'prometheus' },
    });
    const monitor = monitored.find(({ kind }) => kind === 'PodMonitor');
    const [workload] = workloads(monitored);
    const [endpoint] = monitor.spec.podMetricsEndpoints;
    assert.equal(monitor.metadata.labels.release, 'prometheus');
    assert.ok(workload.spec.template.spec.containers[0].ports.some(({ name }: Loose) => name === endpoint.port));
    for (const [name, value] of Object.entries(monitor.spec.selector.matchLabels))
      assert.equal(workload.spec.template.metadata.labels[name], value);
    assert.ok(!renderObjects('driftline-agent', placeholders.agent).some(({ kind }) => kind === 'PodMonitor'));
  });

  test('the collector reads what its chart sets, in every role', () => {
    const roles = [{}, placeholders.fleet].flatMap((values: Values) =>
      workloads(renderObjects('driftline-collector', values)).map((workload) => {
        const config = parseCollectorConfig(environmentOf(workload));
        assert.ok(config.tls !== undefined && config.tokensFile !== undefined);
        return [config.role, config.store.mode, config.kafka?.brokers.length ?? 0];
      }),
    );
    assert.deepEqual(roles, [
      ['all', 'embedded', 0],
      ['gateway', 'external', 3],
      ['worker', 'external', 3],
    ]);
  });

  test('policies, receivers, repositories and client certificates are settings of the chart, and mounted where they are read', () => {
    const values: Values = {
      'policies.configMapNames': ['own-controls', 'team.controls'],
      'forwarders.secretName': 'receivers',
      'gitRepositories.secretName': 'repositories',
      'gateway.clientCaSecretName': 'client-ca',
      'kafka.caSecretName': 'kafka-ca',
      'kafka.clientCertSecretName': 'kafka-tls',
      'kafka.saslMechanism': 'SCRAM-SHA-512',
      'kafka.saslSecretName': 'kafka-user',
    };
    const read = (more: Values) =>
      workloads(renderObjects('driftline-collector', { ...more, ...values })).map((workload) => {
        const environment = environmentOf(workload);
        const config = parseCollectorConfig(environment);
        const { containers, volumes } = workload.spec.template.spec;
        const mounts: readonly Loose[] = containers[0].volumeMounts;
        const mounted = new Set(mounts.map(({ name }) => name));
        assert.deepEqual(mounted, new Set([...volumes.map(({ name }: Loose) => name), 'data']));
        const files = Object.values(environment).flatMap((value) =>
          value.split(',').filter((it) => it.startsWith('/etc/')),
        );
        for (const file of files)
          assert.ok(
            mounts.some(({ mountPath }) => file === mountPath || file.startsWith(`${mountPath}/`)),
            file,
          );
        assert.deepEqual(config.policyDirs, [
          '/etc/driftline/policies/own-controls',
          '/etc/driftline/policies/team.controls',
        ]);
        assert.equal(config.gitRepositoriesFile, '/etc/driftline/git/repositories.json');
        assert.equal(config.tls?.clientCaFile, '/etc/driftline/client-ca/ca.crt');
        if (config.role !== 'all')
          assert.deepEqual(config.kafka?.security, {
            tls: {
              caFile: '/etc/driftline/kafka-ca/ca.crt',
              certFile: '/etc/driftline/kafka-tls/tls.crt',
              keyFile: '/etc/driftline/kafka-tls/tls.key',
            },
            sasl: { mechanism: 'SCRAM-SHA-512', username: 'secret-KAFKA_USERNAME', password: 'secret-KAFKA_PASSWORD' },
          });
        return [workload.metadata.name, workload.spec.replicas, config.role, config.forwardersFile !== undefined];
      });
    assert.deepEqual(read({}), [['driftline-collector', 1, 'all', true]]);
    // A receiver gets everything once, from one process.
    assert.deepEqual(read(placeholders.fleet), [
      ['driftline-gateway', 2, 'gateway', false],
      ['driftline-worker', 2, 'worker', false],
      ['driftline-forwarder', 1, 'gateway', true],
    ]);
    const service = renderObjects('driftline-collector', { ...placeholders.fleet, ...values }).find(
      ({ kind }) => kind === 'Service',
    );
    assert.equal(service.spec.selector['driftline.io/role'], 'gateway', 'agents do not connect to what forwards');
  });

  test("the API's probes speak as it does: TLS by default, its own certificate, or plain only when that was asked for", () => {
    const variants = [
      [{}, 'HTTPS', '/etc/driftline/tls/tls.crt'],
      [{ 'api.tlsSecretName': 'own' }, 'HTTPS', '/etc/driftline/api-tls/tls.crt'],
      [{ 'api.allowPlaintext': true }, 'HTTP', undefined],
      [{ 'api.allowPlaintext': true, 'api.tlsSecretName': 'own' }, 'HTTPS', '/etc/driftline/api-tls/tls.crt'],
    ] as const;
    for (const [values, scheme, certFile] of variants) {
      const [workload] = workloads(renderObjects('driftline-collector', values));
      const [container] = workload.spec.template.spec.containers as Loose[];
      for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'])
        assert.equal(container[probe].httpGet.scheme, scheme, JSON.stringify(values));
      const config = parseCollectorConfig(environmentOf(workload));
      assert.equal(config.apiTls?.certFile, certFile);
      // Every certificate that is read is mounted.
      const folders = (container.volumeMounts as Loose[]).map(({ mountPath }) => String(mountPath));
      for (const file of [config.apiTls?.certFile, config.tls?.certFile].filter((path) => path !== undefined))
        assert.ok(
          folders.some((folder) => file.startsWith(`${folder}/`)),
          file,
        );
    }
  });

  test('our own controls find nothing severe in what we ask others to run, but what is meant', async () => {
    const library = await readLibrary();
    assert.ok(library.ok);
    const judge = (objects: readonly Loose[]): readonly string[] => {
      const engine = createEngine({ controls: library.bundle.controls.map(({ control }) => control) });
      const changes = objects.map((object, at) => {
        const key = objectKeyOf(object);
        return { key, uid: String(at), after: object };
      });
      engine.apply(changes, 0);
      assert.deepEqual(engine.unanswered(), []);
      const severities = new Map(library.bundle.controls.map(({ control: { meta } }) => [meta.id, meta.severity]));
      const severityOf = ({ finding }: Finding): string => severities.get(finding.control) ?? '';
      return engine
        .findings()
        .filter((one) => ['critical', 'high'].includes(severityOf(one)))
        .map(({ finding }) => `${finding.control} ${finding.object.kind}/${finding.object.name}`);
    };
    const own = objectsOf(readFileSync(join(manifestsFolder, 'namespace.yaml'), 'utf8'));
    // Which registry they come from is up to whoever runs them.
    const images = { 'image.repository': 'registry.example.com/driftline' };
    const forwarding = { 'forwarders.secretName': 'receivers', 'gitRepositories.secretName': 'repositories' };
    for (const values of [images, { ...placeholders.fleet, ...images, ...forwarding }])
      assert.deepEqual(judge([...own, ...renderObjects('driftline-collector', values)]), []);
    const least = { ...withWebhook, ...images, 'rbac.secrets': false, 'rbac.customResourceGroups': [] };
    assert.deepEqual(judge([...own, ...renderObjects('driftline-agent', least)]), []);
    // Reading Secrets is how a changed one is noticed, and kinds of a custom group cannot be known beforehand. Both are
    // values of the chart, and a scanner that finds them is right to ask.
    const full = judge([...own, ...renderObjects('driftline-agent', { ...withWebhook, ...images })]);
    assert.deepEqual([...new Set(full)].sort(), [
      'DL-RBAC-002 ClusterRole/driftline-agent',
      'DL-RBAC-003 ClusterRoleBinding/driftline-agent',
    ]);
  });
});

const parseIsRefused = (parse: () => unknown): boolean => {
  try {
    parse();
    return false;
  } catch {
    return true;
  }
};
