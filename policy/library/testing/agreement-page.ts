/** AGREEMENT.md says what the tests of other people's cases counted: each of them holds the page to its own part. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const page = join(import.meta.dirname, '../../AGREEMENT.md');

export type Row = readonly (string | number)[];

/** Fails unless the page has exactly these rows, one after the other, with nothing before or after them in their table. */
export function assertPublished(header: Row, rows: readonly Row[]): void {
  const alignment = header.map((_, index) => (typeof rows[0]?.[index] === 'number' ? '---:' : '---'));
  const table = [header, alignment, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
  const isThere = `\n${readFileSync(page, 'utf8')}\n`.includes(`\n\n${table}\n\n`);
  assert.ok(isThere, `AGREEMENT.md does not say what was counted. It must have this table:\n\n${table}\n`);
}

/** Reason and number, the most frequent first. */
export function byCount(tally: ReadonlyMap<string, number>): readonly (readonly [string, number])[] {
  return [...tally].sort(([a, many], [b, few]) => few - many || (a < b ? -1 : 1));
}
