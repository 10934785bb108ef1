/**
 * An agent, a gateway and a pipeline in this process, with a timeline in memory and the practice cluster: what the whole
 * line is tested with where ClickHouse does not matter. Everything can be stopped, and the states on both sides can be
 * taken away or set back.
 */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAgent, parseConfig } from '@driftline/agent';
import type { Agent, AgentConfig } from '@driftline/agent';
import type { Hmac } from '@driftline/proto';
import { pino } from 'pino';
import { openRedactionKey } from '../../agent/src/redaction-key.ts';
import { memoryBindings } from '../../collector/src/ingest/testing/memory-bindings.ts';
import { freePort } from './embedded/process.ts';
import { createMemoryStore } from './memory-timeline.ts';
import type { MemoryStore } from './memory-timeline.ts';
import { openPracticeCluster } from './practice-cluster/index.ts';
import type { Actor, PracticeCluster } from './practice-cluster/index.ts';
import { openSmallCollector, tokenOf } from './small-collector.ts';
import type { SmallCollector, SmallCollectorOptions } from './small-collector.ts';

const logger = pino({ level: 'silent' });

export class SmallSystem {
  readonly directory: string;
  readonly cluster: PracticeCluster;
  readonly actor: Actor;
  readonly hmac: Hmac;
  readonly store: MemoryStore = createMemoryStore();
  collector: SmallCollector | undefined;
  agent: Agent | undefined;
  readonly #port: number;
  readonly #bindings = memoryBindings();

  private constructor(parts: {
    readonly directory: string;
    readonly cluster: PracticeCluster;
    readonly hmac: Hmac;
    readonly port: number;
  }) {
    this.directory = parts.directory;
    this.cluster = parts.cluster;
    this.hmac = parts.hmac;
    this.#port = parts.port;
    this.actor = parts.cluster.actor({ user: 'w', userAgent: 'w', sourceIp: '192.0.2.1', isTrusted: true });
  }

  static async open(): Promise<SmallSystem> {
    const directory = await mkdtemp(join(tmpdir(), 'driftline-small-'));
    const cluster = await openPracticeCluster({ controllers: false, bookmarkIntervalMs: 100 });
    await writeFile(join(directory, 'kubeconfig'), cluster.kubeconfigFor('admin'));
    await writeFile(join(directory, 'token'), tokenOf('small'));
    const stateDir = join(directory, 'state');
    const key = await openRedactionKey({ path: join(directory, 'key'), stateDir, createsMissing: true });
    return new SmallSystem({ directory, cluster, hmac: key.hmac, port: await freePort() });
  }

  get stateDir(): string {
    return join(this.directory, 'state');
  }

  async startCollector(limits: SmallCollectorOptions['limits'] = {}): Promise<void> {
    const { store } = this;
    this.collector = await openSmallCollector({ store, bindings: this.#bindings, port: this.#port, limits });
  }

  async stopCollector(): Promise<void> {
    await this.collector?.close();
    this.collector = undefined;
  }

  async startAgent(include: string): Promise<Agent> {
    this.agent = await this.openAgent(include, 'state');
    return this.agent;
  }

  /** An agent of this cluster, its state in a folder of that name; whoever opens it closes it. */
  openAgent(include: string, state: string): Promise<Agent> {
    const flags = {
      cluster: 'small',
      collector: `http://127.0.0.1:${this.#port}`,
      'token-file': join(this.directory, 'token'),
      'state-dir': join(this.directory, state),
      'redaction-key-file': join(this.directory, 'key'),
      kubeconfig: join(this.directory, 'kubeconfig'),
      'health-listen': '127.0.0.1:0',
      include,
    };
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
    return openAgent(parseConfig(args, {}) as AgentConfig, { logger });
  }

  async stopAgent(): Promise<void> {
    await this.agent?.close();
    this.agent = undefined;
  }

  /** Keeps a copy of the agent's state; it must be stopped. */
  async copyState(): Promise<void> {
    await cp(this.stateDir, join(this.directory, 'copy'), { recursive: true });
  }

  /** The state is the copy again, or nothing. */
  async setStateBack(): Promise<void> {
    await rm(this.stateDir, { recursive: true, maxRetries: 10 });
    await cp(join(this.directory, 'copy'), this.stateDir, { recursive: true });
  }

  async loseState(): Promise<void> {
    await rm(this.stateDir, { recursive: true, maxRetries: 10 });
  }

  async close(): Promise<void> {
    await this.stopAgent();
    await this.stopCollector();
    await this.cluster.stop();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 10 });
  }
}
