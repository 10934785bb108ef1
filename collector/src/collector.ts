/**
 * The collector, put together by hand: parts open in the order of the flow's dependencies, roll back when one fails, and
 * close in reverse. Roles: `all` is the whole line in one process (embedded mode without Kafka); `gateway` and `worker`
 * are its halves in fleet mode.
 */
import { libraryFolder } from '@driftline/policy/library';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { abortable } from './abortable.ts';
import type { BusReader, BusWriter } from './bus/bus.ts';
import { openMemoryBus } from './bus/memory-bus.ts';
import type { CollectorConfig } from './config.ts';
import { openGateway } from './ingest/gateway.ts';
import type { Gateway } from './ingest/gateway.ts';
import { defaultIngestLimits } from './ingest/limits.ts';
import type { LiveSession } from './ingest/session.ts';
import { openTokensFile } from './ingest/tokens-file.ts';
import { createTokenBook } from './ingest/tokens.ts';
import type { TokenBook } from './ingest/tokens.ts';
import { openClusterJudge } from './judge/cluster-judge.ts';
import type { PolicyBundle } from './judge/cluster-judge.ts';
import { logEvents } from './log-events.ts';
import { createMetrics } from './metrics.ts';
import type { CollectorMetrics } from './metrics.ts';
import { openPipeline } from './pipeline.ts';
import type { Pipeline } from './pipeline.ts';
import { defaultPipelineLimits } from './pipeline-limits.ts';
import { openPolicySource } from './policy/policy-source.ts';
import type { PolicySource } from './policy/policy-source.ts';
import { Scope } from './scope.ts';
import { openClusterBindings } from './timeline/bindings/cluster-bindings.ts';
import { openClusterClaims } from './timeline/bindings/cluster-claims.ts';
import { openAgentSessions } from './timeline/sessions/agent-sessions.ts';
import { openTimeline } from './timeline/open-timeline.ts';
import type { Timeline } from './timeline/open-timeline.ts';
import type { StreamId } from './timeline/rows.ts';
import { openTlsFiles } from './tls/tls-files.ts';
import type { TlsSource } from './tls/tls-files.ts';

/** What servers and forwarders that open last may build on. */
export type CollectorParts = {
  readonly config: CollectorConfig;
  readonly timeline: Timeline;
  readonly policies: PolicySource;
  readonly tokens: TokenBook;
  readonly metrics: CollectorMetrics;
  readonly logger: Logger;
  /** Agents connected to this process; empty in a worker. */
  readonly liveSessions: () => readonly LiveSession[];
  /** undefined in a gateway of its own. */
  readonly pipeline: Pipeline | undefined;
  /** Whether the line runs: false once it has failed. */
  readonly isRunning: () => boolean;
};

/** A part that opens after the line and closes before it. */
export type CollectorExtension = {
  readonly name: string;
  open(parts: CollectorParts): Promise<{ close(): Promise<void> }>;
};

/** How long a stop waits for the store to take what was handed over. */
const stopGraceMs = 10_000;

export type CollectorOptions = {
  readonly config: CollectorConfig;
  readonly logger: Logger;
  /** Instead of the tokens file. */
  readonly tokens?: TokenBook;
  /** The API and the forwarders, in order. */
  readonly extensions?: readonly CollectorExtension[];
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number;
  /** Ends a start that is under way; one that has ended is stopped by `close`. */
  readonly signal?: AbortSignal;
};

export type Collector = {
  readonly parts: CollectorParts;
  /** Where agents connect, host:port; undefined in a worker. */
  readonly gatewayAddress: string | undefined;
  /** Rejects when the line fails for good; never resolves. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
};

export class CollectorError extends Error {
  readonly code: 'no-tokens' | 'stopped';
  readonly retryable = false;
  constructor(code: CollectorError['code'], message: string) {
    super(message);
    this.name = 'CollectorError';
    this.code = code;
  }
}

const openTokens = async ({ config, tokens, logger }: CollectorOptions, scope: Scope): Promise<TokenBook> => {
  if (tokens !== undefined) return tokens;
  const { tokensFile: path } = config;
  if (path !== undefined) return scope.open('tokens', () => openTokensFile({ path, logger }), close);
  if (config.role === 'worker' || config.tls?.clientCaFile !== undefined) return createTokenBook([]);
  throw new CollectorError('no-tokens', 'no agent could connect: set DRIFTLINE_TOKENS_FILE, or client certificates');
};

const openBus = async ({
  config: { role, kafka },
  logger,
  signal,
}: CollectorOptions): Promise<{ readonly writer: BusWriter; readonly reader: BusReader }> => {
  if (kafka === undefined) return openMemoryBus();
  // The broker's client takes longer to load than all else together: only who has brokers loads it.
  const { openKafkaBus } = await import('./bus/kafka-bus.ts');
  return openKafkaBus({ ...kafka, role, logger, signal });
};

const closeBus = async (bus: { readonly writer: BusWriter; readonly reader: BusReader }): Promise<void> => {
  await bus.reader.close();
  await bus.writer.close();
};

/** Fresh from the store: in fleet mode it is other processes that record. */
const watermarkOf =
  ({ recovery }: Timeline) =>
  async (stream: StreamId): Promise<number> => {
    const epochs = await recovery.epochs({ tenant: stream.tenant, cluster: stream.cluster });
    return epochs.find(({ epoch }) => epoch === stream.epoch)?.recordedSequence ?? 0;
  };

class Composition {
  readonly #options: CollectorOptions;
  readonly #scope: Scope;
  readonly #failed = Promise.withResolvers<never>();
  #isRunning = true;
  #isClosing = false;

  constructor(options: CollectorOptions, scope: Scope) {
    this.#options = options;
    this.#scope = scope;
    this.#failed.promise.catch(() => {});
  }

  async open(): Promise<Collector> {
    const { config, logger, now = Date.now, extensions = [], signal } = this.#options;
    const scope = this.#scope;
    const tokens = await openTokens(this.#options, scope);
    const metrics = createMetrics();
    const policies = await this.#openPolicies(metrics, now);
    const { store: settings, dataDir } = config;
    const nowUs = (): number => now() * 1000;
    const onWriteFailure = (outcome: 'retryable' | 'refused'): void => metrics.storeFailures.inc({ outcome });
    const openStore = (): Promise<Timeline> =>
      openTimeline({ settings, dataDir, logger, nowUs, onWriteFailure, signal });
    const timeline = await scope.open('timeline', openStore, close);
    const bus = await scope.open('bus', () => openBus(this.#options), closeBus);
    const line = { timeline, metrics, now };
    const pipeline = config.role === 'gateway' ? undefined : await this.#openLine(bus.reader, policies, line);
    const gateway =
      config.role === 'worker' ? undefined : await this.#openGateway(bus.writer, tokens, { ...line, pipeline });
    const liveSessions = (): readonly LiveSession[] => gateway?.liveSessions() ?? [];
    const isRunning = (): boolean => this.#isRunning;
    const parts = { config, timeline, policies, tokens, metrics, logger, liveSessions, pipeline, isRunning };
    for (const extension of extensions) await scope.open(extension.name, () => extension.open(parts), close);
    logger.info({
      event: logEvents.collectorStarted,
      role: config.role,
      bundle: policies.current().version,
      gateway: gateway?.address,
    });
    return { parts, gatewayAddress: gateway?.address, failed: this.#failed.promise, close: () => scope.close() };
  }

  async #openLine(
    reader: BusReader,
    policies: PolicySource,
    { timeline, metrics, now }: { timeline: Timeline; metrics: CollectorMetrics; now: () => number },
  ): Promise<Pipeline> {
    const { logger, config } = this.#options;
    let policy = judgedBy(policies);
    const onFailure = (error: unknown, id: object): void => {
      metrics.judgingFailures.inc();
      logger.error({ event: logEvents.judgingFailed, ...id, err: error });
    };
    const onScoreLeftOut = (scope: string): void => metrics.scoresLeftOut.inc({ scope });
    const onChangeDropped = (id: object, limit: string, isNews: boolean): void => {
      metrics.changesDropped.inc({ limit });
      if (isNews) logger.warn({ event: logEvents.waitingChangeDropped, ...id, limit });
    };
    const open = async (): Promise<Pipeline> =>
      openPipeline({
        writer: timeline.writer,
        recovery: timeline.recovery,
        feedback: reader,
        openJudge: (id, inventory, before) =>
          openClusterJudge({ bundle: policy, onFailure, onScoreLeftOut, onChangeDropped }, id, inventory, before),
        limits: defaultPipelineLimits,
        metrics,
        logger,
        now,
      });
    const pipeline = await this.#scope.open('pipeline', open, close);
    policies.onChange(() => {
      policy = judgedBy(policies);
      void pipeline.adopt(() => policy);
    });
    // With partitions, a cluster's memory is built when its first batch shows that it is ours.
    if (config.kafka === undefined) await pipeline.recoverAll();
    const run = async (): Promise<{ readonly running: Promise<void> }> => ({
      running: reader.run(pipeline).catch((error: unknown) => this.#fail(error)),
    });
    await this.#scope.open('line', run, async ({ running }) => {
      this.#isClosing = true;
      const stopped = Promise.all([reader.close(), running]).then(() => true);
      const isStopped = await Promise.race([stopped, sleep(stopGraceMs, false, { ref: false })]);
      if (isStopped) return;
      // The store is away: nothing of this was acknowledged, the agents send it again.
      logger.warn({ event: logEvents.stoppedWaiting });
      await pipeline.abandon();
      await stopped;
    });
    return pipeline;
  }

  async #openPolicies({ registry }: CollectorMetrics, now: () => number): Promise<PolicySource> {
    const { config, logger } = this.#options;
    const open = (): Promise<PolicySource> =>
      openPolicySource({ fixed: [libraryFolder], folders: config.policyDirs, logger, registry, now });
    return this.#scope.open('policies', open, close);
  }

  async #openGateway(
    bus: BusWriter,
    tokens: TokenBook,
    line: { timeline: Timeline; metrics: CollectorMetrics; now: () => number; pipeline: Pipeline | undefined },
  ): Promise<Gateway> {
    const { timeline, metrics, now, pipeline } = line;
    const { config, logger } = this.#options;
    const limits = defaultIngestLimits;
    const watermark = watermarkOf(timeline);
    const tls = await this.#openTls(metrics.registry, now);
    const { connection } = timeline;
    const sessions = openAgentSessions(connection);
    const bindings = openClusterBindings(connection);
    const open = async (): Promise<Gateway> =>
      openGateway({
        listen: { ...config.listen, allowPlaintext: config.allowPlaintext, tls },
        tokens,
        bus,
        watermark,
        settle: pipeline && ((stream, oldestSequence) => pipeline.settle(stream, oldestSequence)),
        bindings,
        openClaims:
          config.kafka === undefined
            ? undefined
            : (onLost) => openClusterClaims({ connection, limits, logger, onLost }),
        limits,
        metrics,
        logger,
        now,
        onSession: ({ stream, hello: { instance, agentVersion, kubernetesVersion }, connectedAtMs }) => {
          const session = { ...stream, instance, agentVersion, kubernetesVersion, connectedAtUs: connectedAtMs * 1000 };
          sessions
            .append(session)
            .catch((error: unknown) => logger.warn({ event: logEvents.sessionUnsaved, err: error }));
        },
      });
    return this.#scope.open('gateway', open, async (gateway) => {
      await gateway.close();
      await sessions.close();
      await bindings.close();
    });
  }

  async #openTls(registry: CollectorMetrics['registry'], now: () => number): Promise<TlsSource | undefined> {
    const { config, logger } = this.#options;
    const { tls: files } = config;
    if (files === undefined) return undefined;
    const open = (): Promise<TlsSource> => openTlsFiles({ part: 'gateway', files, logger, registry, now });
    return this.#scope.open('gateway-tls', open, close);
  }

  #fail(error: unknown): void {
    if (this.#isClosing) return;
    this.#isRunning = false;
    this.#options.logger.fatal({ event: logEvents.collectorFailed, err: error });
    this.#failed.reject(error);
  }
}

const judgedBy = (policies: PolicySource): PolicyBundle => {
  const { controls, exceptions, version } = policies.current();
  return { controls: controls.map(({ control }) => control), exceptions, version };
};

const close = (part: { close(): Promise<void> }): Promise<void> => part.close();

/** Throws CollectorError 'stopped' when the signal ended the start. */
export const openCollector = async (options: CollectorOptions): Promise<Collector> => {
  const { signal = new AbortController().signal } = options;
  const scope = new Scope();
  try {
    return await abortable(new Composition(options, scope).open(), signal);
  } catch (error) {
    await scope.close().catch(() => {});
    if (signal.aborted) throw new CollectorError('stopped', 'told to stop before everything was open');
    throw error;
  }
};
