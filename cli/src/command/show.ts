/** `driftline show KIND/NAME`: the history of one object, with field diffs. */
import type { ApiChange } from '@driftline/proto';
import { CliError, exitCode } from '../exit-code.ts';
import { changeBlock } from '../output/change.ts';
import type { Command } from './command.ts';
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
  wholeNumber,
} from './scope.ts';

const defaultLimit = 50;

export const showCommand: Command = {
  name: 'show',
  usage: 'show KIND/NAME [options]',
  summary: 'the history of one object, with field diffs',
  options: { ...scopeOptions, ...outputOptions, limit: { type: 'string' } },
  help: [...scopeHelp, ['--limit N', `at most N changes, newest first (default ${defaultLimit})`], ...outputHelp],
  async run(context) {
    const { kind, name } = kindAndName(context.positionals);
    if (kind === undefined || name === undefined || name === '') {
      throw new CliError(exitCode.usage, 'name the object: driftline show deploy/web -n shop');
    }
    const query = { ...scopeQuery(context.values), kind, name, snapshots: true };
    const items = context.api().items<ApiChange>('log', query, wholeNumber(context.values, 'limit', defaultLimit));
    const isWide = outputFormat(context.values) === 'wide';
    const count = await printItems(context, items, (change) => {
      context.print(`${changeBlock(change, { paint: context.paint, isWide })}\n`);
    });
    if (count === 0) await requireKnownCluster(context);
    if (count === 0)
      throw new CliError(
        exitCode.notFound,
        `no ${kind} named '${name}' in the timeline${context.values.namespace === undefined ? '' : ` of namespace ${String(context.values.namespace)}`}`,
      );
    return exitCode.ok;
  },
};
