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
import { CostExceeded } from './error.ts';
import { beginWork, endWork, labour } from './work.ts';
import { encodeBase64 } from './library/encoders.ts';

/**
 * A value as JSON: integers beyond 2^53 and times as strings, bytes as base64, none and unknown values as null; null too
 * for one that is too large to write, as values that share parts can be.
 */
export function toJson(value: Value): unknown {
  const outer = beginWork();
  try {
    return json(value);
  } catch (failure) {
    if (failure instanceof CostExceeded) return null;
    throw failure;
  } finally {
    endWork(outer);
  }
}

function json(value: Value): unknown {
  labour(1);
  switch (kindOf(value)) {
    case 'null':
    case 'bool':
    case 'string':
      return value;
    case 'list':
      return (value as readonly Value[]).map(json);
    case 'map':
      return Object.fromEntries(
        Array.from(mapPairs(value), ([key, item]) => [String(numeric(key) ?? key), json(item)]),
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
  if (value instanceof CelOptional) return value.hasValue ? json(value.value) : null;
  return value instanceof CelObject ? String(value) : null;
}
