/**
 * Frames on their way to one agent. Acks and credits only matter in their latest form, so while the socket is full they
 * merge instead of queueing; what must arrive as it is (resend, need-full, refused) queues within a bound.
 */
import type { CollectorFrame } from '@driftline/proto';

export type FrameSocket = {
  /** False: wait for `onDrain` before writing more. */
  readonly write: (frame: CollectorFrame) => boolean;
};

/** Frames that wait for a slow agent; one that reads nothing for that long is not alive. */
const maxQueuedFrames = 1_024;

export class Outbox {
  readonly #socket: FrameSocket;
  readonly #queue: CollectorFrame[] = [];
  #ack: { readonly acceptedSequence: number; readonly recordedSequence: number } | undefined;
  #creditBytes = 0;
  #isBlocked = false;

  constructor(socket: FrameSocket) {
    this.#socket = socket;
  }

  /** False when the agent has stopped reading. */
  send(frame: CollectorFrame): boolean {
    if (this.#queue.length >= maxQueuedFrames) return false;
    this.#queue.push(frame);
    this.flush();
    return true;
  }

  ack(acceptedSequence: number, recordedSequence: number): void {
    this.#ack = { acceptedSequence, recordedSequence };
    this.flush();
  }

  credit(bytes: number): void {
    this.#creditBytes += bytes;
    this.flush();
  }

  /** The socket takes frames again. */
  drained(): void {
    this.#isBlocked = false;
    this.flush();
  }

  flush(): void {
    while (!this.#isBlocked) {
      const frame = this.#next();
      if (frame === undefined) return;
      this.#isBlocked = !this.#socket.write(frame);
    }
  }

  #next(): CollectorFrame | undefined {
    const queued = this.#queue.shift();
    if (queued !== undefined) return queued;
    if (this.#ack !== undefined) {
      const ack = this.#ack;
      this.#ack = undefined;
      return { type: 'ack', ...ack };
    }
    if (this.#creditBytes === 0) return undefined;
    const bytes = this.#creditBytes;
    this.#creditBytes = 0;
    return { type: 'credit', bytes };
  }
}
