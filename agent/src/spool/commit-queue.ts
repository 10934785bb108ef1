import { maxMessagesPerBatch } from '@driftline/proto';
import type { MessageBody } from '@driftline/proto';
import type { SequenceRange } from '../message-sink.ts';
import { bodyBytes } from './make-batch.ts';

/** A body that waits for its batch. */
export type Waiting = { readonly body: MessageBody; readonly arrivedAtUs: number; readonly bytes: number };

/** The bodies of one batch, and the appends that are answered when it is durable. */
export type Cut = { readonly waiting: readonly Waiting[]; readonly finished: readonly ((first: number) => void)[] };

type Entry = Waiting & {
  /** Set on the last body of an append. */
  readonly finish: ((firstOfBatch: number, indexInBatch: number) => void) | undefined;
  readonly reject: ((error: Error) => void) | undefined;
};

/** Bodies in the order of the appends, waiting to be cut into batches. */
export class CommitQueue {
  #entries: Entry[] = [];
  #head = 0;
  #bytes = 0;
  #oldestAtMs = 0;
  #unanswered = 0;
  /** The last cut ends in the midst of one. */
  #isWithinAppend = false;
  #answeredSequence: number;

  constructor(lastSequence: number) {
    this.#answeredSequence = lastSequence;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#head === this.#entries.length;
  }

  /** Whether every append was answered: what was cut last is durable, and nothing waits. */
  get isSettled(): boolean {
    return this.#unanswered === 0;
  }

  /** Of the append that was answered last; when none was, the one given at first. */
  get answeredSequence(): number {
    return this.#answeredSequence;
  }

  /** When the oldest waiting body came, on the clock given to `push`. */
  get oldestAtMs(): number {
    return this.#oldestAtMs;
  }

  /** Resolves with the sequences once the batch with the last of the bodies is finished. */
  push(bodies: readonly MessageBody[], arrivedAtUs: number, nowMs: number): Promise<SequenceRange> {
    const { promise, resolve, reject } = Promise.withResolvers<SequenceRange>();
    if (this.isEmpty) this.#oldestAtMs = nowMs;
    this.#unanswered += 1;
    const finish = (firstOfBatch: number, indexInBatch: number): void => {
      this.#unanswered -= 1;
      const lastSequence = firstOfBatch + indexInBatch;
      this.#answeredSequence = lastSequence;
      resolve({ firstSequence: lastSequence - bodies.length + 1, lastSequence });
    };
    const refuse = (error: Error): void => {
      this.#unanswered -= 1;
      reject(error);
    };
    for (const [i, body] of bodies.entries()) {
      const isLast = i === bodies.length - 1;
      const bytes = bodyBytes(body);
      this.#bytes += bytes;
      const settle = { finish: isLast ? finish : undefined, reject: isLast ? refuse : undefined };
      this.#entries.push({ body, arrivedAtUs, bytes, ...settle });
    }
    return promise;
  }

  /** Takes bodies from the front: at least one, then as many as fit. */
  cut(maxBytes: number, nowMs: number): { readonly cut: Cut; readonly reject: (error: Error) => void } {
    const taken: Entry[] = [];
    let bytes = 0;
    while (!this.isEmpty && taken.length < maxMessagesPerBatch) {
      const entry = this.#entries[this.#head];
      if (entry === undefined || (taken.length > 0 && bytes + entry.bytes > maxBytes)) break;
      taken.push(entry);
      bytes += entry.bytes;
      this.#head += 1;
    }
    this.#isWithinAppend = taken.at(-1)?.finish === undefined;
    this.#bytes -= bytes;
    this.#oldestAtMs = nowMs;
    this.#compact();
    const finished = taken.flatMap(({ finish }, i) => (finish ? [(first: number): void => finish(first, i)] : []));
    const reject = (error: Error): void => {
      for (const entry of taken) entry.reject?.(error);
    };
    return { cut: { waiting: taken, finished }, reject };
  }

  /**
   * As many cuts as there are bodies for: at most `count`, and those that the last append of these needs. Half of an append
   * could not be let go before the other half, which may wait for just that room.
   */
  cutUpTo(count: number, maxBytes: number, nowMs: number): ReturnType<CommitQueue['cut']>[] {
    const cuts: ReturnType<CommitQueue['cut']>[] = [];
    while (!this.isEmpty && (cuts.length < count || this.#isWithinAppend)) cuts.push(this.cut(maxBytes, nowMs));
    return cuts;
  }

  /** Answers every append that still waits with `error`. */
  rejectAll(error: Error): void {
    for (let i = this.#head; i < this.#entries.length; i++) this.#entries[i]?.reject?.(error);
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #compact(): void {
    if (this.#head < 1024 && !this.isEmpty) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}
