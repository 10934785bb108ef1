/**
 * One cluster's place in the pipeline: what is asked of it runs one after the other, on a memory that is rebuilt from
 * the timeline when it is not there. Rebuilding is tried for as long as it takes: while the store is away the agent's
 * spool holds on, and no other cluster waits for this one.
 */
import { backoffMs, patiently, pause } from './backoff.ts';
import type { Patience } from './backoff.ts';
import type { ClusterMemory } from './cluster-memory.ts';
import type { ClusterId } from './timeline/timeline.ts';

/** The work was not done, and will not be by this line: the cluster is another worker's, or the pipeline closes. */
export class LineClosedError extends Error {
  readonly code = 'line-closed';
  readonly retryable = true;
  constructor({ tenant, cluster }: ClusterId) {
    super(`the line of ${tenant}/${cluster} is closed: what was not recorded comes again`);
    this.name = 'LineClosedError';
  }
}

export type LineDeps = Pick<Patience, 'backoff' | 'random'> & {
  /** One attempt. */
  readonly recover: (line: ClusterLine) => Promise<ClusterMemory>;
  readonly onRecoveryFailed: (id: ClusterId, failure: Parameters<Patience['onFailure']>[0]) => void;
};

export class ClusterLine {
  readonly id: ClusterId;
  readonly #deps: LineDeps;
  readonly #closing = new AbortController();
  readonly #recording = new Set<Promise<unknown>>();
  readonly #tried = Promise.withResolvers<void>();
  #tail: Promise<unknown> = Promise.resolve();
  #memory: ClusterMemory | undefined;
  /** Memories that were thrown away since a batch was last recorded. */
  #discarded = 0;

  constructor(id: ClusterId, deps: LineDeps) {
    this.id = id;
    this.#deps = deps;
  }

  get memory(): ClusterMemory | undefined {
    return this.#memory;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Runs after everything that was asked before. Rejects as the work does, or with LineClosedError. */
  run<T>(work: (memory: ClusterMemory) => Promise<T>): Promise<T> {
    const result = this.#tail.then(async () => {
      this.#memory ??= await this.#recoverPatiently();
      return work(this.#memory);
    });
    this.#tail = result.catch(() => {});
    return result;
  }

  /** Resolves when rebuilding the memory has succeeded or failed once. */
  async tried(): Promise<void> {
    this.run(async () => {}).catch(() => {});
    await this.#tried.promise;
  }

  /** Keeps count of what is on its way to the store, and of its success. */
  recording(written: Promise<void>): Promise<void> {
    const followed = written.then(
      () => void (this.#discarded = 0),
      () => {},
    );
    this.#recording.add(followed);
    void followed.then(() => this.#recording.delete(followed));
    return written;
  }

  /** This memory is not what the store holds: what runs next begins with another. */
  discard(memory: ClusterMemory): void {
    if (this.#memory !== memory) return;
    this.#memory = undefined;
    this.#discarded += 1;
  }

  /** Resolves when nothing is on its way to the store. */
  async recorded(): Promise<void> {
    while (this.#recording.size > 0) await Promise.all(this.#recording);
  }

  /** Ends the wait for the store; resolves when nothing runs and nothing is on its way any more. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#tried.resolve();
    await this.settled();
  }

  /** Resolves when everything that was asked by now is done. */
  async settled(): Promise<void> {
    await this.#tail;
    await this.recorded();
  }

  async #recoverPatiently(): Promise<ClusterMemory> {
    const { backoff, random, recover, onRecoveryFailed } = this.#deps;
    const { signal } = this.#closing;
    if (this.#discarded > 0) await pause(backoffMs(backoff, this.#discarded, random()), signal);
    const onFailure: Patience['onFailure'] = (failure) => {
      onRecoveryFailed(this.id, failure);
      this.#tried.resolve();
    };
    const recovered = await patiently(() => recover(this), { backoff, random, signal, onFailure });
    this.#tried.resolve();
    if (recovered === undefined) throw new LineClosedError(this.id);
    return recovered.value;
  }
}
