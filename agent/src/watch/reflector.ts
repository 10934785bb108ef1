/**
 * Keeps one kind's line fed, for ever:
 *
 *   no resume version ──▶ list (streamed or in pages) ──▶ watch ◀── resume version
 *                           ▲                              │
 *                           └── 410, or an event was lost ─┤ ended: watch again from the last event or bookmark
 *                                                          └ failed: pause, then watch again
 *
 * Nothing here gives up. What goes wrong decides how long to pause and what coverage says meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GapCause, JsonObject } from '@driftline/proto';
import type { Logger } from 'pino';
import { collectionPath, kindName } from '../kube/api-kind.ts';
import type { KubeClient, KubeStream } from '../kube/kube-client.ts';
import { KubeError } from '../kube/kube-error.ts';
import { readLines } from '../kube/line-reader.ts';
import type { ClusterClock } from '../cluster-clock.ts';
import { logEvents } from '../log-events.ts';
import { type Backoff, createBackoff } from './backoff.ts';
import { withIdleTimeout } from './idle-timeout.ts';
import type { KindLine } from './kind-line.ts';
import type { ListPass } from './list-pass.ts';
import { listPages } from './list-pages.ts';
import type { Slots } from './slots.ts';
import { type ChangeType, parseWatchEvent } from './watch-event.ts';
import type { WatchLimits } from './watch-limits.ts';
import type { WatchMetrics } from './watch-metrics.ts';

export type ReflectorPorts = {
  readonly kube: KubeClient;
  readonly line: KindLine;
  readonly lists: Slots;
  readonly opens: Slots;
  readonly limits: WatchLimits;
  readonly usesWatchList: boolean;
  readonly clock: ClusterClock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: WatchMetrics;
  /** The server says 404: discovery may know more. */
  readonly onNotServed: () => void;
  /** Called for every change, before it is captured. */
  readonly onChange: (type: ChangeType, object: JsonObject) => void;
  /** The kind is watched, or it is known why it is not. May be called again. */
  readonly onSettled: () => void;
};

/** How a stream of events came to its end without an error. */
type StreamEnd =
  | { readonly type: 'ended' }
  /** An event could not be read: what it said is lost until the kind is listed again. */
  | { readonly type: 'lost' };

/** An initial state that comes as a stream: `begunAtUs` is the least the API server's clock showed when it was asked for. */
type InitialState = { readonly pass: ListPass; readonly begunAtUs: number; readonly onSynced: () => void };

/**
 * How old a bookmark can be that was read when nothing else was left to read: bytes that are under way for longer than
 * the idle timeout do not arrive, because the stream has been dropped by then.
 */
const bookmarkAgeUs = ({ idleTimeoutMs, watchCacheLagMs }: WatchLimits): number =>
  (idleTimeoutMs + watchCacheLagMs) * 1000;

/** How often it is found out whether a stream had nothing left to read: a bookmark is dated by that, to some minutes. */
const emptyLookIntervalMs = 1_000;

export class Reflector {
  readonly #ports: ReflectorPorts;
  readonly #signal: AbortSignal;
  readonly #backoff: Backoff;
  #mustList: GapCause | undefined;
  #refusals = 0;
  #usesWatchList: boolean;

  constructor(ports: ReflectorPorts, signal: AbortSignal) {
    this.#ports = ports;
    this.#signal = signal;
    this.#usesWatchList = ports.usesWatchList;
    const { retryBaseMs, retryMaxMs } = ports.limits;
    this.#backoff = createBackoff({ baseMs: retryBaseMs, maxMs: retryMaxMs, random: ports.random });
  }

  /** Runs until the signal aborts. Never rejects for what the API server does. */
  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      const startedMs = performance.now();
      let pauseMs: number;
      try {
        const end = await this.#once();
        pauseMs = this.#afterEnd(end, performance.now() - startedMs);
      } catch (thrown) {
        if (this.#signal.aborted) return;
        if (performance.now() - startedMs > this.#ports.limits.healthyAfterMs) this.#backoff.succeeded();
        pauseMs = await this.#afterFailure(KubeError.from(thrown, collectionPath(this.#ports.line.kind)));
      }
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  async #once(): Promise<StreamEnd> {
    const { line } = this.#ports;
    const cause = this.#mustList ?? (line.progress().resumeVersion === '' ? 'relist' : undefined);
    if (cause !== undefined) {
      if (this.#usesWatchList) return await this.#streamList(cause);
      await listPages({ ...this.#ports, signal: this.#signal }, await this.#beginList(cause));
      await this.#listed();
    }
    const release = await this.#ports.opens.acquire(this.#signal);
    let stream: KubeStream;
    try {
      stream = await this.#open({ resourceVersion: line.progress().resumeVersion });
    } finally {
      release();
    }
    await this.#covered();
    return await this.#follow(stream);
  }

  /** The initial state as a stream that goes over into the watch. */
  async #streamList(cause: GapCause): Promise<StreamEnd> {
    const release = await this.#ports.lists.acquire(this.#signal);
    try {
      const begunAtUs = this.#ports.clock.earliestUs();
      const stream = await this.#open({ sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' });
      return await this.#follow(stream, { pass: await this.#beginList(cause), begunAtUs, onSynced: release });
    } finally {
      release();
    }
  }

  async #beginList(cause: GapCause): Promise<ListPass> {
    const { line, logger } = this.#ports;
    logger.debug({ event: logEvents.kindListing, kind: kindName(line.kind), cause });
    return await line.beginList(cause);
  }

  #open(query: Readonly<Record<string, string>>): Promise<KubeStream> {
    const { kube, limits, line, random } = this.#ports;
    const timeoutSeconds = String(Math.round(limits.watchTimeoutS * (1 + random())));
    const search = new URLSearchParams({ watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds, ...query });
    return kube.stream(`${collectionPath(line.kind)}?${search.toString()}`, { signal: this.#signal });
  }

  /** Reads events until the stream ends; into the pass first, when there is one. Throws KubeError. */
  async #follow(stream: KubeStream, initial?: InitialState): Promise<StreamEnd> {
    const { clock, limits, line, metrics, onChange } = this.#ports;
    const where = collectionPath(line.kind);
    let pass = initial?.pass;
    let emptyAtUs = 0;
    let emptyAtMs = Number.NEGATIVE_INFINITY;
    const chunks = withIdleTimeout(stream, limits.idleTimeoutMs, () => {
      const nowMs = performance.now();
      if (nowMs - emptyAtMs < emptyLookIntervalMs) return undefined;
      const askedAtUs = clock.earliestUs();
      return () => {
        emptyAtUs = askedAtUs;
        emptyAtMs = nowMs;
      };
    });
    for await (const batch of readLines(chunks, limits.maxObjectBytes)) {
      line.heard();
      for (const bytes of batch.lines) {
        const event = parseWatchEvent(bytes, where);
        metrics.events.inc({ type: event.type });
        switch (event.type) {
          case 'ADDED':
          case 'MODIFIED':
          case 'DELETED':
            onChange(event.type, event.object);
            await (pass ?? line).observe({ type: event.type, object: event.object, bytes: bytes.length });
            break;
          case 'BOOKMARK':
            if (pass === undefined) line.bookmark(event.resourceVersion, emptyAtUs - bookmarkAgeUs(limits));
            else if (event.endsInitialEvents) {
              const begunAtUs = initial?.begunAtUs ?? 0;
              await pass.complete({ resourceVersion: event.resourceVersion, begunAtUs, seenAtUs: clock.nowUs() });
              pass = undefined;
              await this.#listed();
              initial?.onSynced();
            }
            break;
          case 'ERROR':
            throw event.error;
          case 'malformed':
            await line.reject('watch', event.reason, bytes.length);
            return { type: 'lost' };
        }
      }
      if (batch.oversizedBytes > 0) {
        await line.reject('watch', 'an object beyond the size limit', batch.oversizedBytes);
        return { type: 'lost' };
      }
    }
    if (pass !== undefined) throw new KubeError('network', `${where}: the initial state was cut off`);
    return { type: 'ended' };
  }

  async #listed(): Promise<void> {
    this.#mustList = undefined;
    await this.#covered();
  }

  async #covered(): Promise<void> {
    this.#refusals = 0;
    await this.#ports.line.watching();
    this.#ports.onSettled();
  }

  /** A server ends watches by itself every few minutes: that is no failure, unless it does so at once. */
  #afterEnd(end: StreamEnd, livedMs: number): number {
    if (end.type === 'lost') {
      this.#ports.line.follows(false);
      this.#mustList = 'undecodable';
      return this.#backoff.nextMs();
    }
    if (livedMs < 1000) return this.#backoff.nextMs();
    this.#backoff.succeeded();
    return 0;
  }

  async #afterFailure(error: KubeError): Promise<number> {
    const { limits, line, logger, metrics, random } = this.#ports;
    metrics.watchFailures.inc({ code: error.code });
    const { code, status, message } = error;
    // A kind that is no longer served ends its watches before it says so.
    if (code !== 'not-found') line.follows(false);
    logger.debug({ event: logEvents.kindInterrupted, kind: kindName(line.kind), code, status, reason: message });
    switch (error.code) {
      case 'aborted':
        return 0;
      case 'forbidden':
        if (this.#isFirstRefusal()) return limits.retryBaseMs * 2 ** this.#refusals++ * (0.5 + random());
        await this.#uncovered('forbidden', error);
        return limits.forbiddenRetryMs * (0.5 + random());
      case 'network':
        // Whoever is there next may have just started.
        this.#refusals = 0;
        break;
      case 'expired':
        return this.#relist();
      case 'invalid':
        if (this.#isListing() && this.#usesWatchList) {
          this.#usesWatchList = false;
          return 0;
        }
        break;
      case 'not-found':
        this.#ports.onNotServed();
        break;
      default:
        break;
    }
    if (this.#backoff.attempts() + 1 >= limits.failingAfterAttempts) {
      await this.#uncovered('failing', error);
    }
    const pauseMs = this.#backoff.nextMs(error.retryAfterMs);
    this.#reconsider(error);
    return pauseMs;
  }

  /** An API server that has just started refuses everybody until it has read its roles. */
  #isFirstRefusal(): boolean {
    const { coverage, isSynced } = this.#ports.line.progress();
    const wasAllowed = coverage === 'watched' || coverage === 'failing' || (coverage === '' && isSynced);
    return wasAllowed && this.#refusals < this.#ports.limits.forbiddenAfterAttempts;
  }

  async #uncovered(state: 'forbidden' | 'failing', { code, message }: KubeError): Promise<void> {
    const { line, logger } = this.#ports;
    if (line.progress().coverage !== state) {
      logger.warn({ event: logEvents.kindNotCovered, kind: kindName(line.kind), state, code, reason: message });
    }
    await line.cover(state, message);
    this.#ports.onSettled();
  }

  #isListing(): boolean {
    return this.#mustList !== undefined || this.#ports.line.progress().resumeVersion === '';
  }

  /** At once the first time, since every second widens the gap; then with pauses. */
  #relist(): number {
    const isRepeated = this.#isListing();
    this.#mustList ??= 'relist';
    return isRepeated ? this.#backoff.nextMs() : 0;
  }

  /**
   * A way that the server keeps refusing is left for another: a streamed initial state for pages (old servers stream it
   * but never say where it ends), a version to resume from (the server may have been restored from a backup since) for
   * a list.
   */
  #reconsider(error: KubeError): void {
    const isSilent = error.code === 'timeout' && this.#isListing();
    if (!isSilent && this.#backoff.attempts() < this.#ports.limits.relistAfterAttempts) return;
    if (this.#isListing()) this.#usesWatchList = false;
    else if (isAboutTheRequest(error.status)) this.#mustList = 'relist';
  }
}

/** A server in trouble (500, 502, 503) says nothing about the version asked for; 504 is how it says that it is too new. */
function isAboutTheRequest(status: number): boolean {
  return status === 504 || (status >= 400 && status < 500 && status !== 401 && status !== 429);
}
