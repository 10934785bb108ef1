import { mapSize } from '../cel-map.ts';
import type { CelError } from '../error.ts';
import { define, type Definition } from '../signature.ts';
import { type CivilTime, civilTime, daysFromCivil, zoneOffset } from '../time.ts';
import { type CelDuration, type CelTimestamp, codePoints, isError, type Value } from '../value.ts';
import { conversionDefinitions } from './conversions.ts';
import { product, traversalOfSecond } from './cost.ts';

const sizes: readonly (readonly [string, (value: never) => Value])[] = [
  ['string', codePoints],
  ['bytes', (bytes: Uint8Array) => bytes.length],
  ['list<A>', (list: readonly Value[]) => list.length],
  ['map<A, B>', mapSize],
];

/** A part of a timestamp, in UTC or in the zone given. */
function timePart(name: string, part: (time: CivilTime) => number): readonly Definition[] {
  const at = (value: CelTimestamp, zone: string): number | CelError => {
    const offset = zoneOffset(zone, value);
    return isError(offset) ? offset : part(civilTime(value, offset));
  };
  return [
    define(`timestamp::${name}() -> int`, (value: CelTimestamp) => at(value, 'UTC')),
    define(`timestamp::${name}(string) -> int`, at),
  ];
}

const weekday = (time: CivilTime): number => (((time.days + 4) % 7) + 7) % 7;

const durationPart = (name: string, nanosPerUnit: bigint): Definition =>
  define(`duration::${name}() -> int`, ({ nanos }: CelDuration) => Number(nanos / nanosPerUnit));

export const standardDefinitions: readonly Definition[] = [
  ...conversionDefinitions,
  ...sizes.flatMap(([type, size]) => [define(`size(${type}) -> int`, size), define(`${type}::size() -> int`, size)]),
  define(
    'string::startsWith(string) -> bool',
    (text: string, prefix: string) => text.startsWith(prefix),
    traversalOfSecond,
  ),
  define(
    'string::endsWith(string) -> bool',
    (text: string, suffix: string) => text.endsWith(suffix),
    traversalOfSecond,
  ),
  define('string::contains(string) -> bool', (text: string, part: string) => text.includes(part), product),
  ...timePart('getFullYear', (time) => time.year),
  ...timePart('getMonth', (time) => time.month - 1),
  ...timePart('getDate', (time) => time.day),
  ...timePart('getDayOfMonth', (time) => time.day - 1),
  ...timePart('getDayOfWeek', weekday),
  ...timePart('getDayOfYear', (time) => time.days - daysFromCivil(time.year, 1, 1)),
  ...timePart('getHours', (time) => time.hour),
  ...timePart('getMinutes', (time) => time.minute),
  ...timePart('getSeconds', (time) => time.second),
  ...timePart('getMilliseconds', (time) => Math.floor(time.nanos / 1_000_000)),
  durationPart('getHours', 3_600_000_000_000n),
  durationPart('getMinutes', 60_000_000_000n),
  durationPart('getSeconds', 1_000_000_000n),
  define('duration::getMilliseconds() -> int', ({ nanos }: CelDuration) => Number(nanos / 1_000_000n)),
];
