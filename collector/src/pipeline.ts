/**
 * The flow of the collector, top to bottom: admit → decode → apply → judge → correlate → record → acknowledge.
 *
 * One line per cluster: its batches are prepared one after the other (prepare.ts: decode to correlate, in memory, no
 * waiting), queued for the store in that order, and acknowledged when they are durable. Memory runs ahead of the store
 * while a group is written; acknowledgements never do. After a crash the memory is rebuilt from the timeline and the
 * agent sends again what was not acknowledged: the same batches become the same rows, and the store keeps one of each.
 */
import type { Logger } from 'pino';
import { adoptUnfinished } from './adopt.ts';
import { Answers } from './answers.ts';
import { patiently } from './backoff.ts';
import { openRows } from './batch-rows.ts';
import type { BatchHandler, BusReader, StreamBatch } from './bus/bus.ts';
import { byCluster, clusterKey } from './bus/by-cluster.ts';
import { ClusterLine, LineClosedError } from './cluster-line.ts';
import type { LineDeps } from './cluster-line.ts';
import { collectorEpoch, ownMoment, recoverCluster, streamOf } from './cluster-memory.ts';
import type { ClusterMemory, OpenJudge, StreamMemory } from './cluster-memory.ts';
import { askAgain, askForWhole } from './full-requests.ts';
import { createGroupRecorder, StreamRefusedError } from './group-recorder.ts';
import type { GroupRecorder } from './group-recorder.ts';
import { admit } from './ingest/admit.ts';
import type { Admission } from './ingest/admit.ts';
import type { PolicyBundle } from './judge/cluster-judge.ts';
import { logEvents } from './log-events.ts';
import type { CollectorMetrics } from './metrics.ts';
import type { PipelineLimits } from './pipeline-limits.ts';
import { prepare, scorePosture } from './prepare.ts';
import type { PrepareDeps } from './prepare.ts';
import type { RecordedBatch, StreamId } from './timeline/rows.ts';
import type { ClusterId, TimelineRecovery, TimelineWriter } from './timeline/timeline.ts';

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
  /** 0 ≤ random() < 1 */
  readonly random?: () => number;
};

export type Pipeline = BatchHandler & {
  /**
   * Rebuilds the memory of every cluster in the timeline; resolves when each was tried once, those that failed are tried
   * on. Without it a cluster is rebuilt when its first batch comes.
   */
  recoverAll(): Promise<void>;
  /** Lets every cluster be judged by the bundle of the moment when its turn comes; resolves when all are. Never rejects. */
  adopt(bundle: () => PolicyBundle): Promise<void>;
  /**
   * Called before an agent is told where its stream stands: below `oldestSequence` it holds nothing that is not recorded.
   * Resolves when all is recorded of that which a predecessor left there without a commit.
   */
  settle(id: StreamId, oldestSequence: number): Promise<void>;
  /** Deadlines that have passed and objects still wanted; called by a timer, and by tests. Never rejects. */
  housekeep(): Promise<void>;
  /** What is in memory now, for `status` and for tests. */
  memories(): readonly ClusterMemory[];
  /** Resolves when everything that was handed over is durable. */
  close(): Promise<void>;
  /** Gives up what waits for the store: it is not acknowledged, and rejects. `close` is quick afterwards. */
  abandon(): Promise<void>;
};

/** `isOutdated`: the work is not finished, and wants another memory. */
type Done = { readonly done: Promise<unknown>; readonly isOutdated?: boolean };

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Its rejection is seen by whoever awaits it later. */
const handled = <T>(promise: Promise<T>): Promise<T> => {
  promise.catch(() => {});
  return promise;
};

class PipelineOfClusters implements Pipeline {
  readonly #deps: PipelineDeps;
  readonly #prepare: PrepareDeps;
  readonly #recorder: GroupRecorder;
  readonly #answers: Answers;
  readonly #lineDeps: LineDeps;
  readonly #lines = new Map<string, ClusterLine>();
  /** Lines that were lost and are not quite done. */
  readonly #leaving = new Map<string, Promise<void>>();
  /** Streams whose state the writer has. */
  readonly #opened = new WeakSet<StreamMemory>();
  readonly #housekept = new Set<ClusterLine>();
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(deps: PipelineDeps) {
    const { metrics, logger, limits } = deps;
    this.#deps = deps;
    this.#answers = new Answers(deps);
    this.#recorder = createGroupRecorder(deps.writer, limits, (seconds, batches) => {
      metrics.recordSeconds.observe(seconds);
      metrics.recordedBatches.inc(batches);
    });
    this.#lineDeps = {
      backoff: { firstMs: limits.recoveryRetryMs, maxMs: limits.recoveryRetryMaxMs },
      random: deps.random ?? Math.random,
      recover: (line) => this.#recover(line),
      onRecoveryFailed: (id, { error, ...failure }) => {
        metrics.recoveryFailures.inc();
        logger.warn({ event: logEvents.recoveryFailed, ...id, ...failure, err: error });
      },
    };
    this.#prepare = {
      limits,
      metrics,
      onFailure: (error, body) => logger.error({ event: logEvents.messageFailed, type: body.type, err: error }),
      onPostureFailure: (error, id) => logger.error({ event: logEvents.postureFailed, ...id, err: error }),
      onUndecodable: ({ stream, batch }, reason, detail) => {
        const { firstSequence, lastSequence } = batch;
        logger.warn({ event: logEvents.batchUndecodable, ...stream, firstSequence, lastSequence, reason, detail });
      },
    };
    this.#timer = setInterval(() => void this.housekeep(), limits.housekeepingIntervalMs);
    this.#timer.unref();
  }

  /** Resolves when all batches are durable, known already, or asked for again. */
  async handle(batches: readonly StreamBatch[]): Promise<void> {
    const clusters = [...byCluster(batches)];
    await Promise.all(clusters.map(([id, items]) => this.#handleOf(this.#lineOf(id), items)));
  }

  async #handleOf(line: ClusterLine, items: readonly StreamBatch[]): Promise<void> {
    let memory: ClusterMemory | undefined;
    try {
      const { done, isOutdated } = await line.run((current) => {
        memory = current;
        return this.#takeBatches(line, current, items);
      });
      await done;
      if (isOutdated === true) await this.#handleOf(line, items);
    } catch (error) {
      const isLost = this.#lines.get(clusterKey(line.id)) !== line;
      if (isLost && error instanceof LineClosedError) return;
      if (memory === undefined || !(error instanceof StreamRefusedError)) throw error;
      await this.#startOver(line, memory, items);
    }
  }

  async #takeBatches(line: ClusterLine, memory: ClusterMemory, items: readonly StreamBatch[]): Promise<Done> {
    const durable: Promise<void>[] = [];
    for (const [at, item] of items.entries()) {
      const stream = streamOf(memory, item.stream.epoch);
      if (!this.#opened.has(stream)) {
        // Here the wait for the store is this cluster's; in the writer it would be everybody's.
        await this.#deps.writer.watermark(item.stream);
        this.#opened.add(stream);
      }
      const admission = admit(stream.nextSequence, item);
      const hasHole = admission.type === 'admitted' && admission.missing !== undefined;
      if (hasHole && (await this.#adoptBelow(line, memory, item.stream, item.batch.firstSequence)))
        return { done: handled(Promise.all(durable)), isOutdated: true };
      const isFollowed = at + 1 < items.length;
      durable.push(handled(this.#takeBatch(line, memory, { item, admission, isFollowed })));
      await nextTurn();
    }
    return { done: handled(Promise.all(durable)) };
  }

  /** The timeline decides where the streams stand; what does not continue them is asked for again. */
  async #startOver(line: ClusterLine, memory: ClusterMemory, items: readonly StreamBatch[]): Promise<void> {
    line.discard(memory);
    const epochs = new Set(items.map(({ stream }) => stream.epoch));
    await line.run(async (fresh) => {
      for (const epoch of epochs) {
        const fromSequence = streamOf(fresh, epoch).nextSequence;
        await this.#answers.publish([{ type: 'resend', stream: { ...line.id, epoch }, fromSequence }]);
      }
    });
  }

  // --- the line ---------------------------------------------------------------------------------------------------

  #takeBatch(
    line: ClusterLine,
    memory: ClusterMemory,
    { item, admission, isFollowed }: { item: StreamBatch; admission: Admission; isFollowed: boolean },
  ): Promise<void> {
    const { metrics } = this.#deps;
    const stream = streamOf(memory, item.stream.epoch);
    switch (admission.type) {
      case 'duplicate':
        metrics.duplicateBatches.inc();
        return this.#answers.recorded(item.stream, stream, stream.recordedSequence);
      case 'hole':
        return this.#answers.askForMissing(item.stream, stream, admission.resendFrom);
      case 'admitted': {
        if (admission.missing !== undefined) this.#answers.confessMissing(item.stream, admission.missing);
        const { rows, needFull, verdicts } = prepare(this.#prepare, memory, item, admission);
        stream.nextSequence = item.batch.lastSequence + 1;
        stream.resendAskedAtMs = 0;
        const asked = askForWhole(memory, item.stream, needFull, {
          nowMs: this.#deps.now(),
          limits: this.#deps.limits,
        });
        const found = verdicts.map((verdict) => ({ type: 'kind-verdict', stream: item.stream, verdict }) as const);
        const recorded = this.#record(line, { id: item.stream, stream, isFollowed }, rows);
        return Promise.all([recorded, this.#answers.publish([...asked, ...found])]).then(() => undefined);
      }
    }
  }

  /** Whether something was recorded; the memory is then read anew, since more may be there than is known here. */
  async #adoptBelow(line: ClusterLine, memory: ClusterMemory, id: StreamId, oldestSequence: number): Promise<boolean> {
    const adopted = await adoptUnfinished({ ...this.#deps, prepare: this.#prepare }, memory, id, oldestSequence);
    if (adopted === undefined) return false;
    await this.#record(line, { id, stream: streamOf(memory, id.epoch) }, adopted);
    line.discard(memory);
    return true;
  }

  async settle(id: StreamId, oldestSequence: number): Promise<void> {
    const line = this.#lineOf(id);
    await line.run((memory) => this.#adoptBelow(line, memory, id, oldestSequence));
  }

  async #record(
    line: ClusterLine,
    { id, stream, isFollowed }: { readonly id: StreamId; readonly stream: StreamMemory; readonly isFollowed?: boolean },
    rows: RecordedBatch,
  ): Promise<void> {
    await line.recording(this.#recorder.record(rows, isFollowed));
    stream.recordedSequence = Math.max(stream.recordedSequence, rows.lastSequence);
    const { metrics, now } = this.#deps;
    metrics.transitions.inc(rows.transitions.length);
    metrics.links.inc(rows.links.length);
    for (const { state } of rows.changeVerdicts) metrics.changeVerdicts.inc({ state });
    if (stream.lastObservedUs > 0) metrics.lagSeconds.observe(Math.max(0, now() / 1000 - stream.lastObservedUs / 1e6));
    await this.#answers.recorded(id, stream, rows.lastSequence);
  }

  // --- memory and time --------------------------------------------------------------------------------------------

  #lineOf(id: ClusterId): ClusterLine {
    const key = clusterKey(id);
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    const { tenant, cluster } = id;
    const line = new ClusterLine({ tenant, cluster }, this.#lineDeps);
    this.#lines.set(key, line);
    return line;
  }

  async #recover(line: ClusterLine): Promise<ClusterMemory> {
    const { recovery, writer, openJudge, limits, logger, now } = this.#deps;
    const { id } = line;
    const startedMs = now();
    // What an earlier memory of this cluster made must be in the timeline, or never come, before that is read.
    await this.#leaving.get(clusterKey(id));
    await line.recorded();
    writer.forget?.(id);
    const memory = await recoverCluster(recovery, openJudge, id, limits);
    await (await this.#judgeAfresh(line, memory)).done;
    logger.info({
      event: logEvents.clusterRecovered,
      ...id,
      objects: memory.inventory.size,
      tookMs: now() - startedMs,
    });
    return memory;
  }

  /** What a new bundle says about objects that were there before: rows of the collector's own stream. */
  #judgeAfresh(line: ClusterLine, memory: ClusterMemory): Promise<Done> {
    return this.#recordOwn(line, memory, { atMs: this.#deps.now(), write: (at, rows) => memory.judge.begin(at, rows) });
  }

  async #recordOwn(
    line: ClusterLine,
    memory: ClusterMemory,
    {
      atMs,
      write,
    }: {
      readonly atMs: number;
      readonly write: (at: { sequence: number; observedAtUs: number }, rows: ReturnType<typeof openRows>) => void;
    },
  ): Promise<Done> {
    const { own } = memory;
    const id: StreamId = { ...memory.id, epoch: collectorEpoch };
    const sequence = own.nextSequence;
    const rows = openRows(id, { firstSequence: sequence, lastSequence: sequence, afterOwn: sequence });
    const at = { sequence, observedAtUs: ownMoment(memory, atMs) };
    own.lastObservedUs = at.observedAtUs;
    write(at, rows);
    scorePosture(this.#prepare, memory, at, rows);
    if (rows.transitions.length + rows.unjudged.length + rows.posture.length === 0) return { done: Promise.resolve() };
    own.nextSequence += 1;
    if (!this.#opened.has(own)) {
      await this.#deps.writer.watermark(id);
      this.#opened.add(own);
    }
    return { done: handled(this.#record(line, { id, stream: own }, rows)) };
  }

  async recoverAll(): Promise<void> {
    const { signal } = this.#closing;
    const { backoff, random } = this.#lineDeps;
    const onFailure = ({ error, ...failure }: { error: unknown }): void =>
      this.#deps.logger.warn({ event: logEvents.recoveryFailed, ...failure, err: error });
    const found = await patiently(() => this.#deps.recovery.clusters(), { backoff, random, signal, onFailure });
    for (const id of found?.value ?? []) await this.#lineOf(id).tried();
  }

  async housekeep(): Promise<void> {
    await Promise.all([...this.#lines.values()].map((line) => this.#housekeepOne(line)));
  }

  /** Never rejects. A cluster that still waits with its last turn is passed over. */
  async #housekeepOne(line: ClusterLine): Promise<void> {
    const { memory } = line;
    if (memory === undefined || this.#housekept.has(line)) return;
    this.#housekept.add(line);
    await this.#ownTurn(line, (current) => this.#lookAfter(line, current));
    this.#housekept.delete(line);
  }

  async adopt(bundle: () => PolicyBundle): Promise<void> {
    const adoptIn = (line: ClusterLine) => (memory: ClusterMemory) =>
      this.#recordOwn(line, memory, {
        atMs: this.#deps.now(),
        write: (at, rows) => memory.judge.adopt(bundle(), at, rows),
      });
    await Promise.all([...this.#lines.values()].map((line) => this.#ownTurn(line, adoptIn(line))));
  }

  /** Never rejects: a memory that may not be what the store holds is built anew. */
  async #ownTurn(line: ClusterLine, work: (memory: ClusterMemory) => Promise<Done>): Promise<void> {
    let memory: ClusterMemory | undefined;
    try {
      const { done } = await line.run((current) => {
        memory = current;
        return work(current);
      });
      await done;
    } catch (error) {
      if (error instanceof LineClosedError) return;
      this.#deps.logger.error({ event: logEvents.housekeepingFailed, ...line.id, err: error });
      if (memory === undefined) return;
      line.discard(memory);
      void line.tried();
    }
  }

  async #lookAfter(line: ClusterLine, memory: ClusterMemory): Promise<Done> {
    const nowMs = this.#deps.now();
    await this.#answers.publish(askAgain(memory, nowMs, this.#deps.limits));
    const dueMs = memory.judge.nextDeadlineMs();
    if (dueMs === undefined || dueMs > nowMs) {
      const scoresDueMs = memory.judge.scoresDueMs() ?? Number.POSITIVE_INFINITY;
      if (scoresDueMs > nowMs) return { done: Promise.resolve() };
      return this.#recordOwn(line, memory, { atMs: nowMs, write: () => {} });
    }
    return this.#recordOwn(line, memory, { atMs: dueMs, write: (at, rows) => memory.judge.deadline(dueMs, at, rows) });
  }

  async lost(clusters: readonly ClusterId[]): Promise<void> {
    await Promise.all(
      clusters.map(async (id) => {
        const key = clusterKey(id);
        const left = this.#lines.get(key)?.close() ?? Promise.resolve();
        this.#lines.delete(key);
        this.#leaving.set(key, left);
        await left;
        this.#deps.writer.forget?.(id);
        if (this.#leaving.get(key) === left) this.#leaving.delete(key);
        this.#deps.logger.info({ event: logEvents.clusterLost, ...id });
      }),
    );
  }

  memories(): readonly ClusterMemory[] {
    return [...this.#lines.values()].flatMap(({ memory }) => memory ?? []);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#lines.values()].map((line) => line.settled()));
    await this.#recorder.idle();
  }

  async abandon(): Promise<void> {
    this.#closing.abort();
    await this.#deps.writer.close();
    await Promise.all([...this.#lines.values()].map((line) => line.close()));
  }
}

export const openPipeline = (deps: PipelineDeps): Pipeline => new PipelineOfClusters(deps);
