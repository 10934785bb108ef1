/** What there is to say about the exceptions themselves: who uses them, which end, which are no use, which cover too much. */
import type { CompiledControl } from '../contract.ts';
import type { Exception } from './exception.ts';

type Controlled = Pick<CompiledControl, 'meta'>;

export type ExceptionState = 'active' | 'expiring' | 'expired';

export type ExceptionUse = {
  readonly exception: Exception;
  readonly state: ExceptionState;
  /** Findings it excepts now: so many fail if it expires. */
  readonly held: number;
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

/** `held`: findings that each exception holds now, by id, in every cluster they are used in. Ordered by end, then id. */
export function reportExceptions(
  exceptions: readonly Exception[],
  { held, controls }: { readonly held: ReadonlyMap<string, number>; readonly controls: readonly Controlled[] },
  { nowMs, expiringWithinMs = 14 * dayMs, overBroadFindings = 50 }: ExceptionReportOptions,
): readonly ExceptionUse[] {
  return exceptions
    .map((exception): ExceptionUse => {
      const own = held.get(exception.id) ?? 0;
      const state = stateOf(exception, nowMs, expiringWithinMs);
      return {
        exception,
        state,
        held: own,
        isUnused: state !== 'expired' && own === 0,
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
  findings: number,
  { controls, most }: { readonly controls: readonly Controlled[]; readonly most: number },
): string {
  const covered = controls.filter(({ meta }) => exception.isAboutControl(meta.id)).length;
  if (covered > Math.max(1, controls.length * mostControls))
    return `it is about ${covered} of ${controls.length} controls`;
  return findings >= most ? `it excepts ${findings} findings` : '';
}
