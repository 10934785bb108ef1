/**
 * Many batches, one write. While groups are being written the next one collects; so the store sees few large inserts
 * under load and immediate small ones when it is quiet, without a timer. Order is the order of the calls: the writer
 * commits in the order in which it was asked, so that the rows of a group may go in beside the commits of the one before.
 * While more is known to come a second group waits until it is worth an insert: of many small ones each costs as much as
 * a large one.
 */
import type { RecordedBatch, StreamId } from './timeline/rows.ts';
import type { RefusedStream, TimelineWriter } from './timeline/timeline.ts';

export type GroupLimits = {
  /** Batches in one write. */
  readonly groupBatches: number;
  /** Characters of bodies and events in one write. */
  readonly groupCharacters: number;
  /** Groups that are written at the same time: rows of the next go in while the one before is being committed. */
  readonly groupsUnderWay: number;
  /** Characters of a group that begins beside another one although more is known to follow. */
  readonly groupWorthCharacters: number;
};

export const defaultGroupLimits: GroupLimits = {
  groupBatches: 512,
  groupCharacters: 32 * 1024 * 1024,
  groupsUnderWay: 2,
  groupWorthCharacters: 1024 * 1024,
};

/** The writer takes nothing more of this stream: what memory holds of the cluster does not continue what is stored. */
export class StreamRefusedError extends Error {
  readonly code = 'stream-refused';
  readonly retryable = true;
  readonly stream: StreamId;
  constructor({ stream, error }: RefusedStream) {
    super(`the stream ${stream.tenant}/${stream.cluster} ${stream.epoch} was refused: recover its cluster first`, {
      cause: error,
    });
    this.name = 'StreamRefusedError';
    this.stream = stream;
  }
}

export type GroupRecorder = {
  /**
   * Resolves when the batch is durable. Rejects with StreamRefusedError when only its stream is refused; with any other
   * error, for this and every later batch, when the writer is closed or broken. `isFollowed`: another batch is about to
   * be recorded, most likely; nothing waits for it longer than until the group under way is written.
   */
  record(batch: RecordedBatch, isFollowed?: boolean): Promise<void>;
  /** Resolves when nothing waits any more; never rejects. */
  idle(): Promise<void>;
};

type Waiting = { readonly batch: RecordedBatch; readonly durable: PromiseWithResolvers<void> };

const charactersOf = (batch: RecordedBatch): number => {
  let characters = 0;
  for (const row of batch.versions) characters += row.body.length;
  for (const row of batch.audits) characters += row.event.length;
  return characters;
};

const isSame = (a: StreamId, b: StreamId): boolean =>
  a.tenant === b.tenant && a.cluster === b.cluster && a.epoch === b.epoch;

class QueueOfGroups implements GroupRecorder {
  readonly #writer: Pick<TimelineWriter, 'record'>;
  readonly #limits: GroupLimits;
  readonly #observe: (seconds: number, batches: number) => void;
  readonly #waiting: Waiting[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #waitingCharacters = 0;
  /** Every batch that waits is followed by another. */
  #isFollowed = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    writer: Pick<TimelineWriter, 'record'>,
    limits: GroupLimits,
    observe: (seconds: number, batches: number) => void,
  ) {
    this.#writer = writer;
    this.#limits = limits;
    this.#observe = observe;
  }

  record(batch: RecordedBatch, isFollowed = false): Promise<void> {
    const durable = Promise.withResolvers<void>();
    this.#waiting.push({ batch, durable });
    this.#waitingCharacters += charactersOf(batch);
    this.#isFollowed = isFollowed && (this.#isFollowed || this.#waiting.length === 1);
    this.#start();
    return durable.promise;
  }

  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #start(): void {
    if (this.#waiting.length === 0 || this.#underWay.size >= this.#limits.groupsUnderWay) return;
    const isWorthIt = !this.#isFollowed || this.#waitingCharacters >= this.#limits.groupWorthCharacters;
    if (this.#underWay.size > 0 && !isWorthIt) return;
    // Whatever is recorded in the same turn shares the group.
    const written = Promise.resolve().then(() => this.#write(this.#takeGroup()));
    this.#underWay.add(written);
    void written.then((): void => {
      this.#underWay.delete(written);
      return this.#start();
    });
  }

  #takeGroup(): readonly Waiting[] {
    let characters = 0;
    let count = 0;
    for (const { batch } of this.#waiting) {
      characters += charactersOf(batch);
      if (count > 0 && (count >= this.#limits.groupBatches || characters > this.#limits.groupCharacters)) break;
      count += 1;
    }
    const taken = this.#waiting.splice(0, count);
    this.#waitingCharacters = this.#waiting.reduce((sum, { batch }) => sum + charactersOf(batch), 0);
    return taken;
  }

  /** Never rejects. */
  async #write(group: readonly Waiting[]): Promise<void> {
    const startedMs = performance.now();
    try {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (group.length === 0) return;
      const refused = await this.#writer.record(group.map(({ batch }) => batch));
      this.#observe((performance.now() - startedMs) / 1000, group.length);
      for (const { batch, durable } of group) {
        const why = refused.find(({ stream }) => isSame(stream, batch.stream));
        if (why === undefined) durable.resolve();
        else durable.reject(new StreamRefusedError(why));
      }
    } catch (error) {
      this.#failure ??= { error };
      for (const { durable } of group) durable.reject(error);
    }
  }
}

export const createGroupRecorder = (
  writer: Pick<TimelineWriter, 'record'>,
  limits: GroupLimits = defaultGroupLimits,
  observe: (seconds: number, batches: number) => void = () => {},
): GroupRecorder => new QueueOfGroups(writer, limits, observe);
