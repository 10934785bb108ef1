/** SCHEDULES.md: one row for each long run, appended and never edited. */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import type { Outcome } from './run-schedule.ts';
import type { Schedule } from './schedule.ts';

const head = `# Schedules that were run

One row for each schedule of \`node test/real/witness/run.ts --table test/real/witness/SCHEDULES.md …\`, appended by the program.
*Versions* are etcd's revisions of watched kinds while the schedule ran; *runs* those of them with a canonical form of
their own, in the whole cluster since its start (schedules can share one); *in gaps* the runs that lie in the gaps that the faults allow.
A failed row stays, and says what it found first.

| when (UTC) | seed | watch cache | faults, in order | writes | versions | runs | gaps | in gaps | seconds | outcome |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`;

/** A schedule that came to no verdict: a part did not come back, or the harness failed. */
export function appendEnded(file: string, schedule: Schedule, error: unknown): void {
  const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const planned = schedule.tracks.flat().map(({ fault }) => fault);
  const figures = Array.from({ length: 6 }, () => '');
  append(file, [...cellsOf(schedule, planned), ...figures, `**no verdict**: ${reason}`]);
}

export function appendRow(file: string, schedule: Schedule, outcome: Outcome): void {
  const { writes, versions, runs, gaps, excused, seconds, problems } = outcome;
  const [first] = problems;
  const verdict =
    first === undefined
      ? 'passed'
      : `**${problems.length} problems**, first: ${first.code} ${first.where}: ${first.what}`;
  const figures = [writes, versions, runs, gaps.length, excused, seconds];
  append(file, [...cellsOf(schedule, outcome.faults), ...figures, verdict]);
}

const cellsOf = ({ seed, hasWatchCache }: Schedule, faults: readonly string[]): readonly (string | number)[] => [
  new Date().toISOString().slice(0, 16).replace('T', ' '),
  seed,
  hasWatchCache ? 'on' : 'off',
  faults.join(' '),
];

function append(file: string, cells: readonly (string | number)[]): void {
  if (!existsSync(file)) writeFileSync(file, head);
  const texts = cells.map((cell) => String(cell).replaceAll('|', '/').slice(0, 300));
  appendFileSync(file, `| ${texts.join(' | ')} |\n`);
}
