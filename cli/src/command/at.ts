/** `driftline at MOMENT get KIND [NAME]`: the state in the past. */
import type { ApiObjects, ApiObjectState, Json, JsonObject } from '@driftline/proto';
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
  requireKnownCluster,
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
    const limit = wholeNumber(values, 'limit', defaultLimit);
    const states = await Array.fromAsync(context.api().items<ApiObjectState>('objects', query, limit));
    if (states.length === 0) await requireKnownCluster(context);
    const format = outputFormat(values);
    if (format === 'json' || format === 'yaml') {
      await printData(context, { apiVersion: 'v1', kind: 'List', items: states.map(manifest) });
    } else if (states.length > 0) {
      context.print(renderTable(states, format === 'wide'));
      if (states.length === limit) context.print(context.paint.dim(`The first ${limit}; --limit N shows more.`));
      const unsure = states.filter((state) => state.certainty === 'gap').length;
      if (unsure > 0)
        context.print(
          `\n${unsure} of ${states.length} not certain: something could not be seen then ('driftline status' says what).`,
        );
    }
    if (states.length === 0) {
      const { gaps } = await context.api().get<ApiObjects>('objects', { ...query, limit: 1 });
      const doubt =
        gaps.length === 0
          ? ''
          : ` Not certain: ${gaps.length} gap${gaps.length === 1 ? '' : 's'} at that moment (${gapText(gaps)}).`;
      if (name !== undefined)
        throw new CliError(exitCode.notFound, `there was no ${kind} '${name}' at ${localTime(moment)}.${doubt}`);
      if (format === 'people' || format === 'wide') context.print(`No ${kind} at ${localTime(moment)}.${doubt}`);
    }
    return exitCode.ok;
  },
};

function gapText(gaps: ApiObjects['gaps']): string {
  return [...new Set(gaps.map((gap) => `${gap.cluster}: ${gap.cause}`))].slice(0, 3).join(', ');
}

/** The object with the facts that made it this answer, as annotations would carry them. */
function manifest(state: ApiObjectState): Json {
  return {
    ...(state.body as JsonObject),
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
