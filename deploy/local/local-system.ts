/**
 * The parts of `npm start` and their order. Each is a process of its own, as it would be elsewhere. What is kept between
 * starts lives under `home`, in a folder for each watched cluster with a timeline of its own: what is asked while one is
 * watched is not answered with another that is away.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiStatus } from '@driftline/proto';
import type { Announcer } from './announce.ts';
import { type Child, startChild } from './child.ts';
import { ensureCredentials, runningConnection, writeConnection, writeSecret } from './credentials.ts';
import { defaultApiPort, type LocalFlags } from './flags.ts';
import { lockFolder } from './folder-lock.ts';
import { makeFolder } from './make-folder.ts';
import { freePort, portFrom, requirePort } from './ports.ts';
import { UsageError } from './usage-error.ts';

export type LocalSystem = {
  readonly apiUrl: string;
  readonly cluster: string;
  readonly isPractice: boolean;
  readonly practiceKubeconfig: string | undefined;
  /** Kinds of this cluster that the agent may not or cannot watch. */
  readonly unseenKinds: number;
  /** Where this cluster's logs and data are. */
  readonly folder: string;
  /** What the command line needs when it does not find the collector by itself: the token of a reader. */
  readonly readerTokenFile: string;
  /** Resolves with a sentence when a part ended by itself. */
  readonly failed: Promise<string>;
  close(): Promise<void>;
};

const root = join(import.meta.dirname, '../..');
/** As in the agent's image: a heap that is collected early instead of one that grows, and an allocator that gives back. */
const agentNodeFlags = ['--expose-gc', '--max-semi-space-size=4', '--max-old-space-size=128'];
const agentAllocator = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '65536',
  MALLOC_TRIM_THRESHOLD_: '131072',
};
/** Where the practice cluster is, unless somebody else has that port. */
const practicePort = 7490;
const pollIntervalMs = 200;
const progressIntervalMs = 3_000;

/** `stopped` resolves when the start should be given up: what runs by then is stopped, and undefined comes back. */
export async function openLocalSystem(
  flags: LocalFlags,
  announcer: Announcer,
  stopped: Promise<unknown>,
): Promise<LocalSystem | undefined> {
  const system = new System(flags, announcer);
  try {
    const outcome = await Promise.race([
      system.start().then(() => 'started' as const),
      stopped.then(() => 'stopped' as const),
    ]);
    if (outcome === 'started') return system.handle();
    await system.close();
    return undefined;
  } catch (error) {
    await system.close();
    throw error;
  }
}

type Flags = Readonly<Record<string, string | true>>;

class System {
  readonly #flags: LocalFlags;
  readonly #announcer: Announcer;
  readonly #cluster: string;
  readonly #children: Child[] = [];
  readonly #failure = Promise.withResolvers<string>();
  readonly #folder: string;
  #apiUrl = '';
  #removeConnection = () => {};
  #unlock = () => {};
  #isClosing = false;
  #unseenKinds = 0;

  constructor(flags: LocalFlags, announcer: Announcer) {
    this.#flags = flags;
    this.#announcer = announcer;
    this.#cluster = flags.kubeconfig === undefined ? 'practice' : clusterName(flags.context);
    this.#folder =
      flags.kubeconfig === undefined
        ? join(flags.home, 'practice')
        : join(flags.home, 'clusters', encodeURIComponent(this.#cluster));
  }

  handle(): LocalSystem {
    return {
      apiUrl: this.#apiUrl,
      cluster: this.#cluster,
      isPractice: this.#flags.kubeconfig === undefined,
      practiceKubeconfig: this.#flags.kubeconfig === undefined ? this.#practiceKubeconfig : undefined,
      unseenKinds: this.#unseenKinds,
      folder: this.#folder,
      readerTokenFile: this.#readerTokenFile,
      failed: this.#failure.promise,
      close: () => this.close(),
    };
  }

  async start(): Promise<void> {
    const { home } = this.#flags;
    this.#lock();
    const apiPort = await this.#apiPort();
    this.#apiUrl = `http://127.0.0.1:${apiPort}`;
    const credentials = ensureCredentials(this.#folder, this.#cluster);
    const gatewayPort = await freePort();
    this.#announcer.step('starting the collector and its ClickHouse');
    this.#run('collector', 'collector/src/main.ts', {
      'data-dir': join(this.#folder, 'collector'),
      'tokens-file': credentials.tokensFile,
      listen: `127.0.0.1:${gatewayPort}`,
      'api-listen': `127.0.0.1:${apiPort}`,
    });
    await this.#until('the collector', async () => (await fetch(`${this.#apiUrl}/readyz`)).ok);
    writeSecret(this.#readerTokenFile, `${credentials.readerToken}\n`);
    this.#removeConnection = writeConnection(home, {
      url: this.#apiUrl,
      token: credentials.readerToken,
      pid: process.pid,
    });
    const webhookPort = await freePort();
    if (this.#flags.kubeconfig === undefined) await this.#startPracticeCluster(webhookPort);
    await this.#startAgent({ gatewayPort, webhookPort, token: credentials.agentToken });
    await this.#firstRecords(credentials.readerToken);
  }

  /** In reverse: what observes first, what keeps last. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#removeConnection();
    for (const child of this.#children.toReversed()) await child.stop();
    this.#unlock();
  }

  /** Before anything is started, or written over what runs. */
  #lock(): void {
    const { home } = this.#flags;
    try {
      makeFolder(join(this.#folder, 'logs'));
      const unlock = lockFolder(this.#folder);
      if (unlock !== undefined) {
        this.#unlock = unlock;
        return;
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new UsageError(`cannot keep anything in ${home}: ${reason}. Choose another folder with --data-dir`, {
        cause,
      });
    }
    const running = runningConnection(home);
    throw new UsageError(
      `${this.#cluster} is watched from ${home} by another 'npm start' already${running === undefined ? '' : ` (${running.url}, process ${running.pid})`}: use that one, stop it, or choose another folder with --data-dir`,
    );
  }

  get #readerTokenFile(): string {
    return join(this.#folder, 'reader-token');
  }

  async #apiPort(): Promise<number> {
    const wanted = this.#flags.apiPort;
    if (wanted !== undefined) return requirePort(wanted);
    const port = await portFrom(defaultApiPort);
    if (port !== defaultApiPort) this.#announcer.step(`port ${defaultApiPort} is taken: the API is on ${port}`);
    return port;
  }

  get #practiceKubeconfig(): string {
    return join(this.#folder, 'kubeconfig');
  }

  async #startPracticeCluster(webhookPort: number): Promise<void> {
    this.#announcer.step('starting the practice cluster');
    const { paceMs } = this.#flags;
    const port = await portFrom(practicePort);
    let isReady = false;
    this.#run(
      'practice-cluster',
      'test/fakes/practice-cluster/main.ts',
      {
        port: String(port),
        'state-dir': join(this.#folder, 'cluster'),
        kubeconfig: this.#practiceKubeconfig,
        'audit-webhook': `http://127.0.0.1:${webhookPort}/`,
        ...(paceMs === 0 ? {} : { stories: 'loop', pace: `${paceMs}ms` }),
      },
      (line) => {
        isReady ||= line.startsWith('{"ready":true');
      },
    );
    await this.#until('the practice cluster', async () => isReady);
  }

  async #startAgent(parts: {
    readonly gatewayPort: number;
    readonly webhookPort: number;
    readonly token: string;
  }): Promise<void> {
    const { kubeconfig, context } = this.#flags;
    this.#announcer.step(`starting the agent for ${this.#cluster}`);
    const folder = join(this.#folder, 'agent');
    makeFolder(folder);
    const tokenFile = join(folder, 'token');
    writeSecret(tokenFile, parts.token);
    const healthPort = await freePort();
    const agent = this.#run('agent', 'agent/src/main.ts', {
      cluster: this.#cluster,
      collector: `http://127.0.0.1:${parts.gatewayPort}`,
      'token-file': tokenFile,
      'state-dir': join(folder, 'state'),
      'redaction-key-file': join(folder, 'redaction-key'),
      'create-redaction-key': true,
      kubeconfig: kubeconfig ?? this.#practiceKubeconfig,
      ...(context === undefined ? {} : { context }),
      'audit-webhook-listen': `127.0.0.1:${parts.webhookPort}`,
      'health-listen': `127.0.0.1:${healthPort}`,
    });
    const readiness = `http://127.0.0.1:${healthPort}/readyz`;
    await this.#until(
      'the agent',
      async () => (await fetch(readiness)).ok,
      async () => {
        const response = await fetch(readiness).catch(() => undefined);
        // Before it listens, it waits for the API server.
        if (response === undefined) return agent.lastWarning();
        const failing = (await response.text()).split('\n').filter((line) => line.startsWith('fail'));
        return failing.map((line) => line.replace(/^fail\s+/, '')).join('; ');
      },
    );
  }

  /** Everything that was there at the start is in the timeline. */
  async #firstRecords(token: string): Promise<void> {
    const agentStatus = async () => {
      const response = await fetch(`${this.#apiUrl}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } });
      if (!response.ok) return undefined;
      const { agents, coverage } = (await response.json()) as ApiStatus;
      this.#unseenKinds = coverage.filter(
        ({ cluster, state }) => cluster === this.#cluster && state !== 'watched' && state !== 'excluded',
      ).length;
      return agents.find(({ cluster }) => cluster === this.#cluster);
    };
    await this.#until(
      'the first records',
      async () => {
        const agent = await agentStatus();
        return (
          agent !== undefined &&
          agent.connected === true &&
          agent.recordedSequence > 0 &&
          agent.recordedSequence >= agent.lastSequence
        );
      },
      async () => {
        const agent = await agentStatus();
        return agent === undefined
          ? 'nothing recorded yet'
          : `${agent.objects} objects, ${agent.recordedSequence} of ${agent.lastSequence} messages recorded`;
      },
    );
  }

  #run(name: string, program: string, flags: Flags, onLine?: (line: string) => void): Child {
    if (this.#isClosing) throw new Error('stopped');
    const logFile = join(this.#folder, 'logs', `${name}.log`);
    const args = Object.entries(flags).flatMap(([flag, value]) =>
      value === true ? [`--${flag}`] : [`--${flag}`, value],
    );
    const child = startChild({
      program: join(root, program),
      ...(name === 'agent' ? { nodeFlags: agentNodeFlags, env: agentAllocator } : {}),
      args,
      logFile,
      compileCache: join(this.#flags.home, 'compile-cache'),
      ...(onLine === undefined ? {} : { onLine }),
    });
    this.#children.push(child);
    void this.#notice(name, child, logFile);
    return child;
  }

  async #notice(name: string, child: Child, logFile: string): Promise<void> {
    const reason = await child.ended;
    if (this.#isClosing) return;
    this.#failure.resolve(`${name} ended by itself (${reason}). The last it said in ${logFile}:\n${child.logTail()}`);
  }

  /** Polls until the condition holds; says how it stands now and then; throws when a part ends, or all is to stop. */
  async #until(what: string, condition: () => Promise<boolean>, progress?: () => Promise<string>): Promise<void> {
    const failed = this.#failure.promise.then((reason) => {
      throw new Error(reason);
    });
    failed.catch(() => {});
    const settled = async () => {
      let nextProgressMs = Date.now() + progressIntervalMs;
      for (;;) {
        const isMet = await condition().catch(() => false);
        if (this.#isClosing) throw new Error('stopped');
        if (isMet) return;
        if (Date.now() >= nextProgressMs) {
          const state = await progress?.().catch(() => '');
          this.#announcer.step(`  waiting for ${what}${state === undefined || state === '' ? '' : `: ${state}`}`);
          nextProgressMs += progressIntervalMs;
        }
        await sleep(pollIntervalMs);
      }
    };
    await Promise.race([settled(), failed]);
  }
}

/** The context's name, cut to what a cluster may be called. */
function clusterName(context = ''): string {
  return (
    context
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 200) || 'cluster'
  );
}
