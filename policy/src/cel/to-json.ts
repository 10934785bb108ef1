import { mapPairs } from './cel-map.ts';
import { formatDuration, formatTimestamp } from './time.ts';
import {
  CelDuration,
  CelObject,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  kindOf,
  numeric,
  type Value,
} from './value.ts';
import { encodeBase64 } from './library/encoders.ts';

/** A value as JSON: integers beyond 2^53 and times as strings, bytes as base64, none and unknown values as null. */
export function toJson(value: Value): unknown {
  switch (kindOf(value)) {
    case 'null':
    case 'bool':
    case 'string':
      return value;
    case 'list':
      return (value as readonly Value[]).map(toJson);
    case 'map':
      return Object.fromEntries(
        Array.from(mapPairs(value), ([key, item]) => [String(numeric(key) ?? key), toJson(item)]),
      );
    case 'bytes':
      return encodeBase64(value as Uint8Array);
    default:
      return scalar(value);
  }
}

function scalar(value: Value): unknown {
  const number = numeric(value);
  if (number !== undefined) return typeof number === 'bigint' || !Number.isFinite(number) ? String(number) : number;
  if (value instanceof CelTimestamp) return formatTimestamp(value);
  if (value instanceof CelDuration) return formatDuration(value.nanos);
  if (value instanceof CelTypeValue) return value.name;
  if (value instanceof CelOptional) return value.hasValue ? toJson(value.value) : null;
  return value instanceof CelObject ? String(value) : null;
}
