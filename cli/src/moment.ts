/**
 * Moments as people type them: RFC 3339 (`2026-11-21T02:13:00Z`), a date (midnight, local time), a local time of day
 * today (`02:13`), `now`, or how long ago (`90s`, `15m`, `2h`, `3d`, `2w`, with or without ` ago`).
 */
import { CliError, exitCode } from './exit-code.ts';

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** RFC 3339 in UTC; throws a usage error that shows the accepted forms. */
export function parseMoment(text: string, now: Date): string {
  const trimmed = text.trim();
  if (trimmed === 'now') return now.toISOString();
  const ago = /^-?(\d+(?:\.\d+)?)\s*([smhdw])(?:\s+ago)?$/.exec(trimmed);
  if (ago !== null) return new Date(now.getTime() - Number(ago[1]) * (unitMs[ago[2] ?? ''] ?? 0)).toISOString();
  const timeOfDay = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(trimmed);
  if (timeOfDay !== null) {
    const moment = new Date(now);
    moment.setHours(Number(timeOfDay[1]), Number(timeOfDay[2]), Number(timeOfDay[3] ?? 0), 0);
    return moment.toISOString();
  }
  if (/^\d{4}-\d{2}-\d{2}/.test(trimmed)) {
    const isDateOnly = trimmed.length === 10;
    const moment = new Date(isDateOnly ? `${trimmed}T00:00:00` : trimmed.replace(' ', 'T'));
    if (!Number.isNaN(moment.getTime())) return keepPrecision(trimmed, moment);
  }
  throw new CliError(
    exitCode.usage,
    `'${text}' is not a moment: use 2026-11-21T02:13:00Z, 2026-11-21, 02:13, now, or how long ago, such as 15m, 2h or 3d`,
  );
}

/**
 * As precise as it was typed: a whole second means all of that second when it ends a range. Date keeps milliseconds; the
 * timeline's moments have microseconds, and one pasted from its output must mean the same.
 */
function keepPrecision(text: string, moment: Date): string {
  if (!text.includes('.')) return moment.toISOString().replace('.000Z', 'Z');
  const micros = /\.\d{3}(\d{1,3})/.exec(text)?.[1];
  return micros === undefined ? moment.toISOString() : moment.toISOString().replace('Z', `${micros.padEnd(3, '0')}Z`);
}
