/**
 * What faults do to what can be seen, and so the widest gaps that they may cause. A fault notes when something was blind,
 * forgotten or lost; from all notes of a schedule the allowances follow. What is not noted here excuses nothing: an agent
 * or collector that is killed and comes back with its disk, a wire that was cut for less than the watch window, a collector
 * that was away while the spool had room, all cost nothing.
 */
import type { Allowance } from './check.ts';
import type { ObjectHistory } from './history.ts';

export type Effect = {
  readonly type: /** The agent could not see the API server. */
    | 'blind'
    /** The API server forgot what it could tell of the past. */
    | 'past-forgotten'
    /** etcd forgot its past, and the API server has no other: who was quiet since cannot resume. */
    | 'compacted'
    /** The agent lost its state: what it knew, and what the collector had not recorded yet. */
    | 'state-lost'
    /** What the agent sent did not reach the timeline. Costs nothing by itself. */
    | 'unrecorded'
    /** The spool had less room than what came. */
    | 'spool-short'
    /** Records of the spool were destroyed. */
    | 'spool-damaged'
    /** Audit events could not reach the agent. */
    | 'audit-blocked'
    /** Audit events were held on their way, for up to 20 s. */
    | 'audit-late'
    /** The API server died with the audit events that it had not sent. */
    | 'audit-lost';
  readonly fault: string;
  /** Times of performance.now(). */
  readonly fromMs: number;
  readonly toMs: number;
};

export type TimesOfRevisions = {
  /** The newest revision that was there at a time of performance.now(). */
  revisionAt(timeMs: number): number;
  timeOf(revision: number): number;
};

/** What happened this long before a fault may still have been on its way. */
const inFlightMs = 3_000;
/** How long a message may have waited when the collector went, while a small spool held its producers back. */
const backlogMs = 30_000;
/** Within this time after a fault every part has tried again: the longest pause of a reflector is 30 s. */
const recoveryMs = 40_000;
/** Where an API server's watch cache is sure to hold what happened: its guarantee is 75 s. */
const watchWindowMs = 60_000;
/** A new kind is looked for 1, 4 and 16 s after its definition changed. */
const kindDiscoveryMs = 30_000;

export function allowancesOf(
  effects: readonly Effect[],
  histories: readonly ObjectHistory[],
  times: TimesOfRevisions,
): readonly Allowance[] {
  const blind = effects.filter(({ type }) => type === 'blind');
  const unrecorded = effects.filter(({ type }) => type === 'unrecorded');
  const allowances: Allowance[] = [];
  const allow = (
    effect: Effect,
    causes: readonly string[],
    others: readonly Effect[],
    kinds?: readonly string[],
  ): void => {
    const { fromMs, toMs } = joined(effect, others);
    allowances.push({
      fault: effect.fault,
      causes,
      kinds,
      fromRevision: times.revisionAt(fromMs - inFlightMs),
      toRevision: times.revisionAt(toMs + recoveryMs),
    });
  };
  for (const effect of effects) {
    switch (effect.type) {
      case 'past-forgotten':
        allow(effect, ['relist'], blind);
        break;
      case 'blind': {
        // Between two faults the agent may have waited for its next try, and have tried in the middle of the second.
        const { fromMs, toMs } = joined(effect, blind);
        if (toMs + recoveryMs - fromMs > watchWindowMs) allow(effect, ['relist'], blind);
        break;
      }
      case 'state-lost':
        allow(effect, ['epoch_start', 'relist', 'spool_damage'], [...blind, ...unrecorded]);
        break;
      case 'spool-short':
        // A small spool lets its backlog grow before it is full.
        allow(
          { ...effect, fromMs: effect.fromMs - backlogMs },
          ['spool_full', 'sequence_hole', 'undecodable'],
          unrecorded,
        );
        break;
      case 'spool-damaged':
        allow(effect, ['spool_damage', 'sequence_hole', 'undecodable', 'epoch_start'], [...blind, ...unrecorded]);
        // That there was such a kind at all was in the lost messages.
        allow(effect, ['relist'], [...blind, ...unrecorded], customKindsOf(histories));
        break;
      case 'compacted':
        for (const later of blind) if (later.toMs + recoveryMs >= effect.fromMs) allow(later, ['relist'], blind);
        break;
      case 'unrecorded':
      case 'audit-blocked':
      case 'audit-late':
      case 'audit-lost':
        break;
    }
  }
  return [...allowances, ...kindsThatComeAndGo(histories, times, blind)];
}

/** The effect together with all that touch it, and those that touch these. */
function joined(effect: Effect, others: readonly Effect[]): { readonly fromMs: number; readonly toMs: number } {
  let { fromMs, toMs } = effect;
  for (let isGrowing = true; isGrowing; ) {
    isGrowing = false;
    for (const other of others) {
      const isNear = other.fromMs <= toMs + recoveryMs && other.toMs + recoveryMs >= fromMs;
      if (!isNear || (other.fromMs >= fromMs && other.toMs <= toMs)) continue;
      [fromMs, toMs] = [Math.min(fromMs, other.fromMs), Math.max(toMs, other.toMs)];
      isGrowing = true;
    }
  }
  return { fromMs, toMs };
}

/**
 * Objects of a kind can change before anybody could know that there is such a kind. And what happened while somebody was
 * blind cannot be had later when the kind has gone meanwhile, since it takes its past with it.
 */
function kindsThatComeAndGo(
  histories: readonly ObjectHistory[],
  times: TimesOfRevisions,
  blind: readonly Effect[],
): readonly Allowance[] {
  return definitionsOf(histories).flatMap(({ key, runs }) => {
    const name = definedBy(key);
    return runs.flatMap(({ form, revisions: [revision = 0] }, at): readonly Allowance[] => {
      const isGone = form === undefined;
      const isNew = !isGone && (at === 0 || runs[at - 1]?.form === undefined);
      if (!isGone && !isNew) return [];
      const timeMs = times.timeOf(revision);
      const looking = { fromMs: timeMs, toMs: timeMs + kindDiscoveryMs };
      const { fromMs, toMs } = joined({ type: 'blind', fault: '', ...looking }, blind);
      if (isGone && fromMs === timeMs) return [];
      const fromRevision = isGone ? times.revisionAt(fromMs - inFlightMs) : revision;
      const fault = isGone ? `${name} removed` : `new kind ${name}`;
      const causes = ['epoch_start', 'relist'];
      return [{ fault, causes, kinds: [name], fromRevision, toRevision: times.revisionAt(toMs) }];
    });
  });
}

const definitionsOf = (histories: readonly ObjectHistory[]): readonly ObjectHistory[] =>
  histories.filter(({ kind }) => kind === 'customresourcedefinitions.apiextensions.k8s.io');

/** A definition is named as its kind is. */
const definedBy = (key: string): string => key.slice(key.indexOf('/') + 1);

const customKindsOf = (histories: readonly ObjectHistory[]): readonly string[] =>
  definitionsOf(histories).map(({ key }) => definedBy(key));
