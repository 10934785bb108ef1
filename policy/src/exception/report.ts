/** What there is to say about the exceptions themselves: who uses them, which end, which are no use, which cover too much. */
import type { CompiledControl } from '../contract.ts';
import type { Finding } from '../engine/verdict-book.ts';
import type { Exception } from './exception.ts';

export type ExceptionState = 'active' | 'expiring' | 'expired';

export type ExceptionUse = {
  readonly exception: Exception;
  readonly state: ExceptionState;
  /** Findings it excepts now: what fails if it expires. */
  readonly findings: readonly Finding[];
  /** It excepts nothing, though it holds. */
  readonly isUnused: boolean;
  /** Why it covers more than one would expect; '' when it does not. */
  readonly overBroad: string;
};

export type ExceptionReportOptions = {
  readonly nowMs: number;
  /** An exception that ends within this time is expiring. Milliseconds; default 14 days. */
  readonly expiringWithinMs?: number;
  /** Findings from which on an exception is over-broad. Default 50. */
  readonly overBroadFindings?: number;
};

const dayMs = 86_400_000;

/** `findings`: all that are open or excepted now, of every cluster the exceptions are used in. Ordered by end, then id. */
export function reportExceptions(
  exceptions: readonly Exception[],
  { findings, controls }: { readonly findings: readonly Finding[]; readonly controls: readonly CompiledControl[] },
  { nowMs, expiringWithinMs = 14 * dayMs, overBroadFindings = 50 }: ExceptionReportOptions,
): readonly ExceptionUse[] {
  const used = Map.groupBy(findings, ({ exception }) => exception ?? '');
  return exceptions
    .map((exception): ExceptionUse => {
      const own = used.get(exception.id) ?? [];
      const state = stateOf(exception, nowMs, expiringWithinMs);
      return {
        exception,
        state,
        findings: own,
        isUnused: state !== 'expired' && own.length === 0,
        overBroad: overBroad(exception, own, { controls, most: overBroadFindings }),
      };
    })
    .sort((a, b) => a.exception.expiresMs - b.exception.expiresMs || (a.exception.id < b.exception.id ? -1 : 1));
}

function stateOf({ expiresMs }: Exception, nowMs: number, withinMs: number): ExceptionState {
  if (nowMs >= expiresMs) return 'expired';
  return expiresMs - nowMs <= withinMs ? 'expiring' : 'active';
}

/** Share of all controls from which on a pattern covers too many. */
const mostControls = 0.2;

function overBroad(
  exception: Exception,
  findings: readonly Finding[],
  { controls, most }: { readonly controls: readonly CompiledControl[]; readonly most: number },
): string {
  const covered = controls.filter(({ meta }) => exception.isAboutControl(meta.id)).length;
  if (covered > Math.max(1, controls.length * mostControls))
    return `it is about ${covered} of ${controls.length} controls`;
  return findings.length >= most ? `it excepts ${findings.length} findings` : '';
}
