/**
 * A real Apache Kafka (KRaft) on loopback for tests, from plain jars that Maven resolves once per version.
 * Brokers die with the process that started them.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../fakes/embedded/process.ts';
import { cached, digestOf } from '../cache.ts';

const host = '127.0.0.1';

export type Broker = {
  readonly id: number;
  readonly port: number;
  start(): Promise<void>;
  /** SIGTERM, then SIGKILL after 15 s. */
  stop(): Promise<void>;
  /** SIGKILL: the crash. */
  kill(): Promise<void>;
};

/** A user that the brokers know, by PLAIN and by SCRAM-SHA-512, and what they speak TLS with (PEM). */
export type BrokerSecurity = {
  readonly username: string;
  readonly password: string;
  readonly certificate: { readonly cert: string; readonly key: string };
};

export type KafkaCluster = {
  readonly brokers: readonly Broker[];
  readonly bootstrap: string;
  destroy(): Promise<void>;
};

/** Folder with the jars; resolves them when no copy of this version is cached. */
export function resolveKafka(): string {
  const pom = join(import.meta.dirname, 'pom.xml');
  return cached('kafka', digestOf([pom]), (folder) => {
    console.error('resolving Apache Kafka from Maven Central (once per version, 66 MB) …');
    execFileSync('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  });
}

/** With `security` clients have to come with TLS and a password. */
export async function startKafka(count = 1, security?: BrokerSecurity): Promise<KafkaCluster> {
  const lib = resolveKafka();
  const dir = mkdtempSync(join(tmpdir(), 'kafka-'));
  const ports = await freePorts(2 * count);
  const nodes = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    port: ports[2 * index] ?? 0,
    controllerPort: ports[2 * index + 1] ?? 0,
  }));
  const clusterId = randomBytes(16).toString('base64url');
  const voters = nodes.map((node) => `${node.id}@${host}:${node.controllerPort}`).join(',');
  const brokers = nodes.map((node) => openBroker({ ...node, dir: join(dir, `node-${node.id}`), lib }));
  const destroy = async () => {
    await Promise.all(brokers.map((broker) => broker.kill()));
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  };
  try {
    for (const broker of brokers) format(broker, { clusterId, voters, replicas: Math.min(3, count), security });
    await Promise.all(brokers.map((broker) => broker.start()));
  } catch (error) {
    await destroy();
    throw error;
  }
  return { brokers, bootstrap: brokers.map((broker) => `${host}:${broker.port}`).join(','), destroy };
}

type BrokerFiles = Broker & {
  readonly dir: string;
  readonly lib: string;
  readonly config: string;
  readonly controllerPort: number;
};

function openBroker(node: { id: number; port: number; controllerPort: number; dir: string; lib: string }): BrokerFiles {
  const config = join(node.dir, 'server.properties');
  const log = join(node.dir, 'server.log');
  let pid: number | undefined;
  // Never true for another process that was given the same pid later.
  const isRunning = () => {
    if (pid === undefined) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(config);
    } catch {
      return false;
    }
  };
  const kill = async () => {
    if (pid === undefined || !isRunning()) return;
    process.kill(pid, 'SIGKILL');
    await until(() => !isRunning(), 60_000, `broker ${node.id} to die`);
  };
  return {
    ...node,
    config,
    kill,
    async start() {
      const before = existsSync(log) ? readFileSync(log).length : 0;
      const out = openSync(log, 'a');
      // setpriv has the kernel kill the broker as soon as its parent is gone, however that came about.
      const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'java', ...jvmArgs(node), 'kafka.Kafka', config], {
        stdio: ['ignore', out, out],
        detached: true,
      });
      closeSync(out);
      child.unref();
      pid = child.pid;
      await until(
        () => {
          if (child.exitCode !== null)
            throw new Error(`broker ${node.id} exited with ${child.exitCode}:\n${tail(log)}`);
          return readFileSync(log).subarray(before).includes('Kafka Server started');
        },
        120_000,
        `broker ${node.id} to start`,
      );
    },
    async stop() {
      if (pid === undefined || !isRunning()) return;
      process.kill(pid, 'SIGTERM');
      await until(() => !isRunning(), 60_000, `broker ${node.id} to stop`).catch(kill);
    },
  };
}

type ClusterSettings = {
  readonly clusterId: string;
  readonly voters: string;
  readonly replicas: number;
  readonly security: BrokerSecurity | undefined;
};

function listenerSettings(broker: BrokerFiles, security: BrokerSecurity | undefined): Record<string, string> {
  const protocol = security === undefined ? 'PLAINTEXT' : 'SASL_SSL';
  const listeners = {
    'controller.listener.names': 'CONTROLLER',
    listeners: `${protocol}://${host}:${broker.port},CONTROLLER://${host}:${broker.controllerPort}`,
    'listener.security.protocol.map': `${protocol}:${protocol},CONTROLLER:PLAINTEXT`,
  };
  if (security === undefined) return listeners;
  const { username, password, certificate } = security;
  const keystore = join(broker.dir, 'keystore.pem');
  writeFileSync(keystore, certificate.key + certificate.cert, { mode: 0o600 });
  const login = 'org.apache.kafka.common.security';
  return {
    ...listeners,
    'inter.broker.listener.name': 'SASL_SSL',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${login}.plain.PlainLoginModule required username="${username}" password="${password}" user_${username}="${password}";`,
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keystore,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': keystore,
    'ssl.endpoint.identification.algorithm': '',
  };
}

function format(broker: BrokerFiles, cluster: ClusterSettings): void {
  mkdirSync(join(broker.dir, 'tmp'), { recursive: true });
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': broker.id,
    'controller.quorum.voters': cluster.voters,
    ...listenerSettings(broker, cluster.security),
    'log.dirs': join(broker.dir, 'data'),
    'auto.create.topics.enable': false,
    'default.replication.factor': cluster.replicas,
    'min.insync.replicas': Math.max(1, cluster.replicas - 1),
    // Fifty partitions each by default, which is most of the work of a first group join.
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': cluster.replicas,
    'transaction.state.log.num.partitions': 1,
    'transaction.state.log.replication.factor': cluster.replicas,
    'transaction.state.log.min.isr': Math.max(1, cluster.replicas - 1),
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': cluster.replicas,
    'share.coordinator.state.topic.min.isr': Math.max(1, cluster.replicas - 1),
    'group.initial.rebalance.delay.ms': 0,
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 3000,
    // Fits the small heap: the cleaner's default buffer alone is 128 MiB.
    'log.cleaner.dedupe.buffer.size': 4 * 1024 * 1024,
    'num.network.threads': 2,
    'num.io.threads': 4,
  };
  writeFileSync(
    broker.config,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  writeFileSync(
    join(broker.dir, 'log4j2.properties'),
    [
      'appender.out.type=Console',
      'appender.out.name=out',
      'appender.out.layout.type=PatternLayout',
      'appender.out.layout.pattern=%d{ISO8601} %p %m (%c{1})%n',
      'rootLogger.level=INFO',
      'rootLogger.appenderRef.out.ref=out',
    ].join('\n'),
  );
  // '=' because an id may begin with '-'.
  const { username, password } = cluster.security ?? {};
  const user = username === undefined ? [] : ['--add-scram', `SCRAM-SHA-512=[name=${username},password=${password}]`];
  const place = [`--cluster-id=${cluster.clusterId}`, '--config', broker.config];
  const args = ['kafka.tools.StorageTool', 'format', ...place, ...user];
  const run = spawnSync('java', [...jvmArgs(broker), ...args], { encoding: 'utf8' });
  if (run.status !== 0)
    throw new Error(`formatting broker ${broker.id} failed (${run.status}): ${run.stdout}${run.stderr}`);
}

function jvmArgs(node: { dir: string; lib: string }): readonly string[] {
  return [
    '-Xms64m',
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    `-Djava.io.tmpdir=${join(node.dir, 'tmp')}`,
    `-Dlog4j2.configurationFile=${join(node.dir, 'log4j2.properties')}`,
    '-cp',
    join(node.lib, '*'),
  ];
}

async function until(condition: () => boolean, timeoutMs: number, what: string): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await sleep(20);
  }
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-25).join('\n');
}
