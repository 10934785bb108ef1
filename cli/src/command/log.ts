/** `driftline log`: the changes, newest first. */
import type { ApiChange } from '@driftline/proto';
import { exitCode } from '../exit-code.ts';
import { parseMoment } from '../moment.ts';
import { changeBlock, changeLine } from '../output/change.ts';
import { table } from '../output/text.ts';
import { type Command, text } from './command.ts';
import {
  kindAndName,
  outputFormat,
  outputHelp,
  outputOptions,
  printItems,
  requireKnownCluster,
  scopeHelp,
  scopeOptions,
  scopeQuery,
  selectorHelp,
  selectorOptions,
  wholeNumber,
} from './scope.ts';

const defaultLimit = 20;

export const logCommand: Command = {
  name: 'log',
  usage: 'log [KIND[/NAME]] [options]',
  summary: 'what changed, where, who did it, what allowed it and what it broke',
  options: {
    ...scopeOptions,
    ...selectorOptions,
    ...outputOptions,
    since: { type: 'string' },
    until: { type: 'string' },
    user: { type: 'string' },
    origin: { type: 'string' },
    limit: { type: 'string' },
    oneline: { type: 'boolean' },
    snapshots: { type: 'boolean' },
  },
  help: [
    ...scopeHelp,
    ...selectorHelp,
    ['--since, --until MOMENT', '2h, 3d, 02:13, 2026-11-21, 2026-11-21T02:13:00Z'],
    ['--user NAME', 'only changes linked to this audit user'],
    ['--origin KIND', 'gitops, pipeline, controller, human or unknown'],
    ['--limit N', `at most N changes (default ${defaultLimit})`],
    ['--oneline', 'a table with one line for each change'],
    ['--snapshots', 'also first sights of objects that were there before'],
    ...outputHelp,
  ],
  async run(context) {
    const { values, print, paint } = context;
    const { kind, name } = kindAndName(context.positionals);
    const moment = (option: string) => {
      const value = text(values, option);
      return value === undefined ? undefined : parseMoment(value, context.now());
    };
    const query = {
      ...scopeQuery(values),
      kind,
      name,
      since: moment('since'),
      until: moment('until'),
      user: text(values, 'user'),
      origin: text(values, 'origin'),
      snapshots: values.snapshots === true ? true : undefined,
    };
    const limit = wholeNumber(values, 'limit', defaultLimit);
    const items = context.api().items<ApiChange>('log', query, limit);
    const isWide = outputFormat(values) === 'wide';
    const lines: (readonly string[])[] = [];
    const count = await printItems(context, items, (change) => {
      if (values.oneline === true) lines.push(changeLine(change));
      else print(`${changeBlock(change, { paint, isWide })}\n`);
    });
    if (lines.length > 0)
      print(table(['TIME', 'CLUSTER', 'OBJECT', 'OP', 'FIELDS', 'WHO', 'ORIGIN', 'APPROVAL', 'FINDINGS'], lines));
    if (count === 0) await requireKnownCluster(context);
    const isForPeople = outputFormat(values) === 'people' || isWide;
    if (isForPeople && count === 0) print('No changes.');
    if (isForPeople && count === limit) print(paint.dim(`The newest ${limit}; --limit N shows more.`));
    return exitCode.ok;
  },
};
