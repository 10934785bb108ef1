/**
 * Who may come in now. When a collector returns after an outage, all agents come at once, and each costs look-ups in the
 * store and, perhaps, a comparison of all its kinds. They are let in at a rate; who is refused is told when its turn is,
 * one after another, so that the second wave is no wave. Agents add jitter of their own.
 *
 * Each cluster has a rate of its own first: one that comes again and again takes no turns from the others. Only who has
 * shown a credential is counted.
 */
import type { ClusterId } from '../timeline/timeline.ts';
import type { Refusal } from './refusal.ts';

export type AdmissionLimits = {
  /** Streams welcomed a second, all clusters together, once the burst is used up. */
  readonly admissionsPerSecond: number;
  /** Streams welcomed at once. */
  readonly admissionBurst: number;
  /** Streams of one cluster, a minute; as many may come at once. */
  readonly clusterAdmissionsPerMinute: number;
  /** Agents connected at once. */
  readonly maxSessions: number;
  /** The longest wait that a refusal asks for. */
  readonly maxRetryAfterMs: number;
};

export const defaultAdmissionLimits: AdmissionLimits = {
  admissionsPerSecond: 50,
  admissionBurst: 100,
  clusterAdmissionsPerMinute: 30,
  maxSessions: 5_000,
  maxRetryAfterMs: 60_000,
};

export type AdmissionLimit = 'rate' | 'cluster-rate' | 'sessions';

/** Clusters whose rate is remembered; those quiet for a minute are forgotten first. */
const maxRemembered = 10_000;
const minuteMs = 60_000;

export class AdmissionGate {
  readonly #limits: AdmissionLimits;
  readonly #random: () => number;
  readonly #onDelay: (limit: AdmissionLimit) => void;
  /** When the bucket is full again: the rate as virtual schedule. */
  #fullAtMs = 0;
  /** The last turn that was given to somebody who was refused. */
  #lastTurnMs = 0;
  readonly #clusters = new Map<string, number>();

  /** @param random 0 ≤ random() < 1 */
  constructor(limits: AdmissionLimits, random: () => number, onDelay: (limit: AdmissionLimit) => void) {
    this.#limits = limits;
    this.#random = random;
    this.#onDelay = onDelay;
  }

  /** Why the stream has to come back later, or undefined. Counts it when it may come in. */
  refusal(id: ClusterId, sessions: number, nowMs: number): Refusal | undefined {
    const { maxSessions, maxRetryAfterMs, clusterAdmissionsPerMinute } = this.#limits;
    if (sessions >= maxSessions)
      return this.#later('sessions', maxRetryAfterMs / 2, 'as many agents are connected as this collector takes');
    const key = `${id.tenant}\n${id.cluster}`;
    const stepMs = minuteMs / clusterAdmissionsPerMinute;
    const clusterFullAtMs = Math.max(this.#clusters.get(key) ?? 0, nowMs);
    if (clusterFullAtMs + stepMs - nowMs > minuteMs)
      return this.#later('cluster-rate', clusterFullAtMs + stepMs - nowMs - minuteMs, 'the agent connects too often');
    const turnMs = this.#turn(nowMs);
    if (turnMs !== undefined) return this.#later('rate', turnMs - nowMs, 'many agents connect at once');
    this.#remember(key, clusterFullAtMs + stepMs);
    return undefined;
  }

  /** When there is room: undefined for now. */
  #turn(nowMs: number): number | undefined {
    const { admissionsPerSecond, admissionBurst } = this.#limits;
    const stepMs = 1_000 / admissionsPerSecond;
    const fullAtMs = Math.max(this.#fullAtMs, nowMs);
    if (fullAtMs + stepMs - nowMs <= admissionBurst * stepMs) {
      this.#fullAtMs = fullAtMs + stepMs;
      return undefined;
    }
    this.#lastTurnMs = Math.max(this.#lastTurnMs, nowMs) + stepMs;
    return this.#lastTurnMs;
  }

  #later(limit: AdmissionLimit, leastMs: number, message: string): Refusal {
    this.#onDelay(limit);
    const { admissionsPerSecond, maxRetryAfterMs } = this.#limits;
    const retryAfterMs = Math.ceil(leastMs + (this.#random() * 1_000) / admissionsPerSecond);
    return { code: 'overloaded', message, retryAfterMs: Math.min(maxRetryAfterMs, retryAfterMs) };
  }

  #remember(key: string, fullAtMs: number): void {
    this.#clusters.delete(key);
    this.#clusters.set(key, fullAtMs);
    for (const oldest of this.#clusters.keys()) {
      if (this.#clusters.size <= maxRemembered) break;
      this.#clusters.delete(oldest);
    }
  }
}
