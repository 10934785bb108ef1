/**
 * Audit event ↔ change, whichever comes first. Both wait in bounded windows; when the second of a pair arrives the link
 * is written. A change has one cause: of several events that fit, the exact one before the probable, among exact ones
 * the earliest (a later request that changed nothing answers with the same version), among probable ones the best score,
 * then the earliest. When a better event arrives late, another link is written, and the last link of a change counts.
 *
 * Deterministic: the same rows in the same order give the same links, and `restore` brings back the window.
 */
import { objectKey } from '@driftline/proto';
import type { LinkRow } from '../timeline/rows.ts';
import type { RecentRows } from '../timeline/timeline.ts';
import {
  canCause,
  defaultLinkLimits,
  isDelete,
  matchCollection,
  matchExact,
  matchProbable,
} from './correlate-rules.ts';
import type { AuditFacts, ChangeFacts, LinkLimits, Match } from './correlate-rules.ts';
import { classifyOrigin } from './origin.ts';

export type CorrelatorLimits = LinkLimits & {
  /** How long a change or an event waits for its other half, by observation time. */
  readonly windowUs: number;
  /** Changes, and events, that wait at most. */
  readonly windowEntries: number;
};

export const defaultCorrelatorLimits: CorrelatorLimits = {
  ...defaultLinkLimits,
  windowUs: 15 * 60 * 1_000_000,
  windowEntries: 20_000,
};

export type Correlator = {
  change(facts: ChangeFacts): readonly LinkRow[];
  /** `isNoop`: the request answered with the version it started from. */
  audit(facts: AuditFacts, isNoop: boolean): readonly LinkRow[];
  /** Whether this event (by digest) is within the window already: the API server's retries repeat events. */
  knows(digest: string): boolean;
  restore(recent: RecentRows): void;
};

type Cause = { readonly audit: AuditFacts; readonly match: Match };
type WaitingChange = { readonly facts: ChangeFacts; cause: Cause | undefined };
type WaitingAudit = { readonly facts: AuditFacts; isTaken: boolean };

/** Many values under one key, removed when their window ends. */
class Shelf<T> {
  readonly #lists = new Map<string, T[]>();
  add(key: string, item: T): void {
    const list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, [item]);
    else list.push(item);
  }
  remove(key: string, item: T): void {
    const list = this.#lists.get(key);
    if (list === undefined) return;
    const at = list.indexOf(item);
    if (at >= 0) list.splice(at, 1);
    if (list.length === 0) this.#lists.delete(key);
  }
  get(key: string): readonly T[] {
    return this.#lists.get(key) ?? [];
  }
}

const collectionKey = (facts: { readonly group: string; readonly resource: string }): string =>
  `${facts.group}\n${facts.resource}`;

const isBetter = (candidate: Cause, current: Cause | undefined): boolean => {
  if (current === undefined) return true;
  if (candidate.match.confidence !== current.match.confidence) return candidate.match.confidence === 'exact';
  if (candidate.match.score !== current.match.score) return candidate.match.score > current.match.score;
  return candidate.audit.happenedAtUs < current.audit.happenedAtUs;
};

const toLink = (change: ChangeFacts, { audit, match }: Cause, sequence: number): LinkRow => {
  const origin = classifyOrigin({
    ...audit,
    managers: change.managers.map((each) => each.manager),
    gitopsMarked: false,
  });
  return {
    sequence,
    changeEpoch: change.epoch,
    changeSequence: change.sequence,
    auditDigest: audit.digest,
    confidence: match.confidence,
    evidence: `${match.evidence}; ${origin.evidence}`,
    origin: origin.origin,
    user: audit.user,
    groups: audit.groups,
    impersonatedUser: audit.impersonatedUser,
    sourceIps: audit.sourceIps,
    userAgent: audit.userAgent,
    verb: audit.verb,
    happenedAtUs: audit.happenedAtUs,
    group: change.group,
    resource: change.resource,
    namespace: change.namespace,
    name: change.name,
    uid: change.uid,
  };
};

/** What waits for its other half, oldest first, under the keys by which it is found. */
class Window<T extends { readonly facts: { readonly observedAtUs: number } }> {
  readonly #limits: CorrelatorLimits;
  readonly #onExpired: (item: T) => void;
  readonly #items: T[] = [];
  #start = 0;

  constructor(limits: CorrelatorLimits, onExpired: (item: T) => void) {
    this.#limits = limits;
    this.#onExpired = onExpired;
  }

  add(item: T, newestUs: number): void {
    this.#items.push(item);
    for (let first = this.#items[this.#start]; first !== undefined; first = this.#items[this.#start]) {
      const isLate = first.facts.observedAtUs < newestUs - this.#limits.windowUs;
      if (!isLate && this.#items.length - this.#start <= this.#limits.windowEntries) break;
      this.#onExpired(first);
      this.#start += 1;
    }
    // Expired entries lie in front; cutting them off now and then keeps that cheap.
    if (this.#start > this.#limits.windowEntries) this.#start -= this.#items.splice(0, this.#start).length;
  }
}

class WindowedCorrelator implements Correlator {
  readonly #limits: CorrelatorLimits;
  readonly #changes: Window<WaitingChange>;
  readonly #audits: Window<WaitingAudit>;
  readonly #digests = new Set<string>();
  readonly #changesAt = new Shelf<WaitingChange>();
  readonly #changesOfKind = new Shelf<WaitingChange>();
  readonly #auditsAt = new Shelf<WaitingAudit>();
  readonly #collections = new Shelf<WaitingAudit>();
  #newestUs = 0;

  constructor(limits: CorrelatorLimits) {
    this.#limits = limits;
    this.#changes = new Window(limits, (change) => {
      this.#changesAt.remove(objectKey(change.facts), change);
      this.#changesOfKind.remove(collectionKey(change.facts), change);
    });
    this.#audits = new Window(limits, (audit) => {
      this.#digests.delete(audit.facts.digest);
      this.#auditsAt.remove(objectKey(audit.facts), audit);
      this.#collections.remove(collectionKey(audit.facts), audit);
    });
  }

  change(facts: ChangeFacts): readonly LinkRow[] {
    const waiting = this.#keepChange(facts);
    let best: Candidate | undefined;
    for (const audit of this.#auditsAt.get(objectKey(facts)))
      best = betterOf(best, audit, matchExact(audit.facts, facts) ?? this.#probable(audit, facts));
    for (const audit of this.#collections.get(collectionKey(facts)))
      best = betterOf(best, audit, matchCollection(audit.facts, facts, this.#limits));
    return best === undefined ? [] : this.#link(waiting, best, facts.sequence);
  }

  audit(facts: AuditFacts, isNoop: boolean): readonly LinkRow[] {
    const links = canCause(facts) && !isNoop;
    const audit = this.#keepAudit(facts, links);
    if (!links) return [];
    if (facts.verb === 'deletecollection')
      return this.#changesOfKind
        .get(collectionKey(facts))
        .flatMap((change) => this.#linkIfBetter(change, audit, matchCollection(facts, change.facts, this.#limits)));
    const here = this.#changesAt.get(objectKey(facts));
    const exact = here.flatMap((change) => this.#linkIfBetter(change, audit, matchExact(facts, change.facts)));
    const isExact = here.some((change) => matchExact(facts, change.facts) !== undefined);
    return isExact ? exact : this.#linkProbable(here, audit);
  }

  knows(digest: string): boolean {
    return this.#digests.has(digest);
  }

  restore(recent: RecentRows): void {
    const places = new Map<string, WaitingChange>();
    const idOf = (epoch: string, sequence: number, facts: Parameters<typeof objectKey>[0]): string =>
      `${epoch}\n${sequence}\n${objectKey(facts)}`;
    for (const facts of recent.versions) places.set(idOf(facts.epoch, facts.sequence, facts), this.#keepChange(facts));
    const byDigest = new Map<string, WaitingAudit>();
    for (const row of recent.audits) {
      const facts = { ...row, fieldManager: '' };
      byDigest.set(row.digest, this.#keepAudit(facts, canCause(facts)));
    }
    for (const link of recent.links) {
      const change = places.get(idOf(link.changeEpoch, link.changeSequence, link));
      const audit = byDigest.get(link.auditDigest);
      if (change === undefined || audit === undefined) continue;
      audit.isTaken = true;
      change.cause = { audit: audit.facts, match: this.#matchAny(audit.facts, change.facts) ?? { ...link, score: 0 } };
    }
  }

  #keepChange(facts: ChangeFacts): WaitingChange {
    const waiting: WaitingChange = { facts, cause: undefined };
    this.#newestUs = Math.max(this.#newestUs, facts.observedAtUs);
    this.#changesAt.add(objectKey(facts), waiting);
    if (facts.op === 'deleted' || facts.op === 'modified') this.#changesOfKind.add(collectionKey(facts), waiting);
    this.#changes.add(waiting, this.#newestUs);
    return waiting;
  }

  #keepAudit(facts: AuditFacts, links: boolean): WaitingAudit {
    const waiting: WaitingAudit = { facts, isTaken: false };
    this.#newestUs = Math.max(this.#newestUs, facts.observedAtUs);
    this.#digests.add(facts.digest);
    if (links && facts.verb === 'deletecollection') this.#collections.add(collectionKey(facts), waiting);
    else if (links && facts.name !== '') this.#auditsAt.add(objectKey(facts), waiting);
    this.#audits.add(waiting, this.#newestUs);
    return waiting;
  }

  /** A request writes one version; only a delete both marks an object and ends it. */
  #probable(audit: WaitingAudit, change: ChangeFacts): Match | undefined {
    return audit.isTaken && !isDelete(audit.facts) ? undefined : matchProbable(audit.facts, change, this.#limits);
  }

  #matchAny(audit: AuditFacts, change: ChangeFacts): Match | undefined {
    return (
      matchExact(audit, change) ??
      matchProbable(audit, change, this.#limits) ??
      matchCollection(audit, change, this.#limits)
    );
  }

  /** Of the changes that an event fits probably, the one it fits best and that nothing explains better already. */
  #linkProbable(changes: readonly WaitingChange[], audit: WaitingAudit): readonly LinkRow[] {
    let best: { readonly change: WaitingChange; readonly match: Match } | undefined;
    for (const change of changes) {
      const match = this.#probable(audit, change.facts);
      if (match === undefined || !isBetter({ audit: audit.facts, match }, change.cause)) continue;
      if (best === undefined || match.score > best.match.score) best = { change, match };
    }
    return best === undefined ? [] : this.#linkIfBetter(best.change, audit, best.match);
  }

  #linkIfBetter(change: WaitingChange, audit: WaitingAudit, match: Match | undefined): readonly LinkRow[] {
    if (match === undefined || !isBetter({ audit: audit.facts, match }, change.cause)) return [];
    return this.#link(change, { audit, match }, audit.facts.sequence);
  }

  #link(change: WaitingChange, { audit, match }: Candidate, sequence: number): readonly LinkRow[] {
    audit.isTaken = true;
    change.cause = { audit: audit.facts, match };
    return [toLink(change.facts, change.cause, sequence)];
  }
}

type Candidate = { readonly audit: WaitingAudit; readonly match: Match };

const betterOf = (
  best: Candidate | undefined,
  audit: WaitingAudit,
  match: Match | undefined,
): Candidate | undefined => {
  if (match === undefined) return best;
  const current = best === undefined ? undefined : { audit: best.audit.facts, match: best.match };
  return isBetter({ audit: audit.facts, match }, current) ? { audit, match } : best;
};

export const createCorrelator = (limits: CorrelatorLimits = defaultCorrelatorLimits): Correlator =>
  new WindowedCorrelator(limits);
