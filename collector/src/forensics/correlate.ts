/**
 * Audit event ↔ change, whichever comes first. Both wait in bounded windows, by object. What counts in the end is a
 * function of the changes in their order and of the events as a set:
 *
 *   1. an event that names a version (or deletes a uid that goes at once) is that change's; of several the earliest, since a later
 *      request that changed nothing answers with the same version. Such an event explains nothing else
 *   2. the other events are assigned to the other changes, one to one and in the order of time (assign-causes.ts)
 *   3. an object that was marked for deletion and goes later goes because of the request that marked it: exactly so where
 *      that answers with the end itself (a Pod without a grace period is marked and taken away by one request)
 *   4. a deletion that nothing explains yet goes to the deletecollection that fits
 *
 * A link is written when a change gets another cause, `none` when it loses the one it had: the last link of a change
 * counts. Only what an arrival can have changed is looked at again. `restore` brings the windows back after a restart.
 */
import { objectKey } from '@driftline/proto';
import type { LinkRow } from '../timeline/rows.ts';
import type { RecentRows } from '../timeline/timeline.ts';
import { alignCauses } from './assign-causes.ts';
import {
  answered,
  canCause,
  defaultLinkLimits,
  matchCollection,
  matchNamed,
  matchProbable,
  namesVersion,
  startsDeletion,
  takesAway,
} from './correlate-rules.ts';
import type { AuditFacts, ChangeFacts, LinkLimits, Match } from './correlate-rules.ts';
import { Bench } from './bench.ts';
import type { Cause, WaitingAudit, WaitingChange } from './bench.ts';
import { linkOf, noLinkOf } from './link-row.ts';
import { Shelf, Window } from './waiting.ts';
import type { WindowLimits } from './waiting.ts';

export type CorrelatorLimits = LinkLimits &
  WindowLimits & {
    /** Changes, and events, of one object that wait for a cause, or to be one, and can still be assigned anew. */
    readonly openEntries: number;
    /** Of these, how many are weighed against each other at once. */
    readonly assignedTogether: number;
  };

export const defaultCorrelatorLimits: CorrelatorLimits = {
  ...defaultLinkLimits,
  windowUs: 2 * 60 * 60 * 1_000_000,
  windowEntries: 40_000,
  openEntries: 512,
  assignedTogether: 64,
};

export type Correlator = {
  change(facts: ChangeFacts): readonly LinkRow[];
  audit(facts: AuditFacts): readonly LinkRow[];
  /** Whether this event (by digest) is within the window already: the API server's retries repeat events. */
  knows(digest: string): boolean;
  restore(recent: RecentRows): void;
};

const kindKey = (facts: { readonly group: string; readonly resource: string }): string =>
  `${facts.group}\n${facts.resource}`;

const isEnding = (change: ChangeFacts): boolean => change.op === 'deleted' || startsDeletion(change);

const byTime = (a: WaitingAudit, b: WaitingAudit): number =>
  a.facts.happenedAtUs - b.facts.happenedAtUs || (a.facts.digest < b.facts.digest ? -1 : 1);

class WindowedCorrelator implements Correlator {
  readonly #limits: CorrelatorLimits;
  readonly #changes: Window<WaitingChange>;
  readonly #audits: Window<WaitingAudit>;
  readonly #digests = new Set<string>();
  readonly #benches = new Map<string, Bench>();
  /** Deletions and deletecollections by kind. */
  readonly #endings = new Shelf<WaitingChange>();
  readonly #collections = new Shelf<WaitingAudit>();
  /** What the arrival at hand has touched. */
  readonly #touched = new Set<WaitingChange>();

  constructor(limits: CorrelatorLimits) {
    this.#limits = limits;
    this.#changes = new Window(limits, (change) => this.#changeExpired(change));
    this.#audits = new Window(limits, (audit) => this.#auditExpired(audit));
  }

  change(facts: ChangeFacts): readonly LinkRow[] {
    this.#explain(this.#keepChange(facts));
    return this.#news(facts.sequence);
  }

  audit(facts: AuditFacts): readonly LinkRow[] {
    this.#takeAudit(facts);
    return this.#news(facts.sequence);
  }

  knows(digest: string): boolean {
    return this.#digests.has(digest);
  }

  restore(recent: RecentRows): void {
    const idOf = (epoch: string, sequence: number, facts: Parameters<typeof objectKey>[0]): string =>
      `${epoch}\n${sequence}\n${objectKey(facts)}`;
    const digests = new Set(recent.audits.map(({ digest }) => digest));
    const links = new Map(recent.links.map((link) => [idOf(link.changeEpoch, link.changeSequence, link), link]));
    const told: (readonly [WaitingChange, LinkRow])[] = [];
    for (const facts of recent.versions) {
      const link = links.get(idOf(facts.epoch, facts.sequence, facts));
      const isKnown = link === undefined || link.auditDigest === '' || digests.has(link.auditDigest);
      const change = this.#keepChange(facts);
      if (isKnown) this.#explain(change);
      else change.bench.settle(change);
      if (link !== undefined) told.push([change, link]);
    }
    for (const facts of recent.audits) this.#takeAudit(facts);
    this.#touched.clear();
    for (const [change, { auditDigest, confidence }] of told)
      change.told = auditDigest === '' ? '' : `${auditDigest} ${confidence}`;
  }

  // --- arrivals ---------------------------------------------------------------------------------------------------

  #keepChange(facts: ChangeFacts): WaitingChange {
    const change = this.#benchOf(objectKey(facts)).addChange(facts);
    if (isEnding(facts)) this.#endings.add(kindKey(facts), change);
    this.#changes.add(change);
    return change;
  }

  #explain(change: WaitingChange): void {
    this.#touched.add(change);
    for (const audit of change.bench.naming(change)) this.#name(change, audit);
    // Most changes come before their event: then there is nothing to weigh.
    if (change.named === undefined && !change.bench.hasNothingToAssign) this.#assign(change.bench, change, undefined);
  }

  #takeAudit(facts: AuditFacts): WaitingAudit {
    const audit: WaitingAudit = { facts, bench: undefined, of: undefined };
    this.#digests.add(facts.digest);
    this.#audits.add(audit);
    if (!canCause(facts)) return audit;
    if (facts.verb === 'deletecollection') {
      this.#collections.add(kindKey(facts), audit);
      for (const change of this.#endings.get(kindKey(facts)))
        if (matchCollection(facts, change.facts, this.#limits) !== undefined) this.#touched.add(change);
    } else if (facts.name !== '') this.#weigh(this.#benchOf(objectKey(facts)), audit);
    return audit;
  }

  #weigh(bench: Bench, audit: WaitingAudit): void {
    bench.addAudit(audit);
    for (const change of bench.namedBy(audit)) this.#name(change, audit);
    if (!namesVersion(audit.facts)) this.#assign(bench, undefined, audit);
  }

  #benchOf(key: string): Bench {
    const known = this.#benches.get(key);
    if (known !== undefined) return known;
    const bench = new Bench(key, this.#limits.openEntries);
    this.#benches.set(key, bench);
    return bench;
  }

  // --- the four rules ---------------------------------------------------------------------------------------------

  /** Rule 1. What the change was assigned before is free for others then, and what it marked goes by its cause. */
  #name(change: WaitingChange, audit: WaitingAudit): void {
    const { bench } = change;
    if (change.isSettled || bench.markOf(change) !== undefined) return;
    const match = matchNamed(audit.facts, change.facts, change.before, this.#limits);
    if (match === undefined) return;
    const cause = { audit, match };
    if (change.named !== undefined && byRank(change.named, cause) <= 0) return;
    bench.name(change, cause);
    this.#touched.add(change);
    const freed = change.assigned?.audit;
    change.assigned = undefined;
    if (freed !== undefined) {
      freed.of = undefined;
      this.#assign(bench, undefined, freed);
    }
    for (const end of bench.heldOverBy(change)) if (bench.openChanges.has(end)) this.#assign(bench, end, undefined);
  }

  /** Rule 2, for everything that hangs together with what came. */
  #assign(bench: Bench, change: WaitingChange | undefined, audit: WaitingAudit | undefined): void {
    const together = this.#together(bench, change, audit);
    const changes = [...together.changes].sort((a, b) => a.order - b.order);
    const audits = [...together.audits].sort(byTime);
    for (const each of changes) each.assigned = undefined;
    for (const each of audits) each.of = undefined;
    const isHeldOver = (each: WaitingChange): boolean => bench.markOf(each) !== undefined;
    this.#align(
      changes.filter((each) => !isHeldOver(each)),
      audits,
    );
    // An object that was marked goes by its mark; where nothing explains that, by what is left.
    const orphans = changes.filter((each) => isHeldOver(each) && causeOf(bench.markOf(each)) === undefined);
    this.#align(
      orphans,
      audits.filter(({ of }) => of === undefined),
    );
    for (const each of changes) this.#touched.add(each);
  }

  #align(changes: readonly WaitingChange[], audits: readonly WaitingAudit[]): void {
    if (changes.length === 0 || audits.length === 0) return;
    const pairs = changes.map((change) => audits.map((audit) => this.#probable(audit, change)));
    const causes = alignCauses(changes.length, audits.length, (i, j) => pairs[i]?.[j]?.score);
    for (const [i, j] of causes.entries()) {
      const [change, audit, match] = [changes[i], audits[j], pairs[i]?.[j]];
      if (change === undefined || audit === undefined || match === undefined) continue;
      change.assigned = { audit, match };
      audit.of = change;
    }
  }

  #probable(audit: WaitingAudit, change: WaitingChange): Match | undefined {
    return matchProbable(audit.facts, change.facts, change.before, this.#limits);
  }

  /** The open changes and events of an object that could be each other's, beginning with what came. */
  #together(bench: Bench, first: WaitingChange | undefined, second: WaitingAudit | undefined): Together {
    const together: Together = { changes: new Set(), audits: new Set() };
    const queue: (WaitingChange | WaitingAudit)[] = [];
    const limit = this.#limits.assignedTogether;
    const meet = (change: WaitingChange): void => {
      if (together.changes.size >= limit || together.changes.has(change)) return;
      together.changes.add(change);
      queue.push(change);
    };
    const hear = (audit: WaitingAudit): void => {
      if (together.audits.size >= limit || together.audits.has(audit)) return;
      together.audits.add(audit);
      queue.push(audit);
    };
    if (first !== undefined) meet(first);
    if (second !== undefined) hear(second);
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if ('order' in next) {
        for (const other of [bench.markOf(next), ...bench.heldOverBy(next)])
          if (other !== undefined && bench.openChanges.has(other)) meet(other);
        if (next.assigned !== undefined) hear(next.assigned.audit);
        for (const audit of bench.openAudits) if (this.#probable(audit, next) !== undefined) hear(audit);
      } else {
        if (next.of !== undefined) meet(next.of);
        for (const change of bench.openChanges) if (this.#probable(next, change) !== undefined) meet(change);
      }
    }
    return complete(together);
  }

  /** Rules 3 and 4 on top of the others. */
  #finalCause(change: WaitingChange): Cause | undefined {
    const own = causeOf(change);
    if (own !== undefined || !isEnding(change.facts)) return own;
    const marked = change.bench.markOf(change);
    const cause = marked === undefined ? undefined : this.#finalCause(marked);
    if (cause !== undefined) {
      if (takesAway(cause.audit.facts, change.facts))
        return { audit: cause.audit, match: { ...cause.match, confidence: 'exact', evidence: answered } };
      const evidence = `the request that marked it for deletion: ${cause.match.evidence}`;
      return { audit: cause.audit, match: { ...cause.match, evidence } };
    }
    for (const audit of [...this.#collections.get(kindKey(change.facts))].toSorted(byTime)) {
      const match = matchCollection(audit.facts, change.facts, this.#limits);
      if (match !== undefined) return { audit, match };
    }
    return undefined;
  }

  // --- what is told, and what is forgotten ------------------------------------------------------------------------

  #news(sequence: number): readonly LinkRow[] {
    if (this.#touched.size === 0) return [];
    const affected = new Set<WaitingChange>();
    for (const change of this.#touched) {
      affected.add(change);
      // What a mark's cause decides is decided with it.
      for (const held of change.bench.heldOverBy(change)) affected.add(held);
    }
    this.#touched.clear();
    const rows: LinkRow[] = [];
    for (const change of affected) {
      if (change.isSettled) continue;
      const cause = this.#finalCause(change);
      const told = cause === undefined ? '' : `${cause.audit.facts.digest} ${cause.match.confidence}`;
      if (told === change.told) continue;
      change.told = told;
      rows.push(cause === undefined ? noLinkOf(change.facts, sequence) : linkOf(change.facts, cause, sequence));
    }
    return rows;
  }

  #changeExpired(change: WaitingChange): void {
    this.#endings.remove(kindKey(change.facts), change);
    change.bench.removeChange(change);
    if (change.bench.isEmpty) this.#benches.delete(change.bench.key);
  }

  #auditExpired(audit: WaitingAudit): void {
    this.#digests.delete(audit.facts.digest);
    const { bench } = audit;
    if (bench === undefined) return this.#collectionExpired(audit);
    bench.removeAudit(audit);
    if (bench.isEmpty) this.#benches.delete(bench.key);
  }

  /** What it took away stays its doing. */
  #collectionExpired(audit: WaitingAudit): void {
    if (audit.facts.verb !== 'deletecollection') return;
    this.#collections.remove(kindKey(audit.facts), audit);
    for (const change of this.#endings.get(kindKey(audit.facts)))
      if (change.told.startsWith(audit.facts.digest)) change.bench.settle(change);
  }
}

type Together = { readonly changes: Set<WaitingChange>; readonly audits: Set<WaitingAudit> };

/** Cut off by the limit, a pair is left out whole, so that nothing is assigned twice. */
const complete = (together: Together): Together => {
  const { changes, audits } = together;
  for (let isChanging = true; isChanging; ) {
    isChanging = false;
    for (const change of changes) {
      if (change.assigned === undefined || audits.has(change.assigned.audit)) continue;
      isChanging = changes.delete(change);
    }
    for (const audit of audits) {
      if (audit.of === undefined || changes.has(audit.of)) continue;
      isChanging = audits.delete(audit);
    }
  }
  return together;
};

const causeOf = (change: WaitingChange | undefined): Cause | undefined => change?.named ?? change?.assigned;

/** Of causes that name the same change: exact ones first, then the earliest. */
const byRank = (a: Cause, b: Cause): number => {
  const order = ({ match }: Cause): number => (match.confidence === 'exact' ? 0 : 1);
  return order(a) - order(b) || byTime(a.audit, b.audit);
};

export const createCorrelator = (limits: CorrelatorLimits = defaultCorrelatorLimits): Correlator =>
  new WindowedCorrelator(limits);
