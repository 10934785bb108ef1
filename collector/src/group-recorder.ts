/**
 * Many batches, one write. While a group is being written the next one collects; so the store sees few large inserts
 * under load and immediate small ones when it is quiet, without a timer. Order is the order of the calls.
 */
import type { RecordedBatch } from './timeline/rows.ts';
import type { TimelineWriter } from './timeline/timeline.ts';

export type GroupLimits = {
  /** Batches in one write. */
  readonly groupBatches: number;
  /** Characters of bodies and events in one write. */
  readonly groupCharacters: number;
};

export const defaultGroupLimits: GroupLimits = { groupBatches: 512, groupCharacters: 32 * 1024 * 1024 };

export type GroupRecorder = {
  /** Resolves when the batch is durable. Rejects, for this and every later batch, when the store refuses. */
  record(batch: RecordedBatch): Promise<void>;
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

class QueueOfGroups implements GroupRecorder {
  readonly #writer: Pick<TimelineWriter, 'record'>;
  readonly #limits: GroupLimits;
  readonly #observe: (seconds: number, batches: number) => void;
  readonly #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #refusal: { readonly error: unknown } | undefined;

  constructor(
    writer: Pick<TimelineWriter, 'record'>,
    limits: GroupLimits,
    observe: (seconds: number, batches: number) => void,
  ) {
    this.#writer = writer;
    this.#limits = limits;
    this.#observe = observe;
  }

  record(batch: RecordedBatch): Promise<void> {
    const durable = Promise.withResolvers<void>();
    this.#waiting.push({ batch, durable });
    this.#writing ??= this.#writeAll();
    return durable.promise;
  }

  async idle(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #takeGroup(): Waiting[] {
    let characters = 0;
    let count = 0;
    for (const { batch } of this.#waiting) {
      characters += charactersOf(batch);
      if (count > 0 && (count >= this.#limits.groupBatches || characters > this.#limits.groupCharacters)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #writeAll(): Promise<void> {
    // Whatever is recorded in the same turn shares the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      const startedMs = performance.now();
      try {
        if (this.#refusal !== undefined) throw this.#refusal.error;
        await this.#writer.record(group.map(({ batch }) => batch));
        this.#observe((performance.now() - startedMs) / 1000, group.length);
        for (const { durable } of group) durable.resolve();
      } catch (error) {
        this.#refusal ??= { error };
        for (const { durable } of group) durable.reject(error);
      }
    }
    this.#writing = undefined;
  }
}

export const createGroupRecorder = (
  writer: Pick<TimelineWriter, 'record'>,
  limits: GroupLimits = defaultGroupLimits,
  observe: (seconds: number, batches: number) => void = () => {},
): GroupRecorder => new QueueOfGroups(writer, limits, observe);
