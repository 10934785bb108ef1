/** What the tools answer to the questions they have in common, object by object, beside what Driftline answers. */
import { basename } from 'node:path';
import { checks, type ToolName } from './checks.ts';
import { type Difference, explain, seeing } from './differences.ts';
import type { Manifest } from './manifests.ts';
import type { Flag } from './tools.ts';

export type Answered = { readonly name: ToolName; readonly flags: readonly Flag[] };

export function row(cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Objects that a tool flags for a question; undefined when it does not ask it. */
function flagged({ name, flags }: Answered, check: Readonly<Partial<Record<ToolName, readonly string[]>>>) {
  const ids = check[name];
  return ids && new Set(flags.filter((flag) => ids.includes(flag.check)).map(({ file }) => file));
}

const noFlags: Answered = { name: 'driftline', flags: [] };

/** For each question and tool: how many objects it flags, and of those how many Driftline does not flag, and the other way round. */
export function agreementTable(answers: readonly Answered[]): string {
  const ours = answers.find(({ name }) => name === 'driftline') ?? noFlags;
  const others = answers.filter((one) => one !== ours);
  return [
    row(['objects flagged for', 'driftline', ...others.map(({ name }) => `${name} (only it, only driftline)`)]),
    row(['---', '---', ...others.map(() => '---')]),
    ...Object.entries(checks).map(([question, check]) => {
      const own = flagged(ours, check) ?? new Set<string>();
      const cells = others.map((other) => {
        const found = flagged(other, check);
        if (found === undefined) return 'not asked';
        return `${found.size} (${found.difference(own).size}, ${own.difference(found).size})`;
      });
      return row([question, own.size, ...cells]);
    }),
  ].join('\n');
}

type Group = { readonly tool: ToolName; readonly question: string; readonly flags: Difference['flags'] };

/** Why they differ: each class with the objects that it explains, and at the end what none explains. */
export function differenceTable(answers: readonly Answered[], manifests: readonly Manifest[]): string {
  const ours = answers.find(({ name }) => name === 'driftline') ?? noFlags;
  const contents = new Map(manifests.map(({ file, content }) => [basename(file), content]));
  const see = seeing([...contents.values()]);
  const controls = Map.groupBy(ours.flags, ({ file }) => file);
  const counts = new Map<string, number>();
  const unexplained: string[] = [];
  const count = (file: string, group: Group): void => {
    const here = new Set((controls.get(file) ?? []).map(({ check }) => check));
    const why = explain(see(contents.get(file) ?? {}, here), group)?.why;
    if (why === undefined) unexplained.push(`${group.question}, ${group.tool}, only ${group.flags}: ${file}`);
    const cells = [group.tool, group.question, group.flags === 'it' ? 'only it' : 'only driftline', why ?? '**none**'];
    const line = cells.join(' | ');
    counts.set(line, (counts.get(line) ?? 0) + 1);
  };
  for (const other of answers.filter((one) => one !== ours)) {
    for (const [question, check] of Object.entries(checks)) {
      const own = flagged(ours, check) ?? new Set<string>();
      const found = flagged(other, check);
      if (found === undefined) continue;
      for (const file of found.difference(own)) count(file, { tool: other.name, question, flags: 'it' });
      for (const file of own.difference(found)) count(file, { tool: other.name, question, flags: 'driftline' });
    }
  }
  return [
    row(['tool', 'question', 'flagged by', 'why', 'objects']),
    row(Array.from({ length: 5 }, () => '---')),
    ...[...counts].map(([line, objects]) => row([line, objects])),
    `\n${unexplained.length} differences unexplained`,
    ...unexplained.map((one) => `- ${one}`),
  ].join('\n');
}
