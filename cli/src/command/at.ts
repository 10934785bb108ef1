/** `driftline at MOMENT get …`: the state in the past, named as with `kubectl get`. */
import type { ApiGap, ApiObjects, ApiObjectState, ApiPage, Json, JsonObject } from '@driftline/proto';
import type { Query } from '../api-client.ts';
import { CliError, exitCode, isNotFound } from '../exit-code.ts';
import { parsePastMoment } from '../moment.ts';
import { localTime, printable, table } from '../output/text.ts';
import { type Command, type CommandContext, text } from './command.ts';
import { limitHelp, limitOption, printListing } from './listing.ts';
import { scoreCommand, scoreHelp, scoreOptions } from './score.ts';
import {
  objectOutputHelp,
  outputOptions,
  scopeHelp,
  scopeOptions,
  scopeQuery,
  selectorHelp,
  selectorOptions,
  type Wanted,
  wantedObjects,
} from './scope.ts';

const peopleLimit = 1_000;

export const atCommand: Command = {
  name: 'at',
  usage: 'at MOMENT get KIND[,KIND]… [NAME…] | get KIND/NAME… | get all | score [options]',
  summary: 'the objects as they were at a moment, and how sure that is; or the score of then',
  options: { ...scopeOptions, ...selectorOptions, ...outputOptions, ...limitOption, ...scoreOptions },
  help: [...scopeHelp, ...selectorHelp, limitHelp('objects', peopleLimit), ...scoreHelp, ...objectOutputHelp],
  async run(context) {
    const { positionals, values } = context;
    if (positionals.length > 1 && positionals.at(-1) === 'score') {
      const at = positionals.slice(0, -1).join(' ');
      return scoreCommand.run({ ...context, positionals: [], values: { ...values, at } });
    }
    const verb = positionals.indexOf('get');
    if (verb < 1)
      throw new CliError(exitCode.usage, 'say when and what: driftline at 2h get deploy -n shop, or at 2h score');
    const moment = parsePastMoment(positionals.slice(0, verb).join(' '), context.now());
    const wanted = wantedObjects(positionals.slice(verb + 1));
    if (wanted.length === 0)
      throw new CliError(exitCode.usage, "name a kind after 'get', such as deploy, rolebindings or ingress");
    const scope = { ...scopeQuery(values), at: moment };
    const queries = wanted.map((each) => ({ ...scope, ...each }));
    const { empty } = await printListing<ApiObjectState>(context, {
      path: 'objects',
      query: queries,
      skipsUnknown: positionals[verb + 1] === 'all',
      peopleLimit,
      head: { apiVersion: 'v1', kind: 'List' },
      toData: manifest,
      toName: nameLine,
      whenEmpty: () => requireTimelineAt(context, moment),
      cutNote: (limit) => `The first ${limit}; --limit N shows more.`,
      async people(items, isWide) {
        const states = await Array.fromAsync(items);
        if (states.length > 0) printStates(context, states, isWide);
        else if (wanted.every(({ name }) => name === undefined)) {
          const kinds = wanted.map(({ kind }) => kind).join(', ');
          context.print(`No ${kinds} at ${localTime(moment)}.${await doubtAt(context, wanted, scope)}`);
        }
      },
    });
    const missing = queries.filter((query) => query.name !== undefined && empty.includes(query));
    if (missing.length > 0) {
      const names = missing.map(({ kind, name }) => `${kind} '${name}'`).join(', ');
      const doubt = await doubtAt(context, missing, scope);
      throw new CliError(exitCode.notFound, `there was no ${names} at ${localTime(moment)}.${doubt}`);
    }
    return exitCode.ok;
  },
};

/** Before its first record the timeline knows of nothing: that is not the same as that there was nothing. */
async function requireTimelineAt({ api, values }: CommandContext, moment: string): Promise<void> {
  const query = { cluster: text(values, 'context'), until: moment, snapshots: true, limit: 1 };
  const { items } = await api().get<ApiPage<unknown>>('log', query);
  if (items.length > 0) return;
  throw new CliError(
    exitCode.notFound,
    `the timeline begins after ${localTime(moment)}: nothing is known of what was there`,
  );
}

/** What gaps at the moment an empty answer may be due to. */
async function doubtAt({ api }: CommandContext, wanted: readonly Wanted[], scope: Query): Promise<string> {
  const gapsOf = async (each: Wanted): Promise<readonly ApiGap[]> => {
    try {
      return (await api().get<ApiObjects>('objects', { ...scope, ...each, limit: 1 })).gaps;
    } catch (error) {
      // Of 'all', no cluster may have had a kind.
      if (isNotFound(error)) return [];
      throw error;
    }
  };
  // A gap in everything is told with each kind.
  const gaps = new Map(
    (await Promise.all(wanted.map(gapsOf))).flat().map((gap) => [JSON.stringify(gap), gap] as const),
  );
  if (gaps.size === 0) return '';
  const causes = [...new Set([...gaps.values()].map((gap) => `${gap.cluster}: ${gap.cause}`))].slice(0, 3).join(', ');
  return ` Not certain: ${gaps.size} gap${gaps.size === 1 ? '' : 's'} at that moment (${causes}).`;
}

/** `deployment.apps/web`, as kubectl prints it. */
function nameLine({ apiVersion, object: { kind, name } }: ApiObjectState): string {
  const [group = '', version] = apiVersion.split('/');
  return printable(`${kind.toLowerCase()}${version === undefined ? '' : `.${group}`}/${name}`);
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

function printStates({ print, columns }: CommandContext, states: readonly ApiObjectState[], isWide: boolean): void {
  const rows = states.map((state) => [
    state.object.cluster,
    state.object.namespace,
    `${state.object.kind}/${state.object.name}`,
    isWide ? state.observedAt : localTime(state.observedAt),
    state.certainty,
    ...(isWide ? [state.resourceVersion, state.object.uid, state.changeId] : []),
  ]);
  const wide = isWide ? ['VERSION', 'UID', 'CHANGE'] : [];
  print(
    table(['CLUSTER', 'NAMESPACE', 'OBJECT', 'UNCHANGED SINCE', 'CERTAINTY', ...wide], rows, {
      columns: isWide ? undefined : columns,
      flexible: [2],
    }),
  );
  const unsure = states.filter((state) => state.certainty === 'gap').length;
  if (unsure > 0)
    print(
      `\n${unsure} of ${states.length} not certain: something could not be seen then ('driftline status' says what).`,
    );
}
