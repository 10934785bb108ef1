/**
 * One agent's stream after its Welcome: batches are checked, published in order and paid for with credit; what the
 * pipeline says comes back as acks, resends and requests for whole objects.
 *
 * Sequences. `#takenSequence` is the last one published (or recorded before). A batch that continues it is published, an
 * older one is skipped, a later one means that something is missing: it is asked for once, and what follows is dropped
 * until it comes. When it does not come in `resendTimeoutMs` the stream ends with 'protocol-violation' (retryable), so
 * that the agent's next Hello says what its spool still holds; the pipeline then confesses the hole.
 */
import { judgeSequence, refused } from '@driftline/proto';
import type { Batch, CollectorFrame, Heartbeat, Hello, RefusalCode } from '@driftline/proto';
import type { Feedback, StreamBatch } from '../bus/bus.ts';
import type { StreamId } from '../timeline/rows.ts';
import { batchFault } from './admit.ts';
import type { IngestLimits } from './limits.ts';
import { Outbox } from './outbox.ts';

/** One connected agent, as `status` shows it. Times are milliseconds since the Unix epoch. */
export type LiveSession = {
  readonly stream: StreamId;
  readonly hello: Hello;
  readonly peer: string;
  readonly connectedAtMs: number;
  readonly lastFrameAtMs: number;
  /** The bus has it. */
  readonly acceptedSequence: number;
  /** It is in the timeline. */
  readonly recordedSequence: number;
  /** Newest sequence the agent has told of. */
  readonly lastSequence: number;
  readonly spoolBytes: number;
  readonly spoolLimitBytes: number;
};

export type SessionDeps = {
  readonly limits: IngestLimits;
  readonly now: () => number;
  readonly publish: (batch: StreamBatch) => Promise<'accepted' | 'handed-over'>;
  /** Last recorded sequence in the timeline. */
  readonly watermark: (stream: StreamId) => Promise<number>;
  /** Payload bytes that came in (positive) or left for the bus (negative). */
  readonly onInFlight: (bytes: number) => void;
  readonly onResend: (fromSequence: number) => void;
};

export type SessionStart = {
  readonly stream: StreamId;
  readonly hello: Hello;
  readonly peer: string;
  /** Whether the credential that it came with still speaks for this cluster. */
  readonly isEntitled: () => boolean;
  /** Sends a frame; false while the socket is full. */
  readonly write: (frame: CollectorFrame) => boolean;
  /** Ends the stream after what was written. */
  readonly end: () => void;
};

const renewedTokenRetryMs = 1_000;

/** Oldest sequence that the agent still holds; with an empty spool the next one it will make. */
export const oldestSequenceOf = (hello: Hello): number =>
  hello.firstSequence > 0 ? hello.firstSequence : hello.lastSequence + 1;

export class Session {
  readonly stream: StreamId;
  readonly #deps: SessionDeps;
  readonly #start: SessionStart;
  readonly #outbox: Outbox;
  readonly #connectedAtMs: number;
  #lastFrameAtMs: number;
  #lastProgressAtMs: number;
  #takenSequence = 0;
  #acceptedSequence = 0;
  #recordedSequence = 0;
  #lastSequence: number;
  #spoolBytes = 0;
  #spoolLimitBytes = 0;
  #resendAskedAtMs: number | undefined;
  #publishing: Promise<void> = Promise.resolve();
  #inFlightBytes = 0;
  #isClosed = false;

  constructor(deps: SessionDeps, start: SessionStart) {
    this.#deps = deps;
    this.#start = start;
    this.stream = start.stream;
    this.#outbox = new Outbox(start);
    this.#connectedAtMs = deps.now();
    this.#lastFrameAtMs = this.#connectedAtMs;
    this.#lastProgressAtMs = this.#connectedAtMs;
    this.#lastSequence = start.hello.lastSequence;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  isAlive(nowMs: number): boolean {
    return !this.#isClosed && nowMs - this.#lastFrameAtMs <= this.#deps.limits.sessionTimeoutMs;
  }

  live(): LiveSession {
    return {
      stream: this.stream,
      hello: this.#start.hello,
      peer: this.#start.peer,
      connectedAtMs: this.#connectedAtMs,
      lastFrameAtMs: this.#lastFrameAtMs,
      acceptedSequence: this.#acceptedSequence,
      recordedSequence: this.#recordedSequence,
      lastSequence: this.#lastSequence,
      spoolBytes: this.#spoolBytes,
      spoolLimitBytes: this.#spoolLimitBytes,
    };
  }

  /** @param recordedSequence what the timeline holds of this stream */
  welcome(recordedSequence: number): void {
    const { limits } = this.#deps;
    this.#recordedSequence = recordedSequence;
    this.#acceptedSequence = recordedSequence;
    // What the agent no longer holds cannot be waited for: the pipeline confesses it with the next batch.
    this.#takenSequence = Math.max(recordedSequence, oldestSequenceOf(this.#start.hello) - 1);
    const { streamCreditBytes: creditBytes, heartbeatIntervalMs } = limits;
    this.#outbox.send({ type: 'welcome', recordedSequence, creditBytes, heartbeatIntervalMs });
  }

  heartbeat(heartbeat: Heartbeat): void {
    this.#seen();
    this.#lastSequence = Math.max(this.#lastSequence, heartbeat.lastSequence);
    this.#spoolBytes = heartbeat.spoolBytes;
    this.#spoolLimitBytes = heartbeat.spoolLimitBytes;
    // Even when nothing is new: an agent takes silence for a half-open connection.
    this.#outbox.ack(this.#acceptedSequence, this.#recordedSequence);
    void this.#lookForProgress();
  }

  batch(batch: Batch): void {
    this.#seen();
    if (this.#isClosed) return;
    const fault = batchFault(batch, this.#deps.limits);
    if (fault !== undefined) return this.refuse('too-large', `batch ${batch.firstSequence}: ${fault}`);
    this.#lastSequence = Math.max(this.#lastSequence, batch.lastSequence);
    const bytes = batch.payload.byteLength;
    const verdict = judgeSequence(this.#takenSequence, batch);
    switch (verdict.verdict) {
      case 'invalid':
        return this.refuse('protocol-violation', verdict.reason);
      case 'duplicate':
        this.#outbox.ack(this.#acceptedSequence, this.#recordedSequence);
        return this.#outbox.credit(bytes);
      case 'hole':
        this.#outbox.credit(bytes);
        return this.#missing(verdict.fromSequence, verdict.toSequence);
      case 'accept':
        return this.#take(batch, bytes);
    }
  }

  feedback(feedback: Feedback): void {
    if (this.#isClosed) return;
    switch (feedback.type) {
      case 'recorded':
        return this.#recorded(feedback.sequence);
      case 'resend':
        this.#takenSequence = Math.min(this.#takenSequence, feedback.fromSequence - 1);
        return this.#askAgain(feedback.fromSequence);
      case 'need-full':
        if (!this.#outbox.send({ type: 'need-full', objects: feedback.objects })) this.close();
        return;
      case 'kind-verdict':
        if (!this.#outbox.send(feedback.verdict)) this.close();
    }
  }

  drained(): void {
    this.#outbox.drained();
  }

  /** Whether the agent is gone, or sits on a hole. Called at intervals. */
  inspect(nowMs: number): void {
    if (this.#isClosed) return;
    const { resendTimeoutMs } = this.#deps.limits;
    if (!this.isAlive(nowMs)) this.refuse('protocol-violation', 'nothing was heard from the agent for too long');
    else if (this.#resendAskedAtMs !== undefined && nowMs - this.#resendAskedAtMs > resendTimeoutMs)
      this.refuse('protocol-violation', 'sequences that were asked for did not come: connect again');
  }

  /** Called when credentials have changed. The agent may have a new one already, and comes back at once. */
  verify(): void {
    if (this.#isClosed || this.#start.isEntitled()) return;
    const message = 'the token is no longer known to this collector';
    this.#outbox.send({ ...refused('unauthenticated', message), retryAfterMs: renewedTokenRetryMs });
    this.close();
  }

  refuse(code: RefusalCode, message: string): void {
    if (this.#isClosed) return;
    this.#outbox.send(refused(code, message));
    this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#start.end();
  }

  /** Resolves when nothing of this session will be published any more. */
  settled(): Promise<void> {
    return this.#publishing;
  }

  #seen(): void {
    this.#lastFrameAtMs = this.#deps.now();
  }

  #take(batch: Batch, bytes: number): void {
    const { limits, onInFlight } = this.#deps;
    if (this.#inFlightBytes + bytes > limits.streamCreditBytes + limits.batchBytes)
      return this.refuse('protocol-violation', 'more bytes in flight than the credit allows');
    this.#takenSequence = batch.lastSequence;
    this.#resendAskedAtMs = undefined;
    this.#inFlightBytes += bytes;
    onInFlight(bytes);
    const oldestSequence = oldestSequenceOf(this.#start.hello);
    this.#publishing = this.#publishing.then(() => this.#publish({ stream: this.stream, oldestSequence, batch }));
  }

  /** Never rejects. A batch that the bus does not take is not lost: the agent sends it again after reconnecting. */
  async #publish(item: StreamBatch): Promise<void> {
    const bytes = item.batch.payload.byteLength;
    try {
      if (this.#isClosed) return;
      const taken = await this.#deps.publish(item);
      if (taken === 'accepted') {
        this.#acceptedSequence = Math.max(this.#acceptedSequence, item.batch.lastSequence);
        if (!this.#isClosed) this.#outbox.ack(this.#acceptedSequence, this.#recordedSequence);
      }
      if (!this.#isClosed) this.#outbox.credit(bytes);
    } catch {
      this.refuse('overloaded', 'the bus did not take the batch: send it again');
    } finally {
      this.#inFlightBytes -= bytes;
      this.#deps.onInFlight(-bytes);
    }
  }

  #missing(fromSequence: number, toSequence: number): void {
    if (this.#resendAskedAtMs !== undefined) return;
    this.#deps.onResend(fromSequence);
    if (toSequence >= fromSequence) this.#askAgain(fromSequence);
  }

  #askAgain(fromSequence: number): void {
    this.#resendAskedAtMs = this.#deps.now();
    if (!this.#outbox.send({ type: 'resend', fromSequence })) this.close();
  }

  #recorded(sequence: number): void {
    if (sequence <= this.#recordedSequence) return;
    this.#recordedSequence = sequence;
    this.#acceptedSequence = Math.max(this.#acceptedSequence, sequence);
    this.#lastProgressAtMs = this.#deps.now();
    this.#outbox.ack(this.#acceptedSequence, this.#recordedSequence);
  }

  /** Feedback can get lost on its way; the timeline knows. */
  async #lookForProgress(): Promise<void> {
    const quietMs = this.#deps.now() - this.#lastProgressAtMs;
    if (this.#recordedSequence >= this.#takenSequence || quietMs < this.#deps.limits.heartbeatIntervalMs) return;
    this.#lastProgressAtMs = this.#deps.now();
    try {
      const watermark = await this.#deps.watermark(this.stream);
      if (!this.#isClosed) this.#recorded(watermark);
    } catch {
      // The store is away: the next heartbeat looks again.
    }
  }
}
