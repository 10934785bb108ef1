/**
 * The flow of the collector, top to bottom: admit → decode → apply → judge → correlate → record → acknowledge.
 *
 * One line per cluster: its batches are prepared one after the other (prepare.ts: decode to correlate, in memory, no
 * waiting), queued for the store in that order, and acknowledged when they are durable. Memory runs ahead of the store
 * while a group is written; acknowledgements never do. After a crash the memory is rebuilt from the timeline and the
 * agent sends again what was not acknowledged: the same batches become the same rows, and the store keeps one of each.
 */
import { maxUncompressedBatchBytes } from '@driftline/proto';
import type { Logger } from 'pino';
import { openRows } from './batch-rows.ts';
import type { BatchHandler, BusReader, Feedback, StreamBatch } from './bus/bus.ts';
import { collectorEpoch, ownMoment, recoverCluster, streamOf } from './cluster-memory.ts';
import type { ClusterMemory, MemoryLimits, OpenJudge, StreamMemory } from './cluster-memory.ts';
import { defaultCorrelatorLimits } from './forensics/correlate.ts';
import { askAgain, askForWhole } from './full-requests.ts';
import type { FullRequestLimits } from './full-requests.ts';
import { createGroupRecorder, defaultGroupLimits } from './group-recorder.ts';
import type { GroupLimits, GroupRecorder } from './group-recorder.ts';
import { admit } from './ingest/admit.ts';
import { defaultInventoryLimits } from './inventory/inventory.ts';
import { logEvents } from './log-events.ts';
import type { CollectorMetrics } from './metrics.ts';
import { prepare } from './prepare.ts';
import type { PrepareDeps } from './prepare.ts';
import type { RecordedBatch, StreamId } from './timeline/rows.ts';
import type { ClusterId, TimelineRecovery, TimelineWriter } from './timeline/timeline.ts';

export type PipelineLimits = MemoryLimits &
  GroupLimits &
  FullRequestLimits & {
    readonly batchUncompressedBytes: number;
    /** Objects that are compared with an agent's digests for one batch; what is beyond is left unanswered. */
    readonly comparedObjectsPerBatch: number;
    /** How long a hole may stay before it is asked for again. */
    readonly resendIntervalMs: number;
    /** How often deadlines and objects asked for are looked after. */
    readonly housekeepingIntervalMs: number;
    /** How often a cluster's memory is tried to be rebuilt before the line gives up. */
    readonly recoveryAttempts: number;
    /** Wait before the second attempt; it doubles with each. */
    readonly recoveryRetryMs: number;
  };

export const defaultPipelineLimits: PipelineLimits = {
  inventory: defaultInventoryLimits,
  correlator: defaultCorrelatorLimits,
  ...defaultGroupLimits,
  batchUncompressedBytes: maxUncompressedBatchBytes,
  comparedObjectsPerBatch: 200_000,
  fullRequestIntervalMs: 10_000,
  fullRequestAttempts: 6,
  resendIntervalMs: 2_000,
  housekeepingIntervalMs: 1_000,
  recoveryAttempts: 8,
  recoveryRetryMs: 500,
};

export type PipelineDeps = {
  /** `forget` drops what the writer keeps of a cluster that others write now. */
  readonly writer: TimelineWriter & { forget?(cluster: ClusterId): void };
  readonly recovery: TimelineRecovery;
  readonly feedback: Pick<BusReader, 'publishFeedback'>;
  readonly openJudge: OpenJudge;
  readonly limits: PipelineLimits;
  readonly metrics: CollectorMetrics;
  readonly logger: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
};

export type Pipeline = BatchHandler & {
  /** Rebuilds the memory of every cluster in the timeline. Without it a cluster is rebuilt when its first batch comes. */
  recoverAll(): Promise<void>;
  /** Deadlines that have passed and objects still wanted; called by a timer, and by tests. */
  housekeep(): Promise<void>;
  /** What is in memory now, for `status` and for tests. */
  memories(): readonly ClusterMemory[];
  close(): Promise<void>;
};

type Line = { tail: Promise<void>; memory: Promise<ClusterMemory> | undefined };

const keyOf = (id: ClusterId): string => `${id.tenant}\n${id.cluster}`;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class PipelineOfClusters implements Pipeline {
  readonly #deps: PipelineDeps;
  readonly #prepare: PrepareDeps;
  readonly #recorder: GroupRecorder;
  readonly #lines = new Map<string, Line>();
  readonly #memories = new Map<string, ClusterMemory>();
  readonly #timer: NodeJS.Timeout;

  constructor(deps: PipelineDeps) {
    const { metrics, logger, limits } = deps;
    this.#deps = deps;
    this.#recorder = createGroupRecorder(deps.writer, limits, (seconds, batches) => {
      metrics.recordSeconds.observe(seconds);
      metrics.recordedBatches.inc(batches);
    });
    this.#prepare = {
      limits,
      metrics,
      onFailure: (error, body) => logger.error({ event: logEvents.messageFailed, type: body.type, err: error }),
      onUndecodable: ({ stream, batch }, reason, detail) => {
        const { firstSequence, lastSequence } = batch;
        logger.warn({ event: logEvents.batchUndecodable, ...stream, firstSequence, lastSequence, reason, detail });
      },
    };
    this.#timer = setInterval(() => void this.housekeep().catch(() => {}), limits.housekeepingIntervalMs);
    this.#timer.unref();
  }

  /** Resolves when all batches are durable, known already, or asked for again. */
  async handle(batches: readonly StreamBatch[]): Promise<void> {
    const durable: Promise<void>[] = [];
    for (const [id, items] of byCluster(batches)) {
      const recorded = this.#inLine(id, (memory) => this.#takeBatches(memory, items));
      durable.push(recorded.then((each) => each.done));
    }
    await Promise.all(durable);
  }

  async #takeBatches(memory: ClusterMemory, items: readonly StreamBatch[]): Promise<{ done: Promise<void> }> {
    const durable: Promise<void>[] = [];
    for (const item of items) {
      durable.push(this.#takeBatch(memory, item));
      await nextTurn();
    }
    const done = Promise.all(durable).then(() => undefined);
    done.catch(() => {});
    return { done };
  }

  // --- the line ---------------------------------------------------------------------------------------------------

  #takeBatch(memory: ClusterMemory, item: StreamBatch): Promise<void> {
    const { metrics } = this.#deps;
    const stream = streamOf(memory, item.stream.epoch);
    const admission = admit(stream.nextSequence, item);
    switch (admission.type) {
      case 'duplicate':
        metrics.duplicateBatches.inc();
        return this.#acknowledge(item.stream, stream, stream.recordedSequence);
      case 'hole':
        return this.#askForMissing(item.stream, stream, admission.resendFrom);
      case 'admitted': {
        if (admission.missing !== undefined) this.#confessMissing(item.stream, admission.missing);
        const { rows, needFull, verdicts } = prepare(this.#prepare, memory, item, admission);
        stream.nextSequence = item.batch.lastSequence + 1;
        stream.resendAskedAtMs = 0;
        const asked = askForWhole(memory, item.stream, needFull, this.#deps.now());
        const found = verdicts.map((verdict) => ({ type: 'kind-verdict', stream: item.stream, verdict }) as const);
        const recorded = this.#record(item.stream, stream, rows);
        return Promise.all([recorded, this.#publish([...asked, ...found])]).then(() => undefined);
      }
    }
  }

  async #record(id: StreamId, stream: StreamMemory, rows: RecordedBatch): Promise<void> {
    await this.#recorder.record(rows);
    stream.recordedSequence = Math.max(stream.recordedSequence, rows.lastSequence);
    const { metrics, now } = this.#deps;
    metrics.transitions.inc(rows.transitions.length);
    metrics.links.inc(rows.links.length);
    if (stream.lastObservedUs > 0) metrics.lagSeconds.observe(Math.max(0, now() / 1000 - stream.lastObservedUs / 1e6));
    await this.#acknowledge(id, stream, rows.lastSequence);
  }

  #acknowledge(id: StreamId, stream: StreamMemory, sequence: number): Promise<void> {
    if (stream.epoch === collectorEpoch || sequence === 0) return Promise.resolve();
    return this.#publish([{ type: 'recorded', stream: id, sequence }]);
  }

  // --- what goes back ---------------------------------------------------------------------------------------------

  #askForMissing(id: StreamId, stream: StreamMemory, fromSequence: number): Promise<void> {
    const { now, limits, metrics, logger } = this.#deps;
    if (now() - stream.resendAskedAtMs < limits.resendIntervalMs) return Promise.resolve();
    stream.resendAskedAtMs = now();
    metrics.resends.inc();
    logger.warn({ event: logEvents.resendAsked, ...id, fromSequence });
    return this.#publish([{ type: 'resend', stream: id, fromSequence }]);
  }

  #confessMissing(id: StreamId, missing: { readonly fromSequence: number; readonly toSequence: number }): void {
    this.#deps.metrics.holes.inc();
    this.#deps.logger.warn({ event: logEvents.sequencesMissing, ...id, ...missing });
  }

  /** Feedback that cannot be delivered now is covered by the next one, or by the agent's next Hello. */
  async #publish(messages: readonly Feedback[]): Promise<void> {
    for (const message of messages) {
      try {
        await this.#deps.feedback.publishFeedback(message);
      } catch (error) {
        this.#deps.logger.warn({ event: logEvents.feedbackFailed, type: message.type, err: error });
      }
    }
  }

  // --- memory and time --------------------------------------------------------------------------------------------

  /** Runs after everything that was asked of this cluster before. */
  #inLine<T>(id: ClusterId, work: (memory: ClusterMemory) => Promise<T>): Promise<T> {
    const key = keyOf(id);
    const line = this.#lines.get(key) ?? { tail: Promise.resolve(), memory: undefined };
    this.#lines.set(key, line);
    const result = line.tail.then(async () => {
      line.memory ??= this.#recoverPatiently(id);
      return work(await line.memory);
    });
    line.tail = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** The store may be away for a while: the agents' spools hold on meanwhile. */
  async #recoverPatiently(id: ClusterId): Promise<ClusterMemory> {
    const { recoveryAttempts, recoveryRetryMs } = this.#deps.limits;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#recover(id);
      } catch (error) {
        if (attempt >= recoveryAttempts) throw error;
        this.#deps.logger.warn({ event: logEvents.recoveryFailed, ...id, attempt, err: error });
        await new Promise((resolve) => setTimeout(resolve, recoveryRetryMs * 2 ** (attempt - 1)));
      }
    }
  }

  async #recover(id: ClusterId): Promise<ClusterMemory> {
    const { recovery, openJudge, limits, logger, now } = this.#deps;
    const startedMs = now();
    const memory = await recoverCluster(recovery, openJudge, id, limits);
    this.#memories.set(keyOf(id), memory);
    await this.#judgeAfresh(memory);
    logger.info({
      event: logEvents.clusterRecovered,
      ...id,
      objects: memory.inventory.size,
      tookMs: now() - startedMs,
    });
    return memory;
  }

  /** What a new bundle says about objects that were there before: rows of the collector's own stream. */
  #judgeAfresh(memory: ClusterMemory): Promise<void> {
    return this.#recordOwn(memory, (at, rows) => memory.judge.begin(at, rows), this.#deps.now());
  }

  async #recordOwn(
    memory: ClusterMemory,
    write: (at: { sequence: number; observedAtUs: number }, rows: ReturnType<typeof openRows>) => void,
    atMs: number,
  ): Promise<void> {
    const { own } = memory;
    const id: StreamId = { ...memory.id, epoch: collectorEpoch };
    const rows = openRows(id, own.nextSequence, own.nextSequence);
    const at = { sequence: own.nextSequence, observedAtUs: ownMoment(memory, atMs) };
    own.lastObservedUs = at.observedAtUs;
    write(at, rows);
    memory.judge.posture(at, rows);
    if (rows.transitions.length + rows.unjudged.length + rows.posture.length === 0) return;
    own.nextSequence += 1;
    await this.#record(id, own, rows);
  }

  async recoverAll(): Promise<void> {
    for (const id of await this.#deps.recovery.clusters()) await this.#inLine(id, async () => {});
  }

  async housekeep(): Promise<void> {
    const nowMs = this.#deps.now();
    for (const { id } of this.#memories.values()) {
      await this.#inLine(id, async (memory) => {
        await this.#publish(askAgain(memory, nowMs, this.#deps.limits));
        const dueMs = memory.judge.nextDeadlineMs();
        if (dueMs !== undefined && dueMs <= nowMs)
          await this.#recordOwn(memory, (at, rows) => memory.judge.deadline(dueMs, at, rows), dueMs);
      });
    }
  }

  async lost(clusters: readonly ClusterId[]): Promise<void> {
    for (const id of clusters) {
      const key = keyOf(id);
      await this.#lines.get(key)?.tail;
      this.#lines.delete(key);
      this.#memories.delete(key);
      await this.#recorder.idle();
      this.#deps.writer.forget?.(id);
      this.#deps.logger.info({ event: logEvents.clusterLost, ...id });
    }
  }

  memories(): readonly ClusterMemory[] {
    return [...this.#memories.values()];
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#lines.values()].map((line) => line.tail));
    await this.#recorder.idle();
  }
}

const byCluster = (batches: readonly StreamBatch[]): Iterable<[ClusterId, StreamBatch[]]> => {
  const clusters = new Map<string, [ClusterId, StreamBatch[]]>();
  for (const batch of batches) {
    const { tenant, cluster } = batch.stream;
    const key = keyOf(batch.stream);
    const known = clusters.get(key);
    if (known === undefined) clusters.set(key, [{ tenant, cluster }, [batch]]);
    else known[1].push(batch);
  }
  return clusters.values();
};

export const openPipeline = (deps: PipelineDeps): Pipeline => new PipelineOfClusters(deps);
