/** `driftline log`: the changes, newest first. */
import type { ApiChange } from '@driftline/proto';
import type { Query } from '../api-client.ts';
import { CliError, exitCode } from '../exit-code.ts';
import { parseMoment, parsePastMoment } from '../moment.ts';
import { changeBlock, changeLine } from '../output/change.ts';
import { printable, table } from '../output/text.ts';
import { type Command, type CommandContext, text } from './command.ts';
import { limitHelp, limitOption, printListing } from './listing.ts';
import {
  kindAndName,
  outputHelp,
  outputOptions,
  scopeHelp,
  scopeOptions,
  scopeQuery,
  selectorHelp,
  selectorOptions,
} from './scope.ts';

const peopleLimit = 20;

export const logCommand: Command = {
  name: 'log',
  usage: 'log [KIND[/NAME]] [options]',
  summary: 'what changed, where, who did it, what allowed it and what it broke',
  options: {
    ...scopeOptions,
    ...selectorOptions,
    ...outputOptions,
    ...limitOption,
    since: { type: 'string' },
    until: { type: 'string' },
    user: { type: 'string' },
    origin: { type: 'string' },
    oneline: { type: 'boolean' },
    snapshots: { type: 'boolean' },
    violated: { type: 'boolean' },
  },
  help: [
    ...scopeHelp,
    ...selectorHelp,
    ['--since, --until MOMENT', '2h, 3d, 02:13, 2026-11-21, 2026-11-21T02:13:00Z'],
    ['--user NAME', 'only changes linked to this audit user'],
    ['--origin KIND', 'gitops, pipeline, controller, human or unknown'],
    limitHelp('changes', peopleLimit),
    ['--oneline', 'a table with one line for each change'],
    ['--snapshots', 'also first sights of objects that were there before'],
    ['--violated', 'only changes that a control about changes fails'],
    ...outputHelp,
  ],
  async run(context) {
    const { values, print, paint, columns } = context;
    const { kind, name } = kindAndName(context.positionals);
    const query = {
      ...scopeQuery(values),
      kind,
      name,
      ...range(context),
      user: text(values, 'user'),
      origin: text(values, 'origin'),
      snapshots: values.snapshots === true ? true : undefined,
      violated: values.violated === true ? true : undefined,
    };
    const nothing = nothingText(context, query);
    await printListing<ApiChange>(context, {
      path: 'log',
      query,
      peopleLimit,
      cutNote: (limit) => `The newest ${limit}; --limit N shows more.`,
      async people(items, isWide) {
        if (values.oneline === true) {
          const rows = await Array.fromAsync(items, (change) => changeLine(change));
          print(rows.length === 0 ? nothing : table(onelineHeader, rows, { columns, flexible: [4, 5] }));
          return;
        }
        let count = 0;
        for await (const change of items) {
          print(`${changeBlock(change, { paint, isWide })}\n`);
          count += 1;
        }
        if (count === 0) print(nothing);
      },
    });
    return exitCode.ok;
  },
};

const onelineHeader = ['TIME', 'CLUSTER', 'OBJECT', 'OP', 'FIELDS', 'WHO', 'ORIGIN', 'APPROVAL', 'FINDINGS'];

/** Nothing is an answer, with exit 0: it says of what, so that a mistyped name is seen. */
function nothingText({ positionals, values }: CommandContext, query: Query): string {
  const { cluster, namespace, selector } = query;
  const what = [
    positionals.length === 0 ? '' : `for ${positionals.join(' ')}`,
    namespace === undefined ? '' : `in namespace ${namespace}`,
    cluster === undefined ? '' : `of ${cluster}`,
    selector === undefined ? '' : `with labels ${selector}`,
    ...['user', 'origin', 'since', 'until'].map((name) => {
      const value = text(values, name);
      return value === undefined ? '' : `--${name} ${value}`;
    }),
  ].filter((part) => part !== '');
  return printable(what.length === 0 ? 'No changes recorded.' : `No changes recorded ${what.join(', ')}.`);
}

function range({ values, now }: CommandContext): { readonly since?: string; readonly until?: string } {
  const since = text(values, 'since');
  const until = text(values, 'until');
  const from = since === undefined ? undefined : parsePastMoment(since, now());
  const to = until === undefined ? undefined : parseMoment(until, now());
  if (from !== undefined && to !== undefined && Date.parse(from) > Date.parse(to))
    throw new CliError(exitCode.usage, `--since ${since ?? ''} is after --until ${until ?? ''}: nothing lies between`);
  return { ...(from === undefined ? {} : { since: from }), ...(to === undefined ? {} : { until: to }) };
}
