/**
 * The judgement of who did what: the API server's own audit log against the timeline. Pure, as check.ts.
 *
 * Each event of the log is recorded exactly once and as it was, or a fault allows that the API server dropped it and the
 * timeline says so. And whoever is named with confidence `exact` made that version.
 */
import type { Truth } from '../flow/attributed-writes.ts';
import type { Attributed } from '../flow/attribution.ts';
import type { Problem } from './check.ts';

/** An event, as the log or as the timeline has it. */
export type AuditEvent = {
  /** Audit-ID and stage. */
  readonly id: string;
  /** Who, what, to which object, with which outcome: one text that both sides write. */
  readonly facts: string;
  readonly atMs: number;
};

export type LoggedEvent = AuditEvent & {
  readonly auditId: string;
  readonly verb: string;
  /** Failed, or a dry run. */
  readonly isVain: boolean;
  /** `<uid> <resourceVersion>` of the object that it was answered with; '' where the log has no answer. */
  readonly version: string;
};

export type AuditGap = {
  readonly cause: string;
  readonly detail: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** How many events it confesses; Infinity when it is about everything. */
  readonly count: number;
};

/** What a fault may cost: events that were logged in this time. */
export type AuditAllowance = {
  readonly fault: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** The API server lives to count what it drops, so it is confessed in a gap. Otherwise coverage has to say that nobody counts. */
  readonly isCounted: boolean;
};

export type AuditEvidence = {
  readonly logged: readonly LoggedEvent[];
  readonly recorded: readonly AuditEvent[];
  readonly gaps: readonly AuditGap[];
  readonly allowances: readonly AuditAllowance[];
  /** What coverage says of audit events. */
  readonly coverage: string;
  /** Since then the agent was there to be told. */
  readonly sinceMs: number;
  readonly changes: readonly Attributed[];
  readonly truth: Truth;
};

export type AuditVerdict = {
  readonly problems: readonly Problem[];
  readonly events: number;
  /** Events that were dropped, as a fault allows and as the timeline says. */
  readonly dropped: number;
  readonly exact: number;
};

/** The agent asks every minute how many events were dropped: a gap begins and ends up to that much beside it. */
const countingMs = 75_000;
/** For so long an API server may have held an event that it dropped or that was lost; the agent does not know its flags. */
const heldMs = 360_000;
/** Coverage says this where an API server that was killed takes along what it had not sent. */
export const uncounted = 'killed';

export function checkAudit(evidence: AuditEvidence): AuditVerdict {
  const { logged, recorded, gaps, changes, sinceMs } = evidence;
  const byId = Map.groupBy(recorded, ({ id }) => id);
  const problems: Problem[] = [];
  let [events, dropped, counted] = [0, 0, 0];
  for (const event of logged) {
    const told = byId.get(event.id) ?? [];
    byId.delete(event.id);
    if (event.atMs >= sinceMs) events += 1;
    if (told.length === 0 && event.atMs >= sinceMs) {
      const outcome = whatOfMissing(event, evidence);
      if ('why' in outcome) problems.push({ code: 'missing', where: whereOf(event), what: outcome.why });
      else dropped += 1;
      if ('isCounted' in outcome && outcome.isCounted) counted += 1;
    }
    if (told.length > 1)
      problems.push({ code: 'duplicate', where: whereOf(event), what: `recorded ${told.length} times` });
    const altered = told.find(({ facts }) => facts !== event.facts);
    if (altered !== undefined)
      problems.push({ code: 'altered', where: whereOf(event), what: `told as ${altered.facts}` });
  }
  for (const [event] of byId.values())
    if (event !== undefined)
      problems.push({ code: 'invented', where: whereOf(event), what: 'the API server’s log has no such event' });
  const confessed = gaps.reduce((sum, { count }) => sum + count, 0);
  if (counted > confessed) {
    const what = `${counted} events are missing, gaps confess ${confessed}`;
    problems.push({ code: 'missing', where: 'audit events', what });
  }
  const byAuditId = new Map(logged.map((event) => [event.auditId, event]));
  const exact = changes.filter(({ confidence }) => confidence === 'exact');
  problems.push(...gaps.flatMap((gap) => judgeGap(gap, evidence)));
  problems.push(...exact.flatMap((change) => judgeLink(change, byAuditId.get(change.auditId), evidence.truth)));
  return { problems, events, dropped, exact: exact.length };
}

const whereOf = ({ id, facts }: AuditEvent): string => `audit event ${id} (${facts})`;

/** Why it may not be missing; or, when a fault allows it and the timeline tells of it, whether it must have been counted. */
function whatOfMissing(
  { atMs }: LoggedEvent,
  { allowances, gaps, coverage }: AuditEvidence,
): { readonly why: string } | { readonly isCounted: boolean } {
  const fitting = allowances.filter(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs);
  if (fitting.length === 0) return { why: 'no fault explains it' };
  const isCounted = fitting.every((allowance) => allowance.isCounted);
  if (gaps.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs)) return { isCounted };
  if (isCounted) return { why: 'no gap covers it' };
  if (coverage.includes(uncounted)) return { isCounted };
  return { why: `coverage does not say that such events can be lost: ${coverage}` };
}

function judgeGap({ cause, detail, fromMs, toMs, count }: AuditGap, { allowances }: AuditEvidence): readonly Problem[] {
  // What is about everything is judged with everything.
  if (count === Infinity) return [];
  const where = `${cause} of audit events (${new Date(fromMs).toISOString()}, ${new Date(toMs).toISOString()}]: ${detail}`;
  if (allowances.length === 0) return [{ code: 'needless-gap', where, what: 'no fault of the schedule explains it' }];
  const isNarrow = allowances.some(
    (allowance) => fromMs >= allowance.fromMs - countingMs - heldMs && toMs <= allowance.toMs + countingMs,
  );
  return isNarrow ? [] : [{ code: 'wide-gap', where, what: 'wider than any fault' }];
}

/** Who is named for sure must have made that very version. */
function judgeLink(
  { version, resource, auditId }: Attributed,
  event: LoggedEvent | undefined,
  { made, idle }: Truth,
): readonly Problem[] {
  const wrong = (what: string): readonly Problem[] => [
    { code: 'wrong-link', where: `${resource} ${version} by ${auditId}`, what },
  ];
  if (event === undefined) return wrong('the API server’s log has no such request');
  if (event.isVain) return wrong(`that request failed or was a dry run: ${event.facts}`);
  if (idle.has(auditId)) return wrong(`that request changed nothing: ${event.facts}`);
  const maker = made.get(version);
  if (maker !== undefined && maker !== auditId) return wrong(`made by ${maker}, not by ${event.facts}`);
  const isEnd = version.endsWith(' end');
  const [uid] = version.split(' ');
  const isOther = event.version !== '' && (isEnd ? event.version.split(' ')[0] !== uid : event.version !== version);
  return isOther ? wrong(`that request was answered with ${event.version}: ${event.facts}`) : [];
}
