import { duration, timestamp } from './arithmetic.ts';
import { invalid, type CelError } from './error.ts';
import { type CelTimestamp, isError, type Value } from './value.ts';
import { labour } from './work.ts';

const nanosPerSecond = 1_000_000_000n;

/** Days since 1970-01-01 of a proleptic Gregorian date. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}

export type CivilDate = { readonly year: number; readonly month: number; readonly day: number };

export function civilFromDays(days: number): CivilDate {
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const dayOfEra = z - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted + (shifted < 10 ? 3 : -9);
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

export function isCivilDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const back = civilFromDays(daysFromCivil(year, month, day));
  return back.month === month && back.day === day;
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?([Zz]|([+-])(\d{2}):(\d{2}))$/;

/** RFC 3339. */
export function parseTimestamp(text: string): Value {
  const match = rfc3339.exec(text);
  if (match === null) return invalid(`cannot parse "${text}" as a timestamp`);
  const number = (group: number): number => Number(match[group] ?? 0);
  const [year, month, day] = [number(1), number(2), number(3)];
  const [hour, minute, second] = [number(4), number(5), number(6)];
  if (!isCivilDate(year, month, day) || hour > 23 || minute > 59 || second > 59 || number(10) > 23 || number(11) > 59) {
    return invalid(`cannot parse "${text}" as a timestamp: out of range`);
  }
  const offset = (match[9] === '-' ? -1 : 1) * (number(10) * 3600 + number(11) * 60);
  const seconds = daysFromCivil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
  return timestamp(BigInt(seconds) * nanosPerSecond + BigInt((match[7] ?? '').padEnd(9, '0')));
}

const two = (value: number): string => String(value).padStart(2, '0');

const fraction = (nanos: number): string =>
  nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;

export function formatTimestamp(value: CelTimestamp): string {
  const local = civilTime(value, 0);
  const date = `${String(local.year).padStart(4, '0')}-${two(local.month)}-${two(local.day)}`;
  return `${date}T${two(local.hour)}:${two(local.minute)}:${two(local.second)}${fraction(local.nanos)}Z`;
}

export type CivilTime = CivilDate & {
  readonly days: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanos: number;
};

const floorDivide = (a: bigint, b: bigint): bigint => a / b - (a % b < 0n ? 1n : 0n);

export function civilTime({ nanos }: CelTimestamp, offsetSeconds: number): CivilTime {
  const utcSeconds = floorDivide(nanos, nanosPerSecond);
  const seconds = Number(utcSeconds) + offsetSeconds;
  const days = Math.floor(seconds / 86400);
  const rest = seconds - days * 86400;
  return {
    ...civilFromDays(days),
    days,
    hour: Math.floor(rest / 3600),
    minute: Math.floor((rest % 3600) / 60),
    second: rest % 60,
    nanos: Number(nanos - utcSeconds * nanosPerSecond),
  };
}

const fixedOffset = /^([+-]?)(\d{1,2}):(\d{2})$/;

/** Seconds east of UTC in a zone, by IANA name or ±hh:mm, at a moment. */
export function zoneOffset(zone: string, at: CelTimestamp): number | CelError {
  const fixed = fixedOffset.exec(zone);
  if (fixed !== null) return (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 3600 + Number(fixed[3]) * 60);
  if (zone === '' || zone === 'UTC' || zone === 'Z') return 0;
  const formatter = zoneFormatter(zone);
  if (isError(formatter)) return formatter;
  labour(zoneLookupWork);
  const seconds = Number(floorDivide(at.nanos, nanosPerSecond));
  const parts = new Map(formatter.formatToParts(seconds * 1000).map(({ type, value }) => [type, value]));
  const part = (name: Intl.DateTimeFormatPartTypes): number => Number(parts.get(name) ?? 0);
  const year = parts.get('era') === 'BC' ? 1 - part('year') : part('year');
  const days = daysFromCivil(year, part('month'), part('day'));
  return days * 86400 + part('hour') * 3600 + part('minute') * 60 + part('second') - seconds;
}

/** A zone's offset takes some microseconds. */
const zoneLookupWork = 200;
const zoneFormatters = new Map<string, Intl.DateTimeFormat>();
const maxZoneFormatters = 64;

function zoneFormatter(zone: string): Intl.DateTimeFormat | CelError {
  const known = zoneFormatters.get(zone);
  if (known !== undefined) return known;
  try {
    const formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    if (zoneFormatters.size >= maxZoneFormatters) zoneFormatters.clear();
    zoneFormatters.set(zone, formatter);
    return formatter;
  } catch {
    return invalid(`unknown time zone ${zone}`);
  }
}

const unitNanos: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1000n],
  ['µs', 1000n],
  ['μs', 1000n],
  ['ms', 1_000_000n],
  ['s', nanosPerSecond],
  ['m', 60n * nanosPerSecond],
  ['h', 3600n * nanosPerSecond],
]);
const durationPart = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;

/** As Go's time.ParseDuration reads it: `-1h15m30.918s`. */
export function parseDuration(text: string): Value {
  const failed = invalid(`cannot parse "${text}" as a duration`);
  const unsigned = text.replace(/^[+-]/, '');
  if (unsigned === '0') return duration(0n);
  if (unsigned === '' || unsigned.length > 100) return failed;
  let nanos = 0n;
  durationPart.lastIndex = 0;
  while (durationPart.lastIndex < unsigned.length) {
    const match = durationPart.exec(unsigned);
    if (match === null) return failed;
    const [, whole = '', decimals = '', unit = ''] = match;
    if (whole === '' && decimals === '') return failed;
    const scale = unitNanos.get(unit) ?? 0n;
    nanos += BigInt(whole === '' ? 0 : whole) * scale;
    if (decimals !== '') nanos += (BigInt(decimals) * scale) / 10n ** BigInt(decimals.length);
  }
  return duration(text.startsWith('-') ? -nanos : nanos);
}

/** Seconds with as many decimals as there are: `1.5s`. */
export function formatDuration(nanos: bigint): string {
  const magnitude = nanos < 0n ? -nanos : nanos;
  return `${nanos < 0n ? '-' : ''}${magnitude / nanosPerSecond}${fraction(Number(magnitude % nanosPerSecond))}s`;
}
