/**
 * One stream from Hello to its end. Frames that come in are handled at once; one loop sends batches in order, as credit
 * allows. The first reason to end wins, and everything else of the session stops with it.
 *
 * Sequences that the spool no longer holds are a jump in what is sent. The collector takes a jump only when Hello
 * announced it (`firstSequence`), so at any other the sender waits until what lies before is recorded, and ends the
 * session as 'hole': the next Hello then begins behind it.
 */
import type { Batch, CollectorFrame, Hello, KindVerdict, ObjectRef, Refused, Welcome } from '@driftline/proto';
import { status } from '@grpc/grpc-js';
import type { StatusObject } from '@grpc/grpc-js';
import type { Spool } from '../spool/index.ts';
import type { Connection } from './connect.ts';
import { Credit } from './credit.ts';

export type SessionEnd =
  | { readonly type: 'refused'; readonly refused: Refused }
  /** The network, or the collector without a reason. */
  | { readonly type: 'disconnected'; readonly reason: string }
  /** Nothing was heard for three heartbeat intervals. */
  | { readonly type: 'silent' }
  | { readonly type: 'hole' }
  /**
   * The collector has recorded what this spool never held, sent, or cut like that: it was lost or set back. `displaced`:
   * another agent told of this cluster meanwhile.
   */
  | { readonly type: 'epoch-lost'; readonly recordedSequence: number; readonly cause: EpochLoss }
  | { readonly type: 'stopped' };

export type EpochLoss = 'set-back' | 'displaced';

export type SessionOptions = {
  readonly spool: Spool;
  readonly hello: Omit<Hello, 'type' | 'epoch' | 'firstSequence' | 'lastSequence'>;
  readonly welcomeTimeoutMs: number;
  readonly nowUs: () => number;
  /**
   * The last sequence that the collector can have: sent by this process, or in the spool when it began. What came later
   * and was not sent has the number of something else when the collector knows that number.
   */
  readonly knowableSequence: () => number;
  /** Whether another agent may have told of what this spool holds. */
  readonly isDisplaced: () => boolean;
  readonly onWelcome: (welcome: Welcome) => void;
  readonly onSent: (batch: Batch) => void;
  readonly onResend: (fromSequence: number) => void;
  readonly onNeedFull: (objects: readonly ObjectRef[]) => void;
  readonly onVerdict: (verdict: KindVerdict) => void;
  /** The collector has recorded more, or less, than it was last heard to have. */
  readonly onSurprise: (surprise: 'ahead' | 'behind') => void;
  readonly signal: AbortSignal;
};

export const silentHeartbeats = 3;

export async function runSession(connection: Connection, options: SessionOptions): Promise<SessionEnd> {
  const session = new Session(connection, options);
  try {
    return await session.run();
  } finally {
    connection.close();
  }
}

class Session {
  readonly #connection: Connection;
  readonly #options: SessionOptions;
  readonly #ended = Promise.withResolvers<SessionEnd>();
  /** Aborts when the session ends. */
  readonly #life = new AbortController();
  #credit: Credit | undefined;
  #announcedSequence = 0;
  #recordedSequence = 0;
  #recordedMore = Promise.withResolvers<void>();
  #lastFrameAtMs = performance.now();
  #silenceLimitMs: number;
  /** Set by Resend: where the sender goes back to. */
  #resendFrom: number | undefined;
  #reading = new AbortController();
  #timers: NodeJS.Timeout[] = [];

  constructor(connection: Connection, options: SessionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#silenceLimitMs = options.welcomeTimeoutMs;
  }

  async run(): Promise<SessionEnd> {
    const { stream } = this.#connection;
    const { signal } = this.#options;
    const stop = (): void => this.#end({ type: 'stopped' });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    stream.on('data', (frame: CollectorFrame) => this.#receive(frame));
    stream.on('end', () => this.#end({ type: 'disconnected', reason: 'the collector ended the stream' }));
    stream.on('error', (error: Error & Partial<StatusObject>) => this.#end(endOf(error)));
    this.#timers.push(setInterval(() => this.#listen(), Math.min(1_000, this.#silenceLimitMs / 2)));
    stream.write(this.#hello());
    const end = await this.#ended.promise;
    signal.removeEventListener('abort', stop);
    for (const timer of this.#timers) clearInterval(timer);
    return end;
  }

  #end(end: SessionEnd): void {
    this.#life.abort();
    this.#reading.abort();
    this.#credit?.end();
    this.#recordedMore.resolve();
    this.#ended.resolve(end);
  }

  #hello(): Hello {
    const { spool, hello } = this.#options;
    const { lastSequence, recordedSequence } = spool.position();
    const oldest = spool.firstHeld(recordedSequence + 1);
    this.#announcedSequence = oldest;
    const firstSequence = oldest > lastSequence ? 0 : oldest;
    return { ...hello, type: 'hello', epoch: spool.epoch, firstSequence, lastSequence };
  }

  #listen(): void {
    if (performance.now() - this.#lastFrameAtMs > this.#silenceLimitMs) this.#end({ type: 'silent' });
  }

  #receive(frame: CollectorFrame): void {
    if (this.#life.signal.aborted) return;
    this.#lastFrameAtMs = performance.now();
    switch (frame.type) {
      case 'welcome':
        return this.#welcome(frame);
      case 'ack':
        return this.#acknowledge(frame.acceptedSequence, frame.recordedSequence);
      case 'credit':
        return this.#credit?.grant(frame.bytes);
      case 'resend':
        return this.#resend(frame.fromSequence);
      case 'need-full':
        return this.#options.onNeedFull(frame.objects);
      case 'kind-verdict':
        return this.#options.onVerdict(frame);
      case 'refused':
        return this.#end({ type: 'refused', refused: frame });
    }
  }

  #welcome(welcome: Welcome): void {
    if (this.#credit !== undefined) return;
    const { spool, knowableSequence, isDisplaced } = this.#options;
    if (isDisplaced())
      return this.#end({ type: 'epoch-lost', recordedSequence: welcome.recordedSequence, cause: 'displaced' });
    if (welcome.recordedSequence > Math.min(knowableSequence(), spool.position().lastSequence)) {
      return this.#end({ type: 'epoch-lost', recordedSequence: welcome.recordedSequence, cause: 'set-back' });
    }
    this.#credit = new Credit(welcome.creditBytes);
    const heartbeatIntervalMs = Math.max(1, welcome.heartbeatIntervalMs);
    this.#silenceLimitMs = silentHeartbeats * heartbeatIntervalMs;
    this.#timers.push(setInterval(() => this.#heartbeat(), heartbeatIntervalMs));
    const heardOf = spool.position().recordedSequence;
    void spool.welcomed(welcome.recordedSequence);
    this.#acknowledge(welcome.recordedSequence, welcome.recordedSequence);
    if (welcome.recordedSequence !== heardOf) {
      this.#options.onSurprise(welcome.recordedSequence > heardOf ? 'ahead' : 'behind');
    }
    this.#options.onWelcome(welcome);
    this.#send(welcome.recordedSequence + 1).catch((error: unknown) => {
      const reason = error instanceof Error ? `the spool could not be read: ${error.message}` : 'the spool failed';
      this.#end({ type: 'disconnected', reason });
    });
  }

  #acknowledge(acceptedSequence: number, recordedSequence: number): void {
    this.#options.spool.acknowledge({ acceptedSequence, recordedSequence });
    if (recordedSequence <= this.#recordedSequence) return;
    this.#recordedSequence = recordedSequence;
    const more = this.#recordedMore;
    this.#recordedMore = Promise.withResolvers<void>();
    more.resolve();
  }

  #resend(fromSequence: number): void {
    if (this.#credit === undefined) return;
    this.#options.onResend(fromSequence);
    this.#resendFrom = Math.max(fromSequence, this.#recordedSequence + 1);
    this.#reading.abort();
  }

  #heartbeat(): void {
    const { lastSequence, bytes, limitBytes } = this.#options.spool.position();
    const sentAtUs = this.#options.nowUs();
    this.#connection.stream.write({
      type: 'heartbeat',
      sentAtUs,
      lastSequence,
      spoolBytes: bytes,
      spoolLimitBytes: limitBytes,
    });
  }

  /** Until the session ends; starts again wherever Resend says. */
  async #send(fromSequence: number): Promise<void> {
    const welcomed = fromSequence - 1;
    let next = fromSequence;
    while (!this.#life.signal.aborted) {
      this.#reading = new AbortController();
      for await (const batch of this.#options.spool.read(next, this.#reading.signal)) {
        if (this.#resendFrom !== undefined) break;
        // Batches keep their boundaries: what is recorded up to the middle of one was another.
        if (batch.firstSequence <= welcomed && welcomed < batch.lastSequence)
          return this.#end({ type: 'epoch-lost', recordedSequence: welcomed, cause: 'set-back' });
        if (batch.firstSequence > next && batch.firstSequence > this.#announcedSequence)
          return this.#stopAtHole(next - 1);
        if (!(await this.#credit?.take(batch.payload.byteLength))) return;
        if (this.#resendFrom !== undefined) {
          this.#credit?.grant(batch.payload.byteLength);
          break;
        }
        await this.#write(batch);
        next = batch.lastSequence + 1;
      }
      if (this.#resendFrom === undefined) {
        // The spool closes, or this session does.
        if (!this.#reading.signal.aborted) return this.#end({ type: 'stopped' });
        continue;
      }
      next = this.#resendFrom;
      this.#resendFrom = undefined;
    }
  }

  async #write(batch: Batch): Promise<void> {
    const { stream } = this.#connection;
    const hasRoom = stream.write({ type: 'batch', batch });
    this.#options.onSent(batch);
    if (hasRoom) return;
    await new Promise<void>((resolve) => {
      stream.once('drain', resolve);
      this.#life.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async #stopAtHole(lastSequence: number): Promise<void> {
    while (!this.#life.signal.aborted && this.#recordedSequence < lastSequence) await this.#recordedMore.promise;
    this.#end({ type: 'hole' });
  }
}

/** How a failed call looks to the agent. Authentication may fail before the collector's own Refused can be sent. */
function endOf(error: Error & Partial<StatusObject>): SessionEnd {
  const { code, details } = error;
  if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED) {
    const refusal = code === status.UNAUTHENTICATED ? 'unauthenticated' : 'forbidden';
    const message = details ?? error.message;
    return {
      type: 'refused',
      refused: { type: 'refused', code: refusal, message, retryable: true, retryAfterMs: 60_000 },
    };
  }
  const name = code === undefined ? error.name : (status[code] ?? String(code));
  return { type: 'disconnected', reason: `${name}: ${details ?? error.message}` };
}
