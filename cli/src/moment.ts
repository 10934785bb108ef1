/**
 * Moments as people type them: RFC 3339 (`2026-11-21T02:13:00Z`), a date (midnight, local time), a local time of day
 * (`02:13`: the last time it was that), `now`, or how long ago (`90s`, `15m`, `2h`, `3d`, `2w`, with or without ` ago`).
 */
import { CliError, exitCode } from './exit-code.ts';

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** RFC 3339 in UTC; throws a usage error that shows the accepted forms. */
export function parseMoment(text: string, now: Date): string {
  const trimmed = text.trim();
  if (trimmed === 'now') return now.toISOString();
  const ago = /^-?(\d+(?:\.\d+)?)\s*([smhdw])(?:\s+ago)?$/.exec(trimmed);
  if (ago !== null) {
    const moment = new Date(now.getTime() - Number(ago[1]) * (unitMs[ago[2] ?? ''] ?? 0));
    if (moment.getTime() >= 0) return moment.toISOString();
  }
  const moment = timeOfDay(trimmed, now) ?? dateAndTime(trimmed);
  if (moment !== undefined) return moment;
  throw new CliError(
    exitCode.usage,
    `'${text}' is not a moment: use 2026-11-21T02:13:00Z, 2026-11-21, 02:13, now, or how long ago, such as 15m, 2h or 3d`,
  );
}

/** A length of time, `12h`, `30d` or `2w`, in milliseconds. */
export function parseSpan(text: string): number {
  const match = /^(\d{1,5})([smhdw])$/.exec(text.trim());
  if (match === null) throw new CliError(exitCode.usage, `'${text}' is no length of time: use 12h, 30d or 2w`);
  return Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0);
}

/** What the clock here and the collector's may differ by. */
const clockDifferenceMs = 300_000;

/** The same, for questions about what was: a moment that is still to come is refused. */
export function parsePastMoment(text: string, now: Date): string {
  const moment = parseMoment(text, now);
  if (Date.parse(moment) <= now.getTime() + clockDifferenceMs) return moment;
  throw new CliError(exitCode.usage, `'${text}' is in the future (${moment}): the timeline holds what was`);
}

/** The last time that it was this time of day. */
function timeOfDay(text: string, now: Date): string | undefined {
  const match = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const moment = new Date(now);
  moment.setHours(hours, minutes, seconds, 0);
  if (moment > now) moment.setDate(moment.getDate() - 1);
  return moment.toISOString();
}

function dateAndTime(text: string): string | undefined {
  const date = /^(\d{4})-(\d{2})-(\d{2})(?:$|[T ])/.exec(text);
  if (date === null || !isDate(Number(date[1]), Number(date[2]), Number(date[3]))) return undefined;
  const moment = new Date(text.length === 10 ? `${text}T00:00:00` : text.replace(' ', 'T'));
  return Number.isNaN(moment.getTime()) ? undefined : keepPrecision(text, moment);
}

/** Date takes the 30th of February for the 2nd of March. */
function isDate(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
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
