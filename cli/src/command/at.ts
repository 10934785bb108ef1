/** `driftline at MOMENT get KIND [NAME]`: the state in the past. */
import { type ApiObjectState, isJsonObject, type Json } from '@driftline/proto';
import { CliError, exitCode } from '../exit-code.ts';
import { parseMoment } from '../moment.ts';
import { localTime, table } from '../output/text.ts';
import type { Command } from './command.ts';
import {
  kindAndName,
  outputFormat,
  outputHelp,
  outputOptions,
  printData,
  scopeHelp,
  scopeOptions,
  scopeQuery,
  selectorHelp,
  selectorOptions,
  wholeNumber,
} from './scope.ts';

const defaultLimit = 1_000;

export const atCommand: Command = {
  name: 'at',
  usage: 'at MOMENT get KIND[/NAME] [options]',
  summary: 'the objects as they were at a moment, and how sure that is',
  options: { ...scopeOptions, ...selectorOptions, ...outputOptions, limit: { type: 'string' } },
  help: [...scopeHelp, ...selectorHelp, ['--limit N', `at most N objects (default ${defaultLimit})`], ...outputHelp],
  async run(context) {
    const { positionals, values } = context;
    const verb = positionals.indexOf('get');
    if (verb < 1) throw new CliError(exitCode.usage, 'say when and what: driftline at 2h get deploy -n shop');
    const moment = parseMoment(positionals.slice(0, verb).join(' '), context.now());
    const { kind, name } = kindAndName(positionals.slice(verb + 1));
    if (kind === undefined)
      throw new CliError(exitCode.usage, "name a kind after 'get', such as deploy, rolebindings or ingress");
    const query = { ...scopeQuery(values), at: moment, kind, name };
    const states = await Array.fromAsync(
      context.api().items<ApiObjectState>('objects', query, wholeNumber(values, 'limit', defaultLimit)),
    );
    const format = outputFormat(values);
    if (format === 'json' || format === 'yaml') {
      await printData(context, { apiVersion: 'v1', kind: 'List', items: states.map(manifest) });
    } else if (states.length > 0) {
      context.print(states.length === 0 ? '' : renderTable(states, format === 'wide'));
      const unsure = states.filter((state) => state.certainty === 'gap').length;
      if (unsure > 0)
        context.print(`\n${unsure} of them lie inside a gap: see 'driftline status' for what could not be seen`);
    }
    if (states.length === 0 && name !== undefined)
      throw new CliError(exitCode.notFound, `there was no ${kind} '${name}' at ${moment}`);
    if (states.length === 0 && format !== 'json' && format !== 'yaml') context.print(`No ${kind} at ${moment}.`);
    return exitCode.ok;
  },
};

/** The object with the facts that made it this answer, as annotations would carry them. */
function manifest(state: ApiObjectState): Json {
  const body = isJsonObject(state.body) ? state.body : {};
  return {
    ...body,
    driftline: {
      cluster: state.object.cluster,
      observedAt: state.observedAt,
      resourceVersion: state.resourceVersion,
      change: state.changeId,
      certainty: state.certainty,
    },
  };
}

function renderTable(states: readonly ApiObjectState[], isWide: boolean): string {
  const rows = states.map((state) => [
    state.object.cluster,
    state.object.namespace,
    `${state.object.kind}/${state.object.name}`,
    isWide ? state.observedAt : localTime(state.observedAt),
    state.certainty,
    ...(isWide ? [state.resourceVersion, state.object.uid, state.changeId] : []),
  ]);
  return table(
    ['CLUSTER', 'NAMESPACE', 'OBJECT', 'UNCHANGED SINCE', 'CERTAINTY', ...(isWide ? ['VERSION', 'UID', 'CHANGE'] : [])],
    rows,
  );
}
