import type { SequenceRange } from '../message-sink.ts';
import type { KnownChange, KnownLimits } from './known.ts';
import type { KindProgress, KindRow, KnownDatabase, KnownObject, ObjectName } from './known-database.ts';

export type Staged = {
  readonly changes?: readonly KnownChange[];
  readonly progress?: Partial<KindProgress>;
  readonly durable?: Promise<SequenceRange>;
};

type Entry = {
  readonly kind: StagedKind;
  readonly changes: readonly KnownChange[];
  progress: KindProgress;
  lastSequence: number | undefined;
};

type Waiter = {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

type Ports = {
  readonly database: KnownDatabase;
  readonly limits: KnownLimits;
  readonly onCommit: ((seconds: number) => void) | undefined;
};

/**
 * Changes wait here, in the order of their messages, until their messages are durable; then they are written in order
 * within an open transaction, which is committed about each second together with the sequence it reaches.
 */
export class Staging {
  readonly #ports: Ports;
  readonly #dirty = new Set<StagedKind>();
  #queue: Entry[] = [];
  #head = 0;
  #applied: number;
  #committed: number;
  #uncommittedChanges = 0;
  #isInTransaction = false;
  #timer: NodeJS.Timeout | undefined;
  #failure: { readonly error: unknown } | undefined;
  #waiters: Waiter[] = [];

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#applied = ports.database.appliedSequence;
    this.#committed = this.#applied;
  }

  /** Committed up to this sequence. */
  appliedSequence(): number {
    return this.#committed;
  }

  /** Nothing waits and nothing is uncommitted: every durable message is applied. */
  isIdle(): boolean {
    return this.#head === this.#queue.length && !this.#isInTransaction;
  }

  /** Runs a statement inside the open transaction. */
  write<T>(statement: () => T): T {
    if (!this.#isInTransaction) {
      this.#ports.database.begin();
      this.#isInTransaction = true;
      this.#timer ??= setTimeout(() => this.commit(), this.#ports.limits.commitIntervalMs);
    }
    this.#uncommittedChanges++;
    return statement();
  }

  commit(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isInTransaction) return;
    const startedMs = performance.now();
    for (const kind of this.#dirty) this.#ports.database.writeKind(kind.id, kind.written);
    this.#dirty.clear();
    this.#ports.database.commit(this.#applied);
    this.#isInTransaction = false;
    this.#uncommittedChanges = 0;
    this.#committed = this.#applied;
    this.#ports.onCommit?.((performance.now() - startedMs) / 1000);
  }

  /** Everything up to this sequence is taken care of, with what is written in this turn. */
  advance(sequence: number): void {
    this.write(() => undefined);
    this.#applied = Math.max(this.#applied, sequence);
  }

  markDirty(kind: StagedKind): void {
    if (this.#dirty.has(kind)) return;
    this.#dirty.add(kind);
    this.write(() => undefined);
  }

  enqueue(entry: Entry, durable: Promise<SequenceRange>): void {
    this.#queue.push(entry);
    void this.#await(entry, durable);
  }

  async #await(entry: Entry, durable: Promise<SequenceRange>): Promise<void> {
    try {
      entry.lastSequence = (await durable).lastSequence;
      this.#drain();
    } catch (error) {
      this.#failure ??= { error };
      this.#wake();
    }
  }

  /** Resolves when the kind's staged changes are written (not yet committed); without a kind, when all are. */
  settled(kind?: StagedKind): Promise<void> {
    const isDone = (): boolean =>
      kind === undefined ? this.#head === this.#queue.length : kind.lastEntry === undefined;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ isDone, resolve, reject });
      this.#wake();
    });
  }

  async close(): Promise<void> {
    try {
      await this.settled();
    } catch {
      // The spool refused the rest: it was never promised, and what is durable is applied.
    } finally {
      this.commit();
    }
  }

  /** Writes the durable beginning of the queue. */
  #drain(): void {
    while (this.#failure === undefined) {
      const entry = this.#queue[this.#head];
      if (entry?.lastSequence === undefined) break;
      this.#head++;
      this.#apply(entry, entry.lastSequence);
    }
    if (this.#head === this.#queue.length || this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (this.#uncommittedChanges >= this.#ports.limits.maxUncommittedChanges) this.commit();
    this.#wake();
  }

  #apply(entry: Entry, lastSequence: number): void {
    const { kind } = entry;
    const { database } = this.#ports;
    for (const change of entry.changes) {
      const { object } = change;
      if (object === undefined) this.write(() => database.remove(kind.id, change));
      else this.write(() => database.put(kind.id, change, object));
    }
    kind.applied(entry);
    this.markDirty(kind);
    this.#applied = Math.max(this.#applied, lastSequence);
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const failure = this.#failure;
    const ready = failure === undefined ? this.#waiters.filter((waiter) => waiter.isDone()) : this.#waiters;
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter));
    for (const waiter of ready) {
      if (failure === undefined) waiter.resolve();
      else waiter.reject(failure.error);
    }
  }
}

/** A staged change that is not written yet. */
export type Overlaid = { readonly name: ObjectName; readonly object: KnownObject | 'forgotten' };

/** One kind's share: what was staged is what the next diff starts from, durable or not. */
export class StagedKind {
  readonly id: number;
  readonly #staging: Staging;
  readonly #overlay = new Map<string, Overlaid & { readonly entry: Entry }>();
  #latest: KindProgress;
  /** What of it may be written. */
  written: KindProgress;
  lastEntry: Entry | undefined;

  constructor(row: KindRow, staging: Staging) {
    const { id, group: _group, resource: _resource, ...progress } = row;
    this.id = id;
    this.#staging = staging;
    this.#latest = progress;
    this.written = progress;
  }

  progress(): KindProgress {
    return this.#latest;
  }

  /** 'forgotten' when a staged change removes it, undefined when nothing is staged for it. */
  get(name: ObjectName): KnownObject | 'forgotten' | undefined {
    return this.#overlay.size === 0 ? undefined : this.#overlay.get(nameKey(name))?.object;
  }

  /** What is staged and not written, by nameKey: the last change of each name. */
  overlay(): ReadonlyMap<string, Overlaid> {
    return this.#overlay;
  }

  stage({ changes = [], progress, durable }: Staged): void {
    if (progress !== undefined) this.#latest = { ...this.#latest, ...progress };
    if (durable !== undefined) {
      const entry: Entry = { kind: this, changes, progress: this.#latest, lastSequence: undefined };
      for (const change of changes) {
        this.#overlay.set(nameKey(change), { name: change, object: change.object ?? 'forgotten', entry });
      }
      this.lastEntry = entry;
      this.#staging.enqueue(entry, durable);
    } else if (this.lastEntry === undefined) {
      this.written = this.#latest;
      this.#staging.markDirty(this);
    } else this.lastEntry.progress = this.#latest;
  }

  applied(entry: Entry): void {
    for (const change of entry.changes) {
      const key = nameKey(change);
      if (this.#overlay.get(key)?.entry === entry) this.#overlay.delete(key);
    }
    this.written = entry.progress;
    if (this.lastEntry === entry) this.lastEntry = undefined;
  }
}

export function nameKey(name: ObjectName): string {
  return `${name.namespace}/${name.name}`;
}
