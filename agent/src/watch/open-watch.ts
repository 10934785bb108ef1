/**
 * Observing a cluster: discovery says which kinds there are, each gets a reflector and a line, and kinds that come and
 * go are followed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject, ObjectRef } from '@driftline/proto';
import type { Logger } from 'pino';
import type { CapturePorts } from '../capture/capture.ts';
import type { ClusterClock } from '../cluster-clock.ts';
import { type ApiKind, apiVersionOf, kindName } from '../kube/api-kind.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { KubeError } from '../kube/kube-error.ts';
import type { Known } from '../known/known.ts';
import { logEvents } from '../log-events.ts';
import type { MessageSink } from '../message-sink.ts';
import { announcements } from './announcements.ts';
import { createBackoff } from './backoff.ts';
import { type ByteBudget, createByteBudget } from './byte-budget.ts';
import { type Discovered, discover } from './discovery.ts';
import type { SentDigest } from '../reconcile/kind-comparison.ts';
import { KindLine } from './kind-line.ts';
import { Reflector } from './reflector.ts';
import { isFound, servedAs, versionNow } from './one-item.ts';
import { selectKinds } from './select-kinds.ts';
import { createSlots } from './slots.ts';
import { startOrder } from './start-order.ts';
import { type UnseenKind, UnseenKinds } from './unseen-kinds.ts';
import type { ChangeType } from './watch-event.ts';
import type { WatchConfig } from './watch-limits.ts';
import type { WatchMetrics } from './watch-metrics.ts';

export type WatchPorts = {
  readonly kube: KubeClient;
  readonly sink: MessageSink;
  readonly known: Known;
  readonly capture: CapturePorts;
  readonly config: WatchConfig;
  readonly logger: Logger;
  readonly metrics: WatchMetrics;
  readonly clock: ClusterClock;
  /** Told of each digest; with it, kinds are compared with what the collector has (kind-line.ts). */
  readonly onDigest?: (sent: SentDigest) => void;
  /** In [0, 1). */
  readonly random?: () => number;
};

export type Watch = {
  /** Resolves when every kind found at first is watched, or it is known why it is not. */
  readonly ready: Promise<void>;
  /** Rejects when observing cannot go on, because the spool takes no more. Never resolves. */
  readonly failed: Promise<never>;
  /** Kinds and how they stand. */
  status(): readonly { readonly kind: string; readonly state: string; readonly reason: string }[];
  /** Sends the last forms of objects again, whole; those no longer known are skipped. Returns how many were sent. */
  sendWhole(objects: readonly ObjectRef[]): Promise<number>;
  /** The lines of all kinds that are or were watched, and of one of them. */
  lines(): readonly KindLine[];
  line(kind: Pick<ApiKind, 'group' | 'resource'>): KindLine | undefined;
  /** The API server does not serve it: false as well where the last look at what it serves was incomplete. */
  isUnserved(kind: Pick<ApiKind, 'group' | 'resource'>): boolean;
  /** Looks now for kinds that came or went. */
  rediscover(): void;
  /** Stops observing. What was handed to the sink stays with it. */
  close(): Promise<void>;
};

type Running = {
  readonly kind: ApiKind;
  readonly line: KindLine;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  readonly settled: Promise<void>;
};

const definitionsName = 'customresourcedefinitions.apiextensions.k8s.io';
/** Kinds whose changes tell that kinds came or went. */
const kindsOfKinds: ReadonlySet<string> = new Set([definitionsName, 'apiservices.apiregistration.k8s.io']);

export function openWatch(ports: WatchPorts): Watch {
  const watch = new ClusterWatch(ports);
  watch.start();
  return {
    ready: watch.ready,
    failed: watch.failed,
    status: () => watch.status(),
    sendWhole: (objects) => watch.sendWhole(objects),
    lines: () => watch.lines(),
    line: (kind) => watch.line(kind),
    isUnserved: (kind) => watch.isUnserved(kind),
    rediscover: () => watch.rediscover(0),
    close: () => watch.close(),
  };
}

class ClusterWatch {
  readonly ready: Promise<void>;
  readonly failed: Promise<never>;
  readonly #ports: WatchPorts;
  readonly #random: () => number;
  readonly #stop = new AbortController();
  readonly #budget: ByteBudget;
  readonly #shared: { readonly lists: ReturnType<typeof createSlots>; readonly opens: ReturnType<typeof createSlots> };
  readonly #running = new Map<string, Running>();
  /** One line a kind for as long as the process lives: two would not see each other's staged changes in order. */
  readonly #lines = new Map<string, KindLine>();
  readonly #isReady: () => void;
  readonly #fail: (error: unknown) => void;
  #discovering: Promise<void> = Promise.resolve();
  #wakeUp = new AbortController();
  #dueMs: readonly number[] = [];
  #hasFollowed = false;
  /** Names of all kinds, of a look that was complete. */
  #served: ReadonlySet<string> | undefined;
  readonly #unseen: UnseenKinds;

  constructor(ports: WatchPorts) {
    this.#ports = ports;
    this.#random = ports.random ?? Math.random;
    const definitions = ports.known.kinds().find((kind) => kindName(kind) === definitionsName);
    this.#unseen = new UnseenKinds([...(definitions?.objects() ?? [])].map(({ name }) => name));
    const { limits } = ports.config;
    this.#budget = createByteBudget(limits.maxInFlightBytes);
    this.#shared = { lists: createSlots(limits.maxConcurrentLists), opens: createSlots(limits.maxConcurrentOpens) };
    const ready = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<never>();
    // Whoever does not look at `failed` still learns of it from the log.
    failed.promise.catch(() => undefined);
    this.ready = ready.promise;
    this.failed = failed.promise;
    this.#isReady = ready.resolve;
    this.#fail = failed.reject;
  }

  start(): void {
    const { logger } = this.#ports;
    logger.info({ event: logEvents.watchStarted });
    this.#discovering = this.#discoverForEver().catch((error: unknown) => this.#onFatal(error));
  }

  status(): ReturnType<Watch['status']> {
    return this.#ports.known.kinds().map((kind) => {
      const { coverage, coverageReason } = kind.progress();
      return { kind: kindName(kind), state: coverage, reason: coverageReason };
    });
  }

  lines(): readonly KindLine[] {
    return [...this.#lines.values()];
  }

  line(kind: Pick<ApiKind, 'group' | 'resource'>): KindLine | undefined {
    return this.#lines.get(kindName(kind));
  }

  isUnserved(kind: Pick<ApiKind, 'group' | 'resource'>): boolean {
    return this.#served?.has(kindName(kind)) === false;
  }

  async sendWhole(objects: readonly ObjectRef[]): Promise<number> {
    let sent = 0;
    for (const ref of objects) {
      const line = this.#lines.get(kindName(ref));
      if (line !== undefined && (await line.sendWhole(ref))) sent++;
    }
    return sent;
  }

  rediscover(delayMs: number): void {
    const now = performance.now();
    this.#dueMs = [0, 3, 15].map((step) => now + delayMs * (1 + step));
    this.#wakeUp.abort();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wakeUp.abort();
    await this.#discovering;
    await Promise.all([...this.#running.values()].map((running) => running.done));
    this.#ports.logger.info({ event: logEvents.watchStopped });
  }

  async #discoverForEver(): Promise<void> {
    const { kube, logger, metrics, config } = this.#ports;
    const { signal } = this.#stop;
    const { retryBaseMs, retryMaxMs, discoveryIntervalMs } = config.limits;
    const backoff = createBackoff({ baseMs: retryBaseMs, maxMs: retryMaxMs, random: this.#random });
    while (!signal.aborted) {
      let pauseMs = discoveryIntervalMs;
      try {
        const discovered = await discover(kube, signal);
        backoff.succeeded();
        await this.#follow(discovered);
        if (discovered.failures.length > 0) {
          metrics.discoveryFailures.inc();
          logger.warn({ event: logEvents.discoveryIncomplete, failures: discovered.failures });
          pauseMs = Math.min(pauseMs, backoff.nextMs() + retryMaxMs);
        }
      } catch (thrown) {
        if (signal.aborted) return;
        const error = KubeError.from(thrown, 'discovery');
        metrics.discoveryFailures.inc();
        logger.warn({ event: logEvents.discoveryFailed, code: error.code, reason: error.message });
        pauseMs = backoff.nextMs(error.retryAfterMs);
      }
      await this.#pause(pauseMs);
    }
  }

  /** Waits, but for no longer than until a look is due. */
  async #pause(longestMs: number): Promise<void> {
    const untilMs = performance.now() + longestMs;
    while (!this.#stop.signal.aborted) {
      this.#wakeUp = new AbortController();
      const now = performance.now();
      const [due = untilMs] = this.#dueMs;
      if (Math.min(due, untilMs) <= now) {
        this.#dueMs = this.#dueMs.filter((at) => at > now);
        return;
      }
      await sleep(Math.min(due, untilMs) - now, undefined, { signal: this.#wakeUp.signal }).catch(() => undefined);
    }
  }

  async #follow(discovered: Discovered): Promise<void> {
    const { config, known } = this.#ports;
    const selection = selectKinds(discovered.kinds, config);
    const wanted = new Map(selection.watched.map((kind) => [kindName(kind), kind]));
    const knownBefore = new Set(known.kinds().map(kindName));
    if (knownBefore.size === 0) await this.#beginEpoch(selection.watched, wanted.get(definitionsName));
    for (const kind of startOrder(selection.watched, this.#random)) {
      if (knownBefore.size > 0 && !knownBefore.has(kindName(kind))) this.#lineOf(kind).appeared();
      await this.#run(kind);
    }
    for (const kind of selection.excluded) {
      await this.#halt(kindName(kind));
      await this.#lineOf(kind).cover('excluded', kind.reason);
    }
    const served = new Set(discovered.kinds.map(kindName));
    this.#served = discovered.failures.length === 0 ? served : undefined;
    const unclear = new Set(discovered.failures.map((failure) => failure.group));
    const followed = new Set(this.#running.keys());
    for (const { group, resource } of known.kinds()) {
      const name = kindName({ group, resource });
      if (served.has(name) || wanted.has(name) || unclear.has(group)) continue;
      await this.#retire(name, { group, resource });
    }
    for (const kind of this.#unseen.discovered(served)) {
      // Whether it is served is not known before its group answers.
      if (unclear.has(kind.group)) continue;
      if (!followed.has(kindName(kind))) await this.#confess(kind);
      this.#unseen.confessed(kind);
    }
    // A look that failed half-way was none.
    if (!this.#hasFollowed) {
      this.#hasFollowed = true;
      void Promise.all([...this.#running.values()].map((running) => running.settled)).then(this.#isReady);
    }
  }

  /**
   * Each kind that there is confesses with its first list what came before it. Of kinds that came and went while nobody
   * looked there is nobody to do so: this gap is about everything. It is durable before any kind is known, so that
   * an agent that is killed meanwhile begins with it again.
   */
  async #beginEpoch(watched: readonly ApiKind[], definitions: ApiKind | undefined): Promise<void> {
    const { sink, clock, metrics } = this.#ports;
    const toVersion = await this.#versionNow(definitions);
    metrics.gaps.inc({ cause: 'epoch_start' });
    const everything = { group: '', resource: '', fromVersion: '', toVersion, fromUs: 0, toUs: clock.nowUs() };
    const detail = 'kinds that were gone by then are not known';
    const gap = { type: 'gap', ...everything, cause: 'epoch_start', detail, fromSequence: 0, toSequence: 0 } as const;
    await sink.append([gap, ...announcements(watched)]);
  }

  /** Makes sure that a kind is watched, in this version. */
  async #run(kind: ApiKind): Promise<void> {
    const name = kindName(kind);
    const current = this.#running.get(name);
    if (current !== undefined && apiVersionOf(current.kind) === apiVersionOf(kind)) return;
    await this.#halt(name);
    const { kube, config, clock, logger, metrics } = this.#ports;
    const line = this.#lineOf(kind);
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#stop.signal]);
    const settled = Promise.withResolvers<void>();
    const reflector = new Reflector(
      {
        ...this.#shared,
        kube,
        line,
        clock,
        logger,
        metrics,
        limits: config.limits,
        usesWatchList: config.usesWatchList,
        random: this.#random,
        onNotServed: () => this.rediscover(config.limits.discoveryDebounceMs),
        onChange: (type, object) => this.#changed(name, type, object),
        onSettled: settled.resolve,
      },
      signal,
    );
    // A kind that goes before it was ever watched keeps nobody waiting.
    const done = reflector
      .run()
      .catch((error: unknown) => this.#onFatal(error))
      .finally(settled.resolve);
    this.#running.set(name, { kind, line, stop, done, settled: settled.promise });
    logger.debug({ event: logEvents.kindAppeared, kind: name, apiVersion: apiVersionOf(kind) });
  }

  #changed(name: string, type: ChangeType, object: JsonObject): void {
    if (name === definitionsName) this.#unseen.observed(type, object);
    if (kindsOfKinds.has(name)) this.rediscover(this.#ports.config.limits.discoveryDebounceMs);
  }

  async #halt(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    running.stop.abort();
    await running.done;
    this.#running.delete(name);
  }

  /**
   * The list of kinds may be older than the objects: the kind may have gone and come back. It is over only when the kind
   * itself is not found, at a moment from which on nothing new of it becomes known here.
   */
  async #retire(name: string, kind: Pick<ApiKind, 'group' | 'resource'>): Promise<void> {
    const line = this.#lines.get(name) ?? this.#lineOf({ ...kind, version: '', kind: '' });
    const running = this.#running.get(name);
    // One that is gone and asked for again, or of which something is known, has come back since and was not listed yet.
    const known = this.#ports.known.kind(kind.group, kind.resource);
    if (running === undefined && line.progress().coverage === 'gone' && known.count() === 0) return;
    await this.#halt(name);
    const served = servedAs(running?.kind ?? line.kind, known);
    const goneVersion = await this.#goneVersion(served);
    if (goneVersion === undefined) {
      // Its watch asks for another look when it goes after all.
      if (served.kind !== '') await this.#run(served);
      else this.rediscover(this.#ports.config.limits.discoveryDebounceMs);
      return;
    }
    this.#ports.logger.info({ event: logEvents.kindGone, kind: name });
    await line.end('the API server no longer serves it', goneVersion);
  }

  /** The kind came and went without ever being found. One that is there again confesses that with its first list. */
  async #confess(kind: UnseenKind): Promise<void> {
    const line = this.#lineOf({ ...kind, version: '' });
    if (line.progress().seenVersion === '') line.appeared();
    const goneVersion = await this.#goneVersion(kind);
    if (goneVersion === undefined) this.rediscover(this.#ports.config.limits.discoveryDebounceMs);
    else await line.end('the API server served it, and no longer does', goneVersion);
  }

  /** A version at which the kind is not there; undefined when it is found, before or behind that version. */
  async #goneVersion(kind: ApiKind): Promise<string | undefined> {
    const isServed = async (): Promise<boolean> =>
      kind.version !== '' && (await isFound(this.#ports.kube, kind, this.#stop.signal));
    if (await isServed()) return undefined;
    const version = await this.#versionNow();
    return (await isServed()) ? undefined : version;
  }

  async #versionNow(definitions = this.#running.get(definitionsName)?.kind): Promise<string> {
    return definitions === undefined ? '' : versionNow(this.#ports.kube, definitions, this.#stop.signal);
  }

  #lineOf(kind: ApiKind): KindLine {
    const name = kindName(kind);
    const existing = this.#lines.get(name);
    if (existing !== undefined && apiVersionOf(existing.kind) === apiVersionOf(kind)) return existing;
    const { sink, known, capture, clock, metrics, onDigest } = this.#ports;
    const line = new KindLine(kind, {
      sink,
      known: known.kind(kind.group, kind.resource),
      capture,
      clock,
      metrics,
      onDigest,
      budget: this.#budget,
      signal: this.#stop.signal,
      onFatal: (error) => this.#onFatal(error),
      ...(kindsOfKinds.has(name) && { onMissing: (last: JsonObject) => this.#changed(name, 'DELETED', last) }),
    });
    this.#lines.set(name, line);
    return line;
  }

  #onFatal(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#ports.logger.error({ event: logEvents.watchFailed, reason });
    this.#stop.abort();
    this.#wakeUp.abort();
    this.#fail(error);
  }
}
