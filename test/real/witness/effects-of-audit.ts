/** What faults do to audit events on their way from the API server, and so which of them may be lost. */
import type { AuditAllowance } from './check-audit.ts';
import type { Effect } from './effects.ts';

/** `--audit-webhook-initial-backoff` of the witness's API servers; Kubernetes' own default is 10 s. */
export const webhookBackoffMs = 4_000;
/** The API server tries five times, with pauses of 1, 1.5, 2.25 and 3.375 times the first. */
const sureForMs = webhookBackoffMs * 8;
const longestPauseMs = webhookBackoffMs * 3.375 * 1.2;
/** The relay holds no batch for longer. */
export const longestHeldMs = 20_000;
/** A batch waits a second before it is sent; the rest is the machine's. */
const inFlightMs = 4_000;

/** The spool lost what the agent had taken. */
const isOfTheSpool: ReadonlySet<Effect['type']> = new Set(['state-lost', 'spool-damaged', 'spool-short']);

type Span = { readonly fromMs: number; readonly toMs: number; readonly fault: string };

/** In milliseconds of the wall clock. */
export function auditAllowancesOf(effects: readonly Effect[]): readonly AuditAllowance[] {
  const blocked = spansOf(effects.filter(({ type }) => type === 'audit-blocked'));
  // What the agent had taken and the collector did not have yet.
  const forgotten = effects.filter(({ type }) => isOfTheSpool.has(type));
  const unrecorded = effects.filter(({ type }) => type === 'unrecorded');
  const lost = effects.filter(({ type }) => type === 'audit-lost');
  const dropped = blocked.filter(({ fromMs, toMs }) => toMs - fromMs > sureForMs);
  const late = effects.filter(({ type }) => type === 'audit-late');
  // What was held on its way came later than it happened.
  const happenedSince = (ms: number): number =>
    Math.min(
      ms,
      ...late
        .filter((each) => each.fromMs <= ms && each.toMs + longestHeldMs >= ms)
        .map(({ fromMs }) => fromMs - inFlightMs),
    );
  return [
    ...dropped.map((span) => allowance({ ...span, fromMs: happenedSince(span.fromMs) }, true)),
    ...forgotten.map((effect) => {
      const around = unrecorded.filter(
        ({ fromMs, toMs }) => fromMs <= effect.toMs && toMs + sureForMs >= effect.fromMs,
      );
      const since = Math.min(effect.fromMs, ...around.map(({ fromMs }) => fromMs));
      return allowance({ ...effect, fromMs: happenedSince(since) }, true);
    }),
    ...lost.map(({ fault, fromMs }) => {
      // What was refused before may still have been waiting for its next try.
      const waiting = blocked.filter((span) => span.fromMs <= fromMs && span.toMs + sureForMs * 1.2 >= fromMs);
      const since = Math.min(fromMs, ...waiting.map((span) => span.fromMs));
      return allowance({ fault, fromMs: happenedSince(since), toMs: fromMs }, false);
    }),
  ];
}

const allowance = ({ fault, fromMs, toMs }: Span, isCounted: boolean): AuditAllowance => ({
  fault,
  isCounted,
  fromMs: performance.timeOrigin + fromMs - inFlightMs,
  toMs: performance.timeOrigin + toMs + inFlightMs,
});

/** Between two blocks that are near each other a batch may not have been tried. */
function spansOf(blocks: readonly Effect[]): readonly Span[] {
  const spans: Span[] = [];
  for (const { fault, fromMs, toMs } of blocks.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = spans.at(-1);
    if (last === undefined || fromMs > last.toMs + longestPauseMs) spans.push({ fault, fromMs, toMs });
    else spans[spans.length - 1] = { ...last, toMs: Math.max(last.toMs, toMs) };
  }
  return spans;
}
