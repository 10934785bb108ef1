/**
 * Anti-entropy, the agent's side (PROTOCOL.md): keeps every kind compared until it agrees, after a new epoch, a loss, a
 * collector that was set back, and at intervals.
 *
 * What is not agreed is in the known objects' progress and outlives a restart; what is kept here is only what waits for
 * an answer. An answer can get lost (feedback is not durable), and the collector may leave a digest unanswered: once it
 * has recorded the message, silence for `verdictTimeoutMs` means that the digest is sent again.
 */
import { type KindVerdict, type ObjectRef, splitEntries } from '@driftline/proto';
import type { Logger } from 'pino';
import { type ApiKind, kindName } from '../kube/api-kind.ts';
import type { Known } from '../known/known.ts';
import { logEvents } from '../log-events.ts';
import type { SpoolPosition } from '../spool/index.ts';
import type { KindLine } from '../watch/kind-line.ts';
import type { KindComparison, SentDigest } from './kind-comparison.ts';
import type { ReconcileLimits } from './reconcile-limits.ts';
import type { ReconcileMetrics } from './reconcile-metrics.ts';

export type ReconcilerPorts = {
  readonly lines: () => readonly KindLine[];
  readonly line: (kind: Pick<ApiKind, 'group' | 'resource'>) => KindLine | undefined;
  readonly known: Pick<Known, 'kinds'>;
  /** Every kind has a line. */
  readonly isWatchReady: () => boolean;
  /** Sends what these objects are now, or that they are no more. */
  readonly answer: (objects: readonly ObjectRef[]) => Promise<void>;
  readonly position: () => Pick<SpoolPosition, 'recordedSequence'>;
  readonly isConnected: () => boolean;
  readonly limits: ReconcileLimits;
  readonly metrics: ReconcileMetrics;
  readonly logger: Logger;
  /** Milliseconds of a clock that does not step. */
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
};

export type Reconciler = {
  /** A digest was handed to the spool. */
  sent(digest: SentDigest): void;
  verdict(verdict: KindVerdict): void;
  /** Messages up to this one are lost to the collector: no kind is taken for agreed any more. */
  lost(toSequence: number): void;
  /** The collector turned out to have less than it had, or more than was heard: see UplinkOptions. */
  surprised(surprise: 'ahead' | 'behind'): void;
  /** Looks what is due; called by a timer, and by tests. */
  tick(): Promise<void>;
  close(): Promise<void>;
};

/** A digest, or the entries that follow it, without an answer. */
type Waiting = {
  readonly digest: SentDigest;
  /** Messages whose answers are awaited; empty while they are not durable. */
  readonly sequences: Set<number>;
  /** When the collector was first seen to have recorded them. */
  recordedAtMs: number | undefined;
};

type ComparedLine = KindLine & { readonly comparison: KindComparison };
const isCompared = (line: KindLine): line is ComparedLine => line.comparison !== undefined;

/** How a kind fares. */
type Trouble = { rounds: number; notBeforeMs: number };

export function openReconciler(ports: ReconcilerPorts): Reconciler {
  const reconciler = new KindReconciler(ports);
  const timer = setInterval(() => void reconciler.tick(), ports.limits.tickIntervalMs);
  timer.unref();
  return {
    sent: (digest) => reconciler.sent(digest),
    verdict: (verdict) => reconciler.verdict(verdict),
    lost: (toSequence) => reconciler.lost(toSequence),
    surprised: (surprise) => reconciler.surprised(surprise),
    tick: () => reconciler.tick(),
    async close() {
      clearInterval(timer);
      reconciler.close();
    },
  };
}

class KindReconciler {
  readonly #ports: ReconcilerPorts;
  readonly #waiting = new Map<string, Waiting>();
  readonly #trouble = new Map<string, Trouble>();
  /** Kinds of a self-check that has begun. */
  #toCheck: string[] = [];
  #nextCheckAtMs: number;
  /** What is lost must be behind the collector before a comparison can tell anything. */
  #lostUpTo = 0;
  #turn: Promise<void> = Promise.resolve();
  #isTicking = false;
  #isClosed = false;

  constructor(ports: ReconcilerPorts) {
    this.#ports = ports;
    this.#nextCheckAtMs = this.#inAnInterval();
  }

  sent(digest: SentDigest): void {
    const name = kindName(digest.kind);
    const waiting: Waiting = { digest, sequences: new Set(), recordedAtMs: undefined };
    this.#waiting.set(name, waiting);
    digest.durable.then(
      ({ lastSequence }) => waiting.sequences.add(lastSequence),
      // The spool closes: the kind has not agreed, and the next life begins with that.
      () => undefined,
    );
  }

  /** One after another: what an answer asks for is bounded by room in the spool. */
  verdict(verdict: KindVerdict): void {
    this.#turn = this.#turn.then(() => this.#take(verdict)).catch((error: unknown) => this.#failed(verdict, error));
  }

  lost(toSequence: number): void {
    this.#lostUpTo = Math.max(this.#lostUpTo, toSequence);
    for (const { comparison } of this.#comparedLines()) comparison.doubted();
    // Those whose lines begin later, too.
    for (const kind of this.#ports.known.kinds()) {
      if (kind.progress().isAgreed) kind.stage({ progress: { isAgreed: false } });
    }
  }

  surprised(surprise: 'ahead' | 'behind'): void {
    if (surprise === 'behind') this.lost(0);
    else this.#nextCheckAtMs = this.#ports.nowMs();
  }

  async tick(): Promise<void> {
    if (this.#isTicking || this.#isClosed) return;
    this.#isTicking = true;
    try {
      await this.#lookAround();
    } catch (error) {
      if (!this.#isClosed) this.#ports.logger.error({ event: logEvents.reconcileFailed, err: error });
    } finally {
      this.#isTicking = false;
    }
  }

  /** What is under way ends with the lines. */
  close(): void {
    this.#isClosed = true;
  }

  async #lookAround(): Promise<void> {
    const { isConnected, position, metrics, nowMs } = this.#ports;
    const all = this.#comparedLines();
    metrics.unagreedKinds(all.filter((line) => line.progress().isSynced && !line.progress().isAgreed).length);
    const { recordedSequence } = position();
    if (!isConnected() || recordedSequence < this.#lostUpTo) return;
    for (const line of all) {
      const name = kindName(line.kind);
      const waiting = this.#waiting.get(name);
      if (waiting !== undefined) await this.#lookAfter(line, waiting, recordedSequence);
      else if (!line.progress().isAgreed && (this.#trouble.get(name)?.notBeforeMs ?? 0) <= nowMs()) {
        await line.comparison.compare('self-check');
      }
    }
    await this.#checkNext(all);
  }

  async #lookAfter(line: ComparedLine, waiting: Waiting, recordedSequence: number): Promise<void> {
    const { nowMs, limits, metrics } = this.#ports;
    if (waiting.sequences.size === 0 || recordedSequence < Math.max(...waiting.sequences)) return;
    waiting.recordedAtMs ??= nowMs();
    if (nowMs() - waiting.recordedAtMs < limits.verdictTimeoutMs) return;
    metrics.unanswered();
    this.#waiting.delete(kindName(line.kind));
    this.#postpone(line);
    await line.comparison.compare(waiting.digest.cause);
  }

  /** One kind at each tick, so that a check is never a burst. */
  async #checkNext(all: readonly ComparedLine[]): Promise<void> {
    const { nowMs, isWatchReady } = this.#ports;
    if (!isWatchReady()) return;
    if (this.#toCheck.length === 0 && nowMs() >= this.#nextCheckAtMs) {
      this.#nextCheckAtMs = this.#inAnInterval();
      this.#toCheck = all.map((line) => kindName(line.kind));
    }
    const name = this.#toCheck.shift();
    const line = all.find(({ kind }) => kindName(kind) === name);
    if (name !== undefined && line !== undefined && !this.#waiting.has(name))
      await line.comparison.compare('self-check');
  }

  async #take(answer: KindVerdict): Promise<void> {
    const name = kindName(answer);
    const waiting = this.#waiting.get(name);
    const line = this.#ports.line(answer);
    if (this.#isClosed || line === undefined || !isCompared(line) || waiting?.sequences.has(answer.sequence) !== true)
      return;
    const { verdict } = answer;
    this.#ports.metrics.verdict(verdict.outcome);
    if (verdict.outcome === 'agreed') {
      this.#waiting.delete(name);
      this.#trouble.delete(name);
      line.comparison.agreed(waiting.digest);
      return line.compared();
    }
    if (verdict.outcome === 'wanted') return this.#repair(line, waiting, answer.sequence, verdict);
    this.#ports.logger.info({
      event: logEvents.reconcileDiffers,
      kind: name,
      cause: waiting.digest.cause,
      outcome: verdict.outcome,
    });
    line.comparison.doubted();
    if (!this.#mayGoOn(line)) return line.compared();
    if (verdict.outcome === 'all') {
      this.#ports.metrics.objectsSent(await line.comparison.sendUntold('all'));
      await this.#compareAgain(line);
      return;
    }
    waiting.sequences.clear();
    waiting.recordedAtMs = undefined;
    for (const sequence of await line.comparison.tellEntries(verdict)) waiting.sequences.add(sequence);
  }

  async #repair(
    line: ComparedLine,
    waiting: Waiting,
    sequence: number,
    wanted: Extract<KindVerdict['verdict'], { outcome: 'wanted' }>,
  ): Promise<void> {
    const { answer, metrics } = this.#ports;
    await answer(wanted.objects);
    const sent = await line.comparison.sendUntold(splitEntries(wanted.entries));
    metrics.objectsSent(sent + wanted.objects.length);
    if (!wanted.hasMore) waiting.sequences.delete(sequence);
    if (waiting.sequences.size === 0) await this.#compareAgain(line);
  }

  /** A kind that begins a list meanwhile is compared at its end. */
  async #compareAgain(line: ComparedLine): Promise<void> {
    this.#waiting.delete(kindName(line.kind));
    await line.comparison.compare('repair');
  }

  /** An object that can never arrive must not keep both ends busy for ever. */
  #mayGoOn(line: ComparedLine): boolean {
    const { limits, logger, metrics } = this.#ports;
    const name = kindName(line.kind);
    const trouble = this.#postpone(line);
    if (trouble.rounds <= limits.roundsAtOnce) return true;
    this.#waiting.delete(name);
    metrics.gaveUp();
    logger.error({ event: logEvents.reconcileGaveUp, kind: name, rounds: trouble.rounds });
    return false;
  }

  /** Counts a round; the next one that begins by itself waits longer each time. */
  #postpone(line: ComparedLine): Trouble {
    const { nowMs, limits, random } = this.#ports;
    const name = kindName(line.kind);
    const rounds = (this.#trouble.get(name)?.rounds ?? 0) + 1;
    const waitMs = Math.min(limits.retryMaxMs, limits.verdictTimeoutMs * 2 ** Math.min(rounds, 20));
    const trouble = { rounds, notBeforeMs: nowMs() + waitMs * (0.5 + random() / 2) };
    this.#trouble.set(name, trouble);
    return trouble;
  }

  #comparedLines(): readonly ComparedLine[] {
    return this.#ports.lines().filter(isCompared);
  }

  #inAnInterval(): number {
    const { nowMs, limits, random } = this.#ports;
    if (limits.selfCheckIntervalMs === 0) return Number.POSITIVE_INFINITY;
    return nowMs() + limits.selfCheckIntervalMs * (0.8 + 0.4 * random());
  }

  #failed({ group, resource }: KindVerdict, error: unknown): void {
    if (this.#isClosed) return;
    this.#ports.logger.error({ event: logEvents.reconcileFailed, kind: kindName({ group, resource }), err: error });
  }
}
