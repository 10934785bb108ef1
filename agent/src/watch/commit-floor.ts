import { type JsonObject, ownObject, ownString, ownValue, parseTimestampUs } from '@driftline/proto';
import type { ClusterClock } from '../cluster-clock.ts';

/**
 * The earliest moment at which a version of one kind that has not been seen yet can have been committed, by the API
 * server's clock. When it was read says nothing about that: after a reconnect or a backlog it can be hours old. What
 * does: it is not in a list that was begun after that moment; an earlier version of the kind bears that moment as the
 * creation or the deletion of its object; a bookmark says that nothing was behind it. Times that clients can choose
 * (managedFields) do not count here: they are evidence about one change and travel with it.
 */
export class CommitFloor {
  readonly #clock: ClusterClock;
  #us: number;
  #steps: number;

  constructor(clock: ClusterClock, us: number) {
    this.#clock = clock;
    this.#steps = clock.steps();
    this.#us = us;
  }

  /** 0 when nothing is known. */
  get us(): number {
    // A floor above the clock is another clock's.
    if (this.#clock.steps() !== this.#steps || this.#us > this.#clock.nowUs()) {
      this.#steps = this.#clock.steps();
      this.#us = 0;
    }
    return this.#us;
  }

  raise(us: number): void {
    this.#us = Math.max(this.us, us);
  }

  /** The floor of this very version. What follows it was committed later, so the floor of that is as high. */
  take(object: JsonObject): number {
    const stampUs = serverStampUs(object);
    if (stampUs <= this.#clock.nowUs()) this.raise(stampUs);
    return this.us;
  }
}

/** The latest moment that the API server itself wrote into the object: creation, or the request to delete it; else 0. */
export function serverStampUs(object: JsonObject): number {
  const metadata = ownObject(object, 'metadata');
  if (metadata === undefined) return 0;
  const createdUs = parseTimestampUs(ownString(metadata, 'creationTimestamp')) ?? 0;
  const deletionUs = parseTimestampUs(ownString(metadata, 'deletionTimestamp')) ?? 0;
  if (deletionUs === 0) return createdUs;
  // deletionTimestamp is when the grace period ends.
  const graceSeconds = ownValue(metadata, 'deletionGracePeriodSeconds');
  const graceUs = typeof graceSeconds === 'number' ? graceSeconds * 1_000_000 : 0;
  return Math.max(createdUs, deletionUs - graceUs);
}
