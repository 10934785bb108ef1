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

export function appendRow(file: string, schedule: Schedule, outcome: Outcome): void {
  if (!existsSync(file)) writeFileSync(file, head);
  const { writes, versions, runs, gaps, excused, seconds, problems } = outcome;
  const [first] = problems;
  const verdict =
    first === undefined
      ? 'passed'
      : `**${problems.length} problems**, first: ${first.code} ${first.where}: ${first.what}`;
  const cells = [
    new Date().toISOString().slice(0, 16).replace('T', ' '),
    schedule.seed,
    schedule.hasWatchCache ? 'on' : 'off',
    outcome.faults.join(' '),
    writes,
    versions,
    runs,
    gaps.length,
    excused,
    seconds,
    verdict.replaceAll('|', '/').slice(0, 300),
  ];
  appendFileSync(file, `| ${cells.join(' | ')} |\n`);
}
