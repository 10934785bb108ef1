import { setTimeout as sleep } from 'node:timers/promises';
import { nextObservedUs } from '@driftline/proto';
import type { Batch, Message, MessageBody } from '@driftline/proto';
import { logEvents } from '../log-events.ts';
import type { SequenceRange } from '../message-sink.ts';
import { awaitUntil } from './await-until.ts';
import { BatchPace } from './batch-pace.ts';
import { CommitQueue, type Cut } from './commit-queue.ts';
import type { DirectoryLock } from './lock-directory.ts';
import { bodyBytes, makeRecord, maxBodyBytes, openBatch } from './make-batch.ts';
import type { Mark, MarkFile } from './mark-file.ts';
import { OwedLosses, type OwedPorts } from './owed-losses.ts';
import { readLog } from './read-log.ts';
import type { PlannedHole } from './recover-log.ts';
import type { LogRecord, Range, Segment, SegmentLog } from './segment-log.ts';
import { SpoolError, closed } from './spool-error.ts';
import type { NumberedMessage, Spool, SpoolOptions, SpoolPosition } from './spool-options.ts';

/** Batches that share one write and one sync. */
const maxBatchesPerSync = 16;

/** What a spool works on; it closes all three. */
export type SpoolFiles = { readonly log: SegmentLog; readonly markFile: MarkFile; readonly lock: DirectoryLock };

/** What was found when it was opened. */
export type Recovered = { readonly mark: Mark; readonly holes: readonly PlannedHole[] };

/** What follows one another in a spool: append → wait for room → cut → write and sync → mark → answer. */
export class DurableSpool implements Spool {
  readonly epoch: string;
  readonly #options: SpoolOptions;
  readonly #log: SegmentLog;
  readonly #markFile: MarkFile;
  readonly #lock: DirectoryLock;
  readonly #queue: CommitQueue;
  readonly #pace: BatchPace;
  readonly #closing = new AbortController();
  #wake = Promise.withResolvers<void>();
  #released = Promise.withResolvers<void>();
  #acceptedSequence: number;
  #recordedSequence: number;
  #appliedSequence = 0;
  readonly #owed: OwedLosses;
  #trouble: string | undefined;
  #isShedding = false;
  #isMarkDirty = false;
  #exclusive: Promise<unknown> = Promise.resolve();
  #running: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(files: SpoolFiles, { mark, holes }: Recovered, options: SpoolOptions) {
    this.epoch = files.log.epoch;
    this.#log = files.log;
    this.#markFile = files.markFile;
    this.#lock = files.lock;
    this.#options = options;
    this.#pace = new BatchPace(options.limits);
    this.#acceptedSequence = mark.acceptedSequence;
    this.#recordedSequence = mark.recordedSequence;
    this.#queue = new CommitQueue(files.log.lastSequence);
    this.#owed = new OwedLosses(this.#owing(), mark, holes);
  }

  start(): void {
    this.#running = this.#run();
    this.#timer = setInterval(() => void this.#keepHouse(), this.#options.limits.markSyncIntervalMs);
    this.#timer.unref();
  }

  async append(bodies: readonly MessageBody[]): Promise<SequenceRange> {
    if (this.#closing.signal.aborted) throw closed();
    if (bodies.length === 0) return { firstSequence: this.#log.lastSequence + 1, lastSequence: this.#log.lastSequence };
    const { isEmpty: wasEmpty, bytes: bytesBefore } = this.#queue;
    const fitting = bodies.map((body) => this.#fit(body));
    const appended = this.#queue.push(fitting, this.#options.clock.nowUs(), performance.now());
    if (wasEmpty || this.#pace.hastens(bytesBefore, this.#queue.bytes)) this.#wake.resolve();
    return appended;
  }

  position(): SpoolPosition {
    return {
      lastSequence: this.#log.lastSequence,
      answeredSequence: this.#queue.answeredSequence,
      isSettled: this.#queue.isSettled,
      acceptedSequence: this.#acceptedSequence,
      recordedSequence: this.#recordedSequence,
      bytes: this.#log.bytes,
      limitBytes: this.#options.limits.spoolLimitBytes,
    };
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  firstHeld(from: number): number {
    return this.#log.firstHeld(from);
  }

  firstLost(after: number): number | undefined {
    const hole = this.#log.holes.find(({ toSequence }) => toSequence > after);
    return hole && Math.max(hole.fromSequence, after + 1);
  }

  read(fromSequence: number, signal: AbortSignal): AsyncIterable<Batch> {
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const onLost = (range: Range): void => this.#lost(range);
    return readLog(this.#log, fromSequence, { isFollowing: true, signal: either, onLost });
  }

  async *replay(fromSequence: number): AsyncGenerator<NumberedMessage> {
    const onLost = (range: Range): void => this.#lost(range);
    const last = this.#log.lastSequence;
    for await (const batch of readLog(this.#log, fromSequence, { isFollowing: false, onLost })) {
      if (batch.firstSequence > last) return;
      const messages = openBatch(batch);
      for (const [i, message] of messages.entries()) {
        const sequence = batch.firstSequence + i;
        if (sequence >= fromSequence) yield { sequence, message };
      }
    }
  }

  acknowledge(position: { readonly acceptedSequence: number; readonly recordedSequence: number }): void {
    const upTo = (sequence: number): number => Math.min(sequence, this.#log.lastSequence);
    const recorded = Math.max(this.#recordedSequence, upTo(position.recordedSequence));
    this.#recordedSequence = recorded;
    this.#acceptedSequence = Math.max(this.#acceptedSequence, upTo(position.acceptedSequence), recorded);
    this.#isMarkDirty = true;
    this.#release();
  }

  welcomed(recordedSequence: number): Promise<void> {
    this.acknowledge({ acceptedSequence: recordedSequence, recordedSequence });
    return this.#owed.settle(Math.max(recordedSequence, this.#acceptedSequence));
  }

  applied(sequence: number): void {
    this.#appliedSequence = Math.max(this.#appliedSequence, sequence);
    this.#release();
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) this.#closing.abort();
    clearInterval(this.#timer);
    this.#wake.resolve();
    await this.#running;
    await this.#exclusively(async () => {
      await this.#saveMark();
      await this.#markFile.sync().catch((error: unknown) => this.#housekeepingFailed(error));
      await this.#markFile.close();
      await this.#log.seal();
    }).finally(() => this.#lock.release());
  }

  /** Makes bodies durable at once, past the queue and the limit: for what the spool has to say itself. */
  async appendDirectly(bodies: readonly MessageBody[]): Promise<void> {
    const nowUs = this.#options.clock.nowUs();
    const waiting = bodies.map((body) => ({ body, arrivedAtUs: nowUs, bytes: bodyBytes(body) }));
    await this.#commit([{ waiting, finished: [] }]);
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted || !this.#queue.isEmpty) {
      await this.#awaitBatch();
      if (this.#queue.isEmpty) continue;
      const { batchMaxBytes } = this.#options.limits;
      const hasRoom = await this.#makeRoom(Math.min(this.#queue.bytes, batchMaxBytes * maxBatchesPerSync));
      if (!hasRoom) {
        this.#queue.rejectAll(closed());
        continue;
      }
      const nowMs = performance.now();
      const cuts = this.#queue.cutUpTo(maxBatchesPerSync, batchMaxBytes, nowMs);
      this.#pace.went(nowMs);
      try {
        await this.#commit(cuts.map(({ cut }) => cut));
      } catch (error) {
        // Only a spool that is closing gives up: everything else is tried again until it is durable.
        for (const { reject } of cuts) reject(error as Error);
        this.#queue.rejectAll(error as Error);
        this.#closing.abort();
      }
    }
  }

  async #awaitBatch(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const leftMs = this.#queue.isEmpty ? undefined : this.#pace.leftMs(this.#queue, performance.now());
      if (leftMs !== undefined && leftMs <= 0) return;
      this.#wake = Promise.withResolvers<void>();
      await awaitUntil(this.#wake.promise, leftMs);
    }
  }

  /** Backpressure first: waits for acknowledgements, then evicts. False when the spool closes before there is room. */
  async #makeRoom(bytes: number): Promise<boolean> {
    const { spoolLimitBytes, spoolFullWaitMs } = this.#options.limits;
    const isFull = (): boolean => this.#log.bytes + bytes > spoolLimitBytes && this.#log.segments.length > 0;
    if (!isFull()) return true;
    const giveUpAtMs = performance.now() + spoolFullWaitMs;
    if (!this.#isShedding) this.#options.logger.warn({ event: logEvents.spoolFull, spoolLimitBytes, spoolFullWaitMs });
    await this.#reclaimReleased(true);
    while (isFull()) {
      if (this.#closing.signal.aborted) return false;
      const leftMs = this.#isShedding ? 0 : giveUpAtMs - performance.now();
      const oldest = this.#log.segments[0];
      if (leftMs <= 0 && oldest !== undefined && oldest.lastSequence <= this.#appliedSequence) {
        this.#isShedding = true;
        await this.#evict(oldest);
        continue;
      }
      // Messages that the known objects still have to take over cannot go: those come within their commit interval.
      await this.#awaitRelease(leftMs > 0 ? leftMs : this.#options.limits.markSyncIntervalMs);
      await this.#reclaimReleased(true);
    }
    return true;
  }

  async #awaitRelease(waitMs: number): Promise<void> {
    this.#released = Promise.withResolvers<void>();
    const closing = this.#closing.signal;
    const stop = (): void => this.#released.resolve();
    closing.addEventListener('abort', stop, { once: true });
    await awaitUntil(this.#released.promise, closing.aborted ? 0 : waitMs);
    closing.removeEventListener('abort', stop);
  }

  /** What the bus has is not lost with the segment: the collector says so if it turns out missing. */
  async #evict(segment: Segment): Promise<void> {
    const { lastSequence: toSequence, firstObservedAtUs: fromUs, lastObservedAtUs: toUs } = segment;
    const fromSequence = Math.max(segment.firstSequence, this.#acceptedSequence + 1);
    await this.#letGo(toSequence);
    if (fromSequence > toSequence) return;
    this.#owed.evicted({ fromUs, toUs });
    this.#options.logger.error({ event: logEvents.spoolEvicted, fromSequence, toSequence });
    this.#options.metrics.evicted(toSequence - fromSequence + 1);
    this.#options.onLoss?.({ fromSequence, toSequence, cause: 'spool_full' });
  }

  /** Writes and syncs until it is done; only closing ends the attempts. */
  #commit(cuts: readonly Cut[]): Promise<void> {
    return this.#exclusively(async () => {
      const startedAtMs = performance.now();
      const records = this.#makeRecords(cuts);
      await this.#writeUntilDurable(records);
      this.#options.metrics.committedInSeconds((performance.now() - startedAtMs) / 1000);
      for (const { header, payload } of records) {
        this.#options.metrics.appended(header.lastSequence - header.firstSequence + 1, payload.byteLength);
      }
      await this.#saveMark();
      for (const [i, cut] of cuts.entries()) {
        const first = records[i]?.header.firstSequence ?? 0;
        for (const finish of cut.finished) finish(first);
      }
    });
  }

  #makeRecords(cuts: readonly Cut[]): readonly LogRecord[] {
    let observedAtUs = this.#log.lastObservedAtUs;
    let sequence = this.#log.lastSequence + 1;
    return cuts.map(({ waiting }) => {
      const messages: Message[] = waiting.map(({ body, arrivedAtUs }) => {
        observedAtUs = nextObservedUs(observedAtUs, arrivedAtUs);
        return { observedAtUs, body };
      });
      const firstSequence = sequence;
      sequence += messages.length;
      return makeRecord(messages, firstSequence, this.#log.seed);
    });
  }

  async #writeUntilDurable(records: readonly LogRecord[]): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        await this.#log.append(records);
        if (failures > 0) this.#options.logger.info({ event: logEvents.spoolWriteRecovered, failures });
        this.#trouble = undefined;
        return;
      } catch (error) {
        this.#writeFailed(error, failures);
        if (this.#closing.signal.aborted) throw closed(error);
        await sleep(this.#options.limits.diskRetryMs, undefined, { signal: this.#closing.signal }).catch(
          () => undefined,
        );
      }
    }
  }

  #writeFailed(error: unknown, failures: number): void {
    this.#options.metrics.writeFailed();
    const { code } = error as NodeJS.ErrnoException;
    this.#trouble = `the spool cannot be written (${code}): nothing is lost, the agent takes nothing more until it can`;
    if (failures > 0) return;
    const advice =
      code === 'ENOSPC' || code === 'EDQUOT'
        ? 'free space on the volume of the spool; nothing is lost, the agent waits'
        : 'the disk of the spool fails; the agent keeps trying';
    this.#options.logger.error({ event: logEvents.spoolWriteFailed, code, advice, directory: this.#log.directory });
  }

  /** A body that no batch can carry must not block those behind it. */
  #fit(body: MessageBody): MessageBody {
    const bytes = bodyBytes(body);
    if (bytes <= maxBodyBytes) return body;
    this.#options.logger.error({ event: logEvents.spoolBodyTooLarge, type: body.type, bytes, maxBodyBytes });
    const detail = `a ${body.type} of ${bytes} bytes passes the limit of ${maxBodyBytes} bytes`;
    return { type: 'rejected', source: 'spool', reason: 'too-large', detail, bytes };
  }

  /** Damage that a reader came upon. */
  #lost(range: Range): void {
    this.#log.addHole(range);
    this.#options.logger.error({ event: logEvents.spoolDamaged, ...range });
    this.#options.metrics.damaged(range.toSequence - range.fromSequence + 1);
    this.#owed.add(range);
    this.#options.onLoss?.({ ...range, cause: 'spool_damage' });
  }

  #release(): void {
    this.#released.resolve();
    const oldest = this.#log.segments[0];
    if (oldest === undefined || oldest.lastSequence > this.#releasable() || this.#log.isActive(oldest)) return;
    void this.#reclaimReleased(false);
  }

  #releasable(): number {
    return Math.min(this.#recordedSequence, this.#appliedSequence);
  }

  async #reclaimReleased(includesActive: boolean): Promise<void> {
    const releasable = this.#releasable();
    const free = this.#log.segments.filter(
      (segment) => segment.lastSequence <= releasable && (includesActive || !this.#log.isActive(segment)),
    );
    const last = free.at(-1);
    if (last === undefined || last.lastSequence <= this.#log.floorSequence) return;
    await this.#letGo(last.lastSequence);
    if (this.#isShedding) this.#options.logger.info({ event: logEvents.spoolRoomAgain });
    this.#isShedding = false;
  }

  /** The floor is durable before the files go: after a power failure they would be missed otherwise. */
  async #letGo(floorSequence: number): Promise<void> {
    await this.#exclusively(async () => {
      this.#log.floorSequence = Math.max(this.#log.floorSequence, floorSequence);
      await this.#markFile.write(this.#mark());
      await this.#markFile.sync();
      await this.#log.reclaim();
    }).catch((error: unknown) => this.#housekeepingFailed(error));
  }

  async #keepHouse(): Promise<void> {
    if (!this.#isMarkDirty) return;
    this.#isMarkDirty = false;
    await this.#saveMark();
    await this.#markFile.sync().catch((error: unknown) => this.#housekeepingFailed(error));
  }

  /** The mark is a witness: the log stays right without it. */
  async #saveMark(): Promise<void> {
    await this.#markFile.write(this.#mark()).catch((error: unknown) => this.#housekeepingFailed(error));
    this.#isMarkDirty = true;
  }

  #mark(): Mark {
    return {
      durableSequence: this.#log.lastSequence,
      lastObservedAtUs: this.#log.lastObservedAtUs,
      acceptedSequence: this.#acceptedSequence,
      recordedSequence: this.#recordedSequence,
      floorSequence: this.#log.floorSequence,
    };
  }

  #owing(): OwedPorts {
    const unlessClosing = async (work: () => Promise<void>): Promise<void> => {
      if (!this.#closing.signal.aborted) await work();
    };
    return {
      log: this.#log,
      append: (bodies) => this.append(bodies),
      exclusively: (work) => this.#exclusively(() => unlessClosing(work)),
      onLoss: (loss) => this.#options.onLoss?.(loss),
      onFailed: (error) => this.#housekeepingFailed(error),
    };
  }

  #housekeepingFailed(error: unknown): void {
    if (error instanceof SpoolError && error.code === 'closed') return;
    const { code } = error as NodeJS.ErrnoException;
    this.#options.logger.error({ event: logEvents.spoolHousekeepingFailed, code, directory: this.#log.directory });
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#exclusive.then(work);
    this.#exclusive = result.catch(() => undefined);
    return result;
  }
}
