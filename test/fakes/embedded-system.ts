/**
 * The whole system in embedded mode, for one test file: practice cluster, a real agent, a real collector with its own
 * ClickHouse, the HTTP API and the CLI, on free ports and in a folder of its own. The agent is a child process unless
 * told otherwise, so that it can be killed; the collector can be one.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAgent, parseConfig as parseAgentConfig } from '@driftline/agent';
import { apiExtension, forwardersExtension, openCollector, parseConfig } from '@driftline/collector';
import type { Collector } from '@driftline/collector';
import type { ApiStatus, Hmac } from '@driftline/proto';
import { pino } from 'pino';
import { openRedactionKey } from '../../agent/src/redaction-key.ts';
import { type Program, bareEnvironment, freePort, startProgram, until } from './embedded/process.ts';
import { TimelineReading } from './embedded/timeline-reading.ts';
import { type History, type Truth, currentOf, recordTruth } from './embedded/truth.ts';
import { type Actor, type AuditRule, openPracticeCluster } from './practice-cluster/index.ts';
import type { PracticeCluster, PracticeClusterOptions } from './practice-cluster/index.ts';

export type EmbeddedSystemOptions = {
  readonly cluster?: PracticeClusterOptions;
  readonly collector?: 'in-process' | 'process';
  readonly agent?: 'process' | 'in-process' | 'none';
  /** More flags of the agent, or other values for them. */
  readonly agentFlags?: Readonly<Record<string, string | true>>;
  readonly collectorFlags?: Readonly<Record<string, string>>;
  /** Whether the API server sends audit events. Default true. */
  readonly audit?: boolean;
  /** Which of them. Default: the practice cluster's own policy. */
  readonly auditPolicy?: readonly AuditRule[];
  /** Where the agent finds the collector instead of at `gatewayPort`. */
  readonly collectorPort?: (gatewayPort: number) => Promise<number>;
  /** Where the agent finds the API server instead of at its own port. */
  readonly clusterPort?: (apiServerPort: number) => Promise<number>;
};

export const clusterName = 'practice';
export const agentToken = 'agent-token-of-the-practice-cluster';
export const readerToken = 'reader-token-of-the-practice-cluster';
const agentAccount = 'system:serviceaccount:driftline:driftline-agent';

/** Something that runs, in this process or in another. */
type Running = { readonly kill: () => Promise<void>; readonly stop: () => Promise<void> };

/** Opens everything and waits until what exists is recorded. */
export async function openEmbeddedSystem(options: EmbeddedSystemOptions = {}): Promise<EmbeddedSystem> {
  const system = await EmbeddedSystem.create(options);
  try {
    await system.startCollector();
    if (options.agent !== 'none') {
      await system.startAgent();
      await system.settled();
    }
    return system;
  } catch (error) {
    await system.close();
    throw error;
  }
}

type Ports = { readonly gateway: number; readonly api: number; readonly health: number; readonly webhook: number };

export class EmbeddedSystem {
  readonly folder: string;
  readonly cluster: PracticeCluster;
  readonly ports: Ports;
  /** What the store holds. */
  readonly timeline: TimelineReading;
  /** What the cluster committed since the system was opened. */
  readonly truth: Truth;
  readonly hmac: Hmac;
  /** In-process only. */
  collector: Collector | undefined;
  collectorProgram: Program | undefined;
  agentProgram: Program | undefined;
  readonly #options: EmbeddedSystemOptions;
  readonly #logs: string[] = [];
  readonly #programs: { readonly part: 'agent' | 'collector'; readonly program: Program }[] = [];
  #agent: Running | undefined;
  #collector: Running | undefined;
  #collectorPort: number | undefined;

  private constructor(
    parts: Pick<EmbeddedSystem, 'folder' | 'cluster' | 'ports' | 'truth' | 'hmac'>,
    options: EmbeddedSystemOptions,
  ) {
    this.folder = parts.folder;
    this.cluster = parts.cluster;
    this.ports = parts.ports;
    this.truth = parts.truth;
    this.hmac = parts.hmac;
    this.timeline = new TimelineReading(join(parts.folder, 'collector'));
    this.#options = options;
  }

  static async create(options: EmbeddedSystemOptions): Promise<EmbeddedSystem> {
    const folder = mkdtempSync(join(tmpdir(), 'driftline-system-'));
    const ports = {
      gateway: await freePort(),
      api: await freePort(),
      health: await freePort(),
      webhook: await freePort(),
    };
    const webhook = {
      url: `http://127.0.0.1:${ports.webhook}/`,
      batchMaxWaitMs: 20,
      retryDelayMs: 100,
      maxAttempts: 20,
    };
    const policy = options.auditPolicy === undefined ? {} : { policy: options.auditPolicy };
    const cluster = await openPracticeCluster({
      controllers: false,
      bookmarkIntervalMs: 500,
      ...options.cluster,
      ...(options.audit === false ? {} : { audit: { webhook, ...policy } }),
    });
    letRead(cluster);
    const keyFile = join(folder, 'key', 'redaction-key');
    const key = await openRedactionKey({ path: keyFile, stateDir: join(folder, 'agent'), createsMissing: true });
    const port = Number(new URL(cluster.url).port);
    const seenPort = (await options.clusterPort?.(port)) ?? port;
    const kubeconfig = cluster.kubeconfigFor(agentAccount).replace(`:${port}`, `:${seenPort}`);
    writeFileSync(join(folder, 'kubeconfig'), kubeconfig, { mode: 0o600 });
    writeFileSync(join(folder, 'token'), agentToken, { mode: 0o600 });
    writeFileSync(join(folder, 'tokens.json'), JSON.stringify(tokens), { mode: 0o600 });
    return new EmbeddedSystem(
      { folder, cluster, ports, truth: recordTruth(cluster, key.hmac), hmac: key.hmac },
      options,
    );
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.ports.api}`;
  }

  /** A trusted hand that may do everything. */
  actor(user = 'root@example.com', userAgent = 'kubectl/v1.36.0'): Actor {
    return this.cluster.actor({ user, userAgent, sourceIp: '203.0.113.5', isTrusted: true });
  }

  collectorFlags(): Record<string, string> {
    return {
      'data-dir': join(this.folder, 'collector'),
      'tokens-file': join(this.folder, 'tokens.json'),
      listen: `127.0.0.1:${this.ports.gateway}`,
      'api-listen': `127.0.0.1:${this.ports.api}`,
      'log-level': 'debug',
      ...this.#options.collectorFlags,
    };
  }

  async startCollector(): Promise<void> {
    const flags = this.collectorFlags();
    if (this.#options.collector === 'process') {
      const program = startProgram('collector/src/main.ts', flags);
      this.collectorProgram = program;
      this.#programs.push({ part: 'collector', program });
      this.#collector = program;
      await until(async () => {
        if (program.hasEnded()) throw new Error(`the collector ended: ${program.output()}`);
        return this.#answers(`${this.apiUrl}/readyz`);
      }, 'the collector is ready');
      return;
    }
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
    const collector = await openCollector({
      config: parseConfig({}, args),
      logger: this.#logger(),
      extensions: [apiExtension(), forwardersExtension],
    });
    this.collector = collector;
    this.#collector = { stop: () => collector.close(), kill: () => collector.close() };
  }

  async agentFlags(): Promise<Record<string, string | true>> {
    this.#collectorPort ??= (await this.#options.collectorPort?.(this.ports.gateway)) ?? this.ports.gateway;
    return {
      cluster: clusterName,
      collector: `http://127.0.0.1:${this.#collectorPort}`,
      'token-file': join(this.folder, 'token'),
      'state-dir': join(this.folder, 'agent'),
      'redaction-key-file': join(this.folder, 'key', 'redaction-key'),
      kubeconfig: join(this.folder, 'kubeconfig'),
      'audit-webhook-listen': `127.0.0.1:${this.ports.webhook}`,
      'health-listen': `127.0.0.1:${this.ports.health}`,
      'log-level': 'debug',
      ...this.#options.agentFlags,
    };
  }

  /** Of the embedded server that runs now. */
  clickHousePid(): number {
    const started = [...this.logs('collector').matchAll(/\{[^\n]*"msg":"embedded ClickHouse started"[^\n]*\}/g)];
    const pid: unknown = JSON.parse(started.at(-1)?.[0] ?? '{}').pid;
    if (typeof pid !== 'number') throw new Error('the collector has not said which process its ClickHouse is');
    return pid;
  }

  /** Resolves when it observes; with `waits` false, as soon as it was started. */
  async startAgent({ waits = true }: { readonly waits?: boolean } = {}): Promise<void> {
    const flags = await this.agentFlags();
    if (this.#options.agent === 'in-process') {
      const args = Object.entries(flags).flatMap(([name, value]) =>
        value === true ? [`--${name}`] : [`--${name}`, value],
      );
      const config = parseAgentConfig(args, {});
      if (config === 'help') throw new Error('no help is wanted');
      const agent = await openAgent(config, { logger: this.#logger() });
      this.#agent = { stop: () => agent.close(), kill: () => agent.close() };
    } else {
      const program = startProgram('agent/src/main.ts', flags);
      this.agentProgram = program;
      this.#programs.push({ part: 'agent', program });
      this.#agent = program;
    }
    if (waits) {
      const program = this.agentProgram;
      await until(async () => {
        if (program?.hasEnded() === true) throw new Error(`the agent ended: ${program.output()}`);
        return this.#answers(`http://127.0.0.1:${this.ports.health}/readyz`);
      }, 'the agent observes');
    }
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = undefined;
  }

  async killAgent(): Promise<void> {
    await this.#agent?.kill();
    this.#agent = undefined;
  }

  async stopCollector(): Promise<void> {
    await this.#collector?.stop();
    this.#collector = undefined;
  }

  async killCollector(): Promise<void> {
    await this.#collector?.kill();
    this.#collector = undefined;
  }

  /** Everything that the cluster has committed and audited by now is in the timeline, and acknowledged. */
  async settled(timeoutMs = 120_000): Promise<void> {
    let difference = 'nothing was compared yet';
    const isSettled = async (): Promise<boolean> => {
      const { webhook, events } = this.cluster.audit;
      if (webhook !== undefined && webhook.sentEvents + webhook.droppedEvents < events) return false;
      const { last, recorded } = await this.agentPosition();
      difference = `recorded ${recorded} of ${last}`;
      if (last === 0 || recorded < last) return false;
      difference = firstDifference(currentOf(this.truth.history), await this.timeline.current());
      if (difference !== '') return false;
      const listing = await this.timeline.listing();
      if (listing.length > 0) difference = `not listed yet: ${listing.join()}`;
      return listing.length === 0;
    };
    await until(() => isSettled().catch(() => false), 'the timeline equals the cluster', timeoutMs).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}; ${difference}`);
      },
    );
  }

  /**
   * After `settled`: every version that there ever was is told as well. The last form of an object can be one that it
   * had before, or none. What does not come is left to the caller's comparison to show.
   */
  async wholeHistory(timeoutMs = 120_000): Promise<History> {
    let told: History = new Map();
    const isWhole = async (): Promise<boolean> => {
      told = await this.timeline.history();
      return [...this.truth.history].every(([key, forms]) => (told.get(key)?.length ?? 0) >= forms.length);
    };
    await until(isWhole, 'every version is told', timeoutMs).catch(() => undefined);
    return told;
  }

  /** As the agent's metrics say. */
  async agentPosition(): Promise<{ readonly last: number; readonly recorded: number }> {
    const text = await (await fetch(`http://127.0.0.1:${this.ports.health}/metrics`)).text();
    const value = (name: string): number =>
      Number(new RegExp(`^driftline_agent_spool_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
    return { last: value('last_sequence'), recorded: value('recorded_sequence') };
  }

  /** One answer of GET /api/v1/<path>. */
  async get<T>(path: string, token = readerToken): Promise<T> {
    const response = await fetch(`${this.apiUrl}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}` } });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Items of all pages, in order. */
  async all<T>(path: string): Promise<readonly T[]> {
    const items: T[] = [];
    for (let cursor = ''; ; ) {
      const separator = path.includes('?') ? '&' : '?';
      const page = await this.get<{ items: readonly T[]; next?: string | null }>(
        cursor === '' ? path : `${path}${separator}cursor=${encodeURIComponent(cursor)}`,
      );
      items.push(...page.items);
      if (page.next === undefined || page.next === null) return items;
      cursor = page.next;
    }
  }

  status(): Promise<ApiStatus> {
    return this.get<ApiStatus>('status');
  }

  /** The CLI's binary, as a person runs it. */
  async cli(
    ...args: readonly string[]
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
    const binary = join(import.meta.dirname, '../../cli/bin/driftline.mjs');
    const env = {
      ...bareEnvironment(),
      HOME: this.folder,
      DRIFTLINE_URL: this.apiUrl,
      DRIFTLINE_TOKEN: readerToken,
    };
    return new Promise((resolve) => {
      execFile(process.execPath, [binary, ...args], { env, cwd: this.folder }, (error, out, err) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, out, err });
      });
    });
  }

  /** Everything that agent and collector have logged, in every life. */
  logs(part?: 'agent' | 'collector'): string {
    const programs = this.#programs.filter((each) => part === undefined || each.part === part);
    return [...this.#logs, ...programs.map(({ program }) => program.output())].join('');
  }

  async close(): Promise<void> {
    this.truth.stop();
    await this.stopAgent().catch(() => undefined);
    await this.timeline.close().catch(() => undefined);
    await this.stopCollector().catch(() => undefined);
    for (const { program } of this.#programs) await program.kill();
    await this.cluster.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  #logger() {
    return pino({ level: 'debug', base: null }, { write: (line) => void this.#logs.push(line) });
  }

  async #answers(url: string): Promise<boolean> {
    return fetch(url).then(
      (response) => response.ok,
      () => false,
    );
  }
}

const tokens = {
  tokens: [
    { token: agentToken, cluster: clusterName, role: 'agent' },
    { token: readerToken, role: 'reader' },
  ],
};

/** What the chart grants to the agent: reading. */
function letRead(cluster: PracticeCluster): void {
  const admin = cluster.actor({ user: 'root', userAgent: 'setup', sourceIp: '127.0.0.1', isTrusted: true });
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const rules = [{ apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch'] }];
  admin.create({ apiVersion, kind: 'ClusterRole', metadata: { name: 'driftline-agent' }, rules });
  admin.create({
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'driftline-agent' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'driftline-agent' },
    subjects: [{ kind: 'ServiceAccount', namespace: 'driftline', name: 'driftline-agent' }],
  });
}

function firstDifference(truth: ReadonlyMap<string, string>, told: ReadonlyMap<string, string>): string {
  for (const [key, form] of truth)
    if (told.get(key) !== form) return `${key}: ${told.get(key) ?? 'not there'}, should be ${form}`;
  for (const key of told.keys()) if (!truth.has(key)) return `${key}: should not be there`;
  return '';
}
