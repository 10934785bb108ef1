/**
 * The agent, put together in the order of the flow:
 *
 *   API server ─list/watch, audit→ observe → capture → spool → uplink ═▶ collector
 *
 * What is downstream opens first, so that nothing is observed that could not be kept. Closing goes the other way: the
 * observers stop, what they handed over becomes durable, and the collector gets some time to take it.
 */
import { hash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { protocolVersion } from '@driftline/proto';
import type { Hello, Sha256 } from '@driftline/proto';
import type { Logger } from 'pino';
import { openState, renewEpoch } from './agent-state.ts';
import { answerNeedFull } from './answer-need-full.ts';
import {
  createAuditRecorder,
  defaultServerDropsLimits,
  followServerDrops,
  openAuditLogTail,
  openAuditWebhook,
} from './audit/index.ts';
import {
  auditCoverage,
  auditLogOptions,
  auditWebhookOptions,
  connectOptions,
  openKube,
  watchConfig,
} from './settings.ts';
import { systemClock } from './clock.ts';
import { followClusterClock } from './cluster-clock.ts';
import type { ClusterClock } from './cluster-clock.ts';
import { bindStateToCluster, readClusterIdentity, refusalWaitMs } from './cluster-identity.ts';
import type { AgentConfig } from './config.ts';
import { defaultMemoryLimits, openMemoryReturn } from './give-back-memory.ts';
import type { MemoryReturn } from './give-back-memory.ts';
import { openHealthServer } from './health-server.ts';
import type { Check } from './health-server.ts';
import type { KubeClient } from './kube/kube-client.ts';
import type { Known } from './known/known.ts';
import { logEvents } from './log-events.ts';
import { createAgentMetrics } from './metrics.ts';
import type { AgentMetrics } from './metrics.ts';
import { openRedactionKey } from './redaction-key.ts';
import type { RedactionKey } from './redaction-key.ts';
import { defaultReconcileLimits, openReconciler } from './reconcile/index.ts';
import type { Reconciler } from './reconcile/index.ts';
import { Scope } from './scope.ts';
import type { Loss, Spool } from './spool/index.ts';
import { checkAddress, defaultUplinkLimits, openUplink } from './uplink/index.ts';
import type { EpochLoss, Uplink } from './uplink/index.ts';
import { openWatch } from './watch/open-watch.ts';
import type { Watch } from './watch/open-watch.ts';

export const agentVersion = '0.1.0';

/** How long the first start waits for an API server that cannot be reached. */
const apiServerWaitMs = 30_000;
/** How long a stop waits for the collector to record what is spooled. What is left is sent at the next start. */
const drainTimeoutMs = 5_000;

export type Agent = {
  readonly healthPort: number;
  /** Of the audit webhook; 0 without one. */
  readonly auditWebhookPort: number;
  readiness(): readonly Check[];
  /** Rejects when the agent cannot go on. Never resolves. */
  readonly failed: Promise<never>;
  /** Stops observing, drains, and lets go of everything. */
  close(): Promise<void>;
};

export type AgentPorts = { readonly logger: Logger; readonly signal?: AbortSignal };

type Context = {
  readonly config: AgentConfig;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
  readonly key: RedactionKey;
  readonly kube: KubeClient;
  readonly clock: ClusterClock;
  readonly hello: Omit<Hello, 'type' | 'epoch' | 'firstSequence' | 'lastSequence'>;
  readonly onEpochLost: (recordedSequence: number, cause: EpochLoss) => void;
  readonly onFailed: (error: unknown) => void;
};

/** From observing to shipping, for one epoch. */
type Line = {
  readonly spool: Spool;
  readonly uplink: Uplink;
  readonly auditWebhookPort: number;
  readonly isWatchReady: () => boolean;
  /** Why nothing can be kept, and so nothing is taken. */
  readonly diskTrouble: () => string | undefined;
  close(): Promise<void>;
};

const sha256: Sha256 = (text) => hash('sha256', text);

/** Throws StartError, SpoolError, UplinkError or AuditError, each with a message for the person who starts the agent. */
export async function openAgent(config: AgentConfig, ports: AgentPorts): Promise<Agent> {
  const { logger } = ports;
  const scope = newScope(logger);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    failed.reject(error);
  };
  try {
    checkAddress(connectOptions(config));
    const { stateDir, redactionKeyFile: path, createRedactionKey: createsMissing } = config;
    const key = await openRedactionKey({ path, stateDir, createsMissing });
    const metrics = createAgentMetrics();
    scope.own('memory', giveBackMemory(logger, metrics));
    const clock = followClusterClock({ host: systemClock, monotonicMs: () => performance.now() });
    const kube = scope.own('kube', openKube(config, { metrics, clock, version: agentVersion }));
    const signal = ports.signal ?? new AbortController().signal;
    const identity = await readClusterIdentity(kube, { waitMs: apiServerWaitMs, refusalWaitMs, logger, signal });
    await bindStateToCluster(stateDir, identity.clusterUid);
    const hello = {
      ...identity,
      protocol: protocolVersion,
      cluster: config.cluster,
      instance: randomUUID(),
      agentVersion,
      redactionKeyId: key.keyId,
    };
    const lines = scope.own('line', new Lines({ config, logger, metrics, key, kube, clock, hello, onFailed: fail }));
    await lines.open();
    const readiness = (): readonly Check[] => readinessOf(lines.current, failure);
    const health = (): readonly Check[] => [aliveness(failure)];
    const { registry } = metrics;
    const server = scope.own(
      'health',
      await openHealthServer({ listen: config.healthListen, registry, health, readiness }),
    );
    logger.info({ event: logEvents.agentStarted, cluster: config.cluster, ...identity, healthPort: server.port });
    return {
      healthPort: server.port,
      auditWebhookPort: lines.current?.auditWebhookPort ?? 0,
      readiness,
      failed: failed.promise,
      async close() {
        logger.info({ event: logEvents.agentStopping });
        await scope.close();
        logger.info({ event: logEvents.agentStopped });
      },
    };
  } catch (error) {
    await scope.close();
    throw error;
  }
}

/** The line of the present epoch. When the epoch is lost, its line is closed and another one opened. */
class Lines {
  current: Line | undefined;
  readonly #context: Context;
  #turn: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(context: Omit<Context, 'onEpochLost'>) {
    this.#context = { ...context, onEpochLost: (recorded, cause) => this.#epochLost(recorded, cause) };
  }

  /** What the uplink says while the line still opens waits for it. */
  open(): Promise<void> {
    const opening = this.#open();
    this.#turn = opening.catch(() => undefined);
    return opening;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#turn;
    await this.current?.close();
  }

  #epochLost(recordedSequence: number, cause: EpochLoss): void {
    this.#turn = this.#turn.then(() => this.#renew(recordedSequence, cause)).catch(this.#context.onFailed);
  }

  async #renew(recordedSequence: number, cause: EpochLoss): Promise<void> {
    if (this.#isClosing) return;
    const reason =
      cause === 'displaced'
        ? 'another agent told of this cluster meanwhile: what both saw would be recorded twice'
        : `the collector has recorded up to ${recordedSequence}, more than this spool can have sent`;
    const position = this.current?.spool.position();
    await this.current?.close();
    this.current = undefined;
    await renewEpoch(this.#context, reason, position);
    await this.#open(cause === 'displaced');
  }

  async #open(isSuccessor = false): Promise<void> {
    this.current = await openLine(this.#context, isSuccessor);
  }
}

async function openLine(context: Context, isSuccessor: boolean): Promise<Line> {
  const { config, logger, metrics, kube, key, clock } = context;
  const scope = newScope(logger);
  try {
    const reconciling = Promise.withResolvers<Reconciler>();
    const reconcile = (work: (reconciler: Reconciler) => void): void => void reconciling.promise.then(work);
    const onLoss = ({ toSequence }: Loss): void => reconcile((reconciler) => reconciler.lost(toSequence));
    const [spool, known] = await openState({ ...context, onLoss }, scope);
    metrics.follow(() => spool.position());
    const watching = Promise.withResolvers<Watch>();
    const uplink = scope.own(
      'uplink',
      openUplink({
        connect: connectOptions(config),
        spool,
        hello: context.hello,
        limits: defaultUplinkLimits,
        clock,
        logger,
        metrics: metrics.uplink,
        onNeedFull: async (objects) => answerNeedFull(objects, { watch: await watching.promise, known, sink: spool }),
        onVerdict: (verdict) => reconcile((reconciler) => reconciler.verdict(verdict)),
        onSurprise: (surprise) => reconcile((reconciler) => reconciler.surprised(surprise)),
        onEpochLost: context.onEpochLost,
        isSuccessor,
      }),
    );
    scope.own('drain', { close: () => drain(spool, uplink) });
    const auditWebhookPort = await openAudit(context, spool, scope);
    const watch = scope.own(
      'watch',
      openWatch({
        kube,
        sink: spool,
        known,
        capture: { hmac: key.hmac, sha256 },
        config: watchConfig(config),
        logger,
        metrics: metrics.watch,
        clock,
        onDigest: (digest) => reconcile((reconciler) => reconciler.sent(digest)),
      }),
    );
    watching.resolve(watch);
    watch.failed.catch(context.onFailed);
    let isWatchReady = false;
    void watch.ready.then(() => (isWatchReady = true));
    const parts = { spool, known, uplink, watch, isWatchReady: () => isWatchReady };
    reconciling.resolve(scope.own('reconciler', openReconciliation(context, parts)));
    return {
      spool,
      uplink,
      auditWebhookPort,
      isWatchReady: () => isWatchReady,
      diskTrouble: () => spool.trouble() ?? known.trouble(),
      close: () => scope.close(),
    };
  } catch (error) {
    await scope.close();
    throw error;
  }
}

/** Returns the port of the webhook; 0 without one. */
async function openAudit(context: Context, sink: Spool, scope: Scope): Promise<number> {
  const { config, logger, metrics, key, kube, clock } = context;
  const recorder = createAuditRecorder({
    sink,
    hmac: key.hmac,
    sha256,
    scope: config.auditScope,
    metrics: metrics.audit,
  });
  const ports = { recorder, clock, logger, metrics: metrics.audit };
  const webhook = auditWebhookOptions(config);
  const webhookPort = webhook && scope.own('audit webhook', await openAuditWebhook({ ...webhook, ...ports })).port;
  const log = auditLogOptions(config);
  if (log !== undefined) scope.own('audit log', await openAuditLogTail({ ...log, ...ports }));
  await recorder.append(auditCoverage(config, false));
  if (config.auditWebhook !== undefined || config.auditLog !== undefined) {
    const onVisible = (areVisible: boolean): Promise<void> => recorder.append(auditCoverage(config, areVisible));
    const statePath = join(config.stateDir, 'audit-drops.json');
    const drops = { kube, recorder, clock, logger, limits: defaultServerDropsLimits, statePath, onVisible };
    scope.own('audit drops', await followServerDrops(drops));
  }
  return webhookPort ?? 0;
}

type ComparedParts = {
  readonly spool: Spool;
  readonly known: Known;
  readonly uplink: Uplink;
  readonly watch: Watch;
  readonly isWatchReady: () => boolean;
};

function openReconciliation({ config, logger, metrics }: Context, parts: ComparedParts): Reconciler {
  const { spool, known, uplink, watch, isWatchReady } = parts;
  return openReconciler({
    known,
    lines: () => watch.lines(),
    line: (kind) => watch.line(kind),
    isWatchReady,
    answer: (objects) => answerNeedFull(objects, { watch, known, sink: spool }),
    position: () => spool.position(),
    isConnected: () => uplink.state().type === 'connected',
    limits: { ...defaultReconcileLimits, selfCheckIntervalMs: config.selfCheckIntervalMs },
    metrics: metrics.reconcile,
    logger,
    nowMs: () => performance.now(),
    random: Math.random,
  });
}

function giveBackMemory(logger: Logger, metrics: AgentMetrics): MemoryReturn {
  const { gc } = globalThis;
  return openMemoryReturn({
    collect: gc && (() => gc({ flavor: 'last-resort' })),
    residentBytes: () => process.memoryUsage.rss(),
    cpuUs() {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    nowMs: () => performance.now(),
    limits: defaultMemoryLimits,
    logger,
    onCollected: (seconds) => metrics.memoryGivenBack(seconds),
  });
}

async function drain(spool: Spool, uplink: Uplink): Promise<void> {
  const giveUpAtMs = performance.now() + drainTimeoutMs;
  while (uplink.state().type === 'connected' && performance.now() < giveUpAtMs) {
    const { recordedSequence, lastSequence, isSettled } = spool.position();
    if (isSettled && recordedSequence >= lastSequence) return;
    await sleep(20);
  }
}

function newScope(logger: Logger): Scope {
  return new Scope((part, err) => logger.error({ event: logEvents.agentCloseFailed, part, err }));
}

function aliveness(failure: unknown): Check {
  const message = failure instanceof Error ? failure.message : 'running';
  return { name: 'agent', isGood: failure === undefined, message };
}

function readinessOf(line: Line | undefined, failure: unknown): readonly Check[] {
  if (line === undefined) return [aliveness(failure), { name: 'line', isGood: false, message: 'a new epoch begins' }];
  const isWatchReady = line.isWatchReady();
  const trouble = line.diskTrouble();
  return [
    aliveness(failure),
    uplinkCheck(line.uplink),
    { name: 'disk', isGood: trouble === undefined, message: trouble ?? 'the state directory can be written' },
    {
      name: 'watch',
      isGood: isWatchReady,
      message: isWatchReady ? 'every kind is accounted for' : 'first lists under way',
    },
  ];
}

/** Away is not unready: the spool holds what comes. Refused is: somebody has to act. */
function uplinkCheck(uplink: Uplink): Check {
  const state = uplink.state();
  switch (state.type) {
    case 'connected':
      return { name: 'uplink', isGood: true, message: 'connected' };
    case 'connecting':
      return { name: 'uplink', isGood: true, message: `not connected, spooling: ${state.reason}` };
    case 'refused':
      return { name: 'uplink', isGood: false, message: `refused (${state.code}): ${state.message}` };
  }
}
