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
  /** A write failed (`error`; the changes are kept and tried again), or the writes go through again (undefined). */
  readonly onTrouble: ((error: unknown) => void) | undefined;
};

/** The file cannot be written: nothing new goes to it until this is over. */
type Trouble = { readonly error: unknown; readonly recovered: PromiseWithResolvers<void> };

/**
 * Changes wait here, in the order of their messages, until their messages are durable; then they are written in order
 * within an open transaction, which is committed about each second together with the sequence it reaches. Until then
 * they are kept, so that a transaction that fails (a full disk) can be written once more.
 */
export class Staging {
  readonly #ports: Ports;
  readonly #dirty = new Set<StagedKind>();
  #queue: Entry[] = [];
  #head = 0;
  /** Of the open transaction. */
  #written: Entry[] = [];
  #writtenChanges = 0;
  #writtenBytes = 0;
  #applied: number;
  #committed: number;
  #isInTransaction = false;
  #timer: NodeJS.Timeout | undefined;
  /** Set while a close waits. */
  #patience: NodeJS.Timeout | undefined;
  #trouble: Trouble | undefined;
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

  /** Nothing is uncommitted of what is known to be durable; what waits for its message comes after that. */
  isEven(): boolean {
    const next = this.#queue[this.#head];
    return next?.lastSequence === undefined && !this.#isInTransaction && this.#dirty.size === 0;
  }

  /** Resolves when the file can be written again; undefined when it can. */
  get blocked(): Promise<void> | undefined {
    return this.#trouble?.recovered.promise;
  }

  get trouble(): string | undefined {
    if (this.#trouble === undefined) return undefined;
    const { error } = this.#trouble;
    return `the known objects cannot be written: ${error instanceof Error ? error.message : String(error)}`;
  }

  /** Everything up to this sequence is taken care of, with what is written in this turn. */
  advance(sequence: number): void {
    this.#applied = Math.max(this.#applied, sequence);
  }

  markDirty(kind: StagedKind): void {
    this.#dirty.add(kind);
    this.#schedule(this.#ports.limits.commitIntervalMs);
  }

  /** Resolves when everything that is written is committed. */
  async flush(): Promise<void> {
    while (!this.commit()) await this.blocked;
  }

  /** False when it failed: it will be tried again. */
  commit(): boolean {
    if (this.#trouble !== undefined) return false;
    try {
      this.#commit();
      return true;
    } catch (error) {
      this.#stumble(error);
      return false;
    }
  }

  #schedule(waitMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#trouble === undefined) this.commit();
      else this.#retry();
    }, waitMs);
  }

  #begin(): void {
    if (this.#isInTransaction) return;
    this.#ports.database.begin();
    this.#isInTransaction = true;
    this.#schedule(this.#ports.limits.commitIntervalMs);
  }

  #commit(): void {
    const { database, onCommit } = this.#ports;
    if (!this.#isInTransaction && this.#dirty.size === 0 && this.#applied === this.#committed) return;
    const startedMs = performance.now();
    this.#begin();
    for (const kind of this.#dirty) database.writeKind(kind, kind.written);
    database.commit(this.#applied);
    this.#isInTransaction = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#dirty.clear();
    for (const entry of this.#written) entry.kind.committed(entry);
    this.#written = [];
    this.#writtenChanges = 0;
    this.#writtenBytes = 0;
    this.#committed = this.#applied;
    onCommit?.((performance.now() - startedMs) / 1000);
  }

  /** What the transaction held is in memory still; it is tried again until it goes through. */
  #stumble(cause: unknown): void {
    try {
      if (this.#isInTransaction) this.#ports.database.rollback();
    } catch {
      // SQLite has rolled back by itself.
    }
    this.#isInTransaction = false;
    if (this.#trouble === undefined) {
      this.#trouble = { error: cause, recovered: Promise.withResolvers<void>() };
      this.#ports.onTrouble?.(cause);
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#schedule(this.#ports.limits.retryMs);
  }

  #retry(): void {
    const trouble = this.#trouble;
    if (trouble === undefined) return;
    try {
      this.#begin();
      for (const entry of this.#written) this.#write(entry);
      this.#commit();
    } catch (error) {
      this.#stumble(error);
      return;
    }
    this.#trouble = undefined;
    this.#ports.onTrouble?.(undefined);
    trouble.recovered.resolve();
    this.#drain();
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
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  /** Resolves when the kind's staged changes are written (not yet committed); without a kind, when all are. */
  settled(kind?: StagedKind): Promise<void> {
    const isDone = (): boolean =>
      this.#trouble === undefined &&
      (kind === undefined ? this.#head === this.#queue.length : kind.lastEntry === undefined);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ isDone, resolve, reject });
      this.#wake();
    });
  }

  /** Writes what is durable; gives up when nothing gets on any more, since the spool has the rest. */
  async close(): Promise<void> {
    this.#patience = setTimeout(() => this.#fail(new Error('closing')), this.#ports.limits.closeWaitMs);
    try {
      await this.settled();
    } catch {
      // The spool refused the rest: it was never promised, and what is durable is applied.
    } finally {
      clearTimeout(this.#patience);
      this.#patience = undefined;
      if (this.#trouble === undefined) this.commit();
      else this.#retry();
      clearTimeout(this.#timer);
    }
  }

  /** Writes the durable beginning of the queue. */
  #drain(): void {
    while (this.#failure === undefined && this.#trouble === undefined) {
      const entry = this.#queue[this.#head];
      if (entry?.lastSequence === undefined) break;
      try {
        this.#apply(entry, entry.lastSequence);
      } catch (error) {
        this.#stumble(error);
        break;
      }
      this.#head++;
      this.#patience?.refresh();
    }
    if (this.#head === this.#queue.length || this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    const { maxUncommittedChanges, maxUncommittedBytes } = this.#ports.limits;
    if (this.#writtenChanges >= maxUncommittedChanges || this.#writtenBytes >= maxUncommittedBytes) this.commit();
    this.#wake();
  }

  #apply(entry: Entry, lastSequence: number): void {
    const { kind } = entry;
    this.#begin();
    this.#write(entry);
    this.#written.push(entry);
    this.#writtenChanges += 1 + entry.changes.length;
    for (const { object } of entry.changes) this.#writtenBytes += object?.packed.byteLength ?? 0;
    kind.applied(entry);
    this.markDirty(kind);
    this.#applied = Math.max(this.#applied, lastSequence);
  }

  #write({ kind, changes }: Entry): void {
    const { database } = this.#ports;
    for (const change of changes) {
      if (change.object === undefined) database.remove(kind.id, change);
      else database.put(kind.id, change, change.object);
    }
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

/** A staged change that is not committed yet. */
export type Overlaid = { readonly name: ObjectName; readonly object: KnownObject | 'forgotten' };

/** One kind's share: what was staged is what the next diff starts from, durable or not. */
export class StagedKind {
  readonly id: number;
  readonly group: string;
  readonly resource: string;
  readonly #staging: Staging;
  readonly #overlay = new Map<string, Overlaid & { readonly entry: Entry }>();
  #latest: KindProgress;
  /** What of it may be written. */
  written: KindProgress;
  lastEntry: Entry | undefined;

  constructor(row: KindRow, staging: Staging) {
    const { id, group, resource, ...progress } = row;
    this.id = id;
    this.group = group;
    this.resource = resource;
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

  /** What is staged and not committed, by nameKey: the last change of each name. */
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
    this.written = entry.progress;
    if (this.lastEntry === entry) this.lastEntry = undefined;
  }

  committed(entry: Entry): void {
    for (const change of entry.changes) {
      const key = nameKey(change);
      if (this.#overlay.get(key)?.entry === entry) this.#overlay.delete(key);
    }
  }
}

export function nameKey(name: ObjectName): string {
  return `${name.namespace}/${name.name}`;
}
