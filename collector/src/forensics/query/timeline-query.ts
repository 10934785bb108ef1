/** What the queries need of a store (TimelineReader.all), and how its moments are shown. */
import type { TimelineReader } from '../../timeline/reader/timeline-reader.ts';

/** Runs a SQL file with typed parameters; columns come in camelCase, 64-bit integers as numbers. */
export type TimelineQuery = TimelineReader['all'];

/** RFC 3339 with microseconds, UTC. */
export function toRfc3339(timeUs: number): string {
  const wholeSecondMs = Math.floor(timeUs / 1_000_000) * 1_000;
  const text = new Date(wholeSecondMs).toISOString();
  return `${text.slice(0, -5)}.${String(timeUs - wholeSecondMs * 1_000).padStart(6, '0')}Z`;
}

/** The latest moment the store can be asked about: microseconds stay exact in a number up to the year 2255. */
export const endOfTimeUs = 9_000_000_000_000_000;
