/** `driftline show KIND/NAME`: the history of one object, with field diffs. */
import type { ApiChange } from '@driftline/proto';
import { CliError, exitCode } from '../exit-code.ts';
import { changeBlock } from '../output/change.ts';
import type { Command } from './command.ts';
import { limitHelp, limitOption, printListing } from './listing.ts';
import { kindAndName, outputHelp, outputOptions, scopeHelp, scopeOptions, scopeQuery } from './scope.ts';

const peopleLimit = 50;

export const showCommand: Command = {
  name: 'show',
  usage: 'show KIND/NAME [options]',
  summary: 'the history of one object, with field diffs',
  options: { ...scopeOptions, ...outputOptions, ...limitOption },
  help: [...scopeHelp, limitHelp('changes, newest first', peopleLimit), ...outputHelp],
  async run(context) {
    const { paint, print, values } = context;
    const { kind, name } = kindAndName(context.positionals);
    if (kind === undefined || name === undefined || name === '') {
      throw new CliError(exitCode.usage, 'name the object: driftline show deploy/web -n shop');
    }
    const missing = () =>
      new CliError(
        exitCode.notFound,
        `no ${kind} named '${name}' in the timeline${values.namespace === undefined ? '' : ` of namespace ${String(values.namespace)}`}`,
      );
    const { count } = await printListing<ApiChange>(context, {
      path: 'log',
      query: { ...scopeQuery(values), kind, name, snapshots: true },
      peopleLimit,
      cutNote: (limit) => `The newest ${limit}; --limit N shows more.`,
      async people(items, isWide) {
        for await (const change of items) print(`${changeBlock(change, { paint, isWide })}\n`);
      },
    });
    if (count === 0) throw missing();
    return exitCode.ok;
  },
};
