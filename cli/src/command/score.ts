/** `driftline score`: the posture now, at a moment, over time, by framework, and where it fell. */
import type { ApiRegression, ApiScore } from '@driftline/proto';
import type { Query } from '../api-client.ts';
import { CliError, type ExitCode, exitCode } from '../exit-code.ts';
import { parseMoment, parsePastMoment } from '../moment.ts';
import { historyText, regressionText, requirementText, type RequirementNote, scoreText } from '../output/score.ts';
import { type Command, type CommandContext, type OptionConfig, text } from './command.ts';
import {
  minimumScore,
  outputFormat,
  outputHelp,
  outputOptions,
  printData,
  refuseArguments,
  requireKnownScope,
  scopeHelp,
  scopeOptions,
  scopeQuery,
} from './scope.ts';

/** What `at MOMENT score` takes, too. */
export const scoreOptions = {
  by: { type: 'string' },
  framework: { type: 'string' },
  'min-score': { type: 'string' },
} as const satisfies OptionConfig;

export const scoreHelp = [
  ['--by KIND', 'by cluster, tenant, namespace, owner, category, control or framework'],
  ['--framework ID', 'of one framework, with its requirements and what no control shows of it'],
  ['--min-score N', 'exit 1 when a cluster (or what is asked for) scores below N, or has no score'],
] as const;

export const scoreCommand: Command = {
  name: 'score',
  usage: 'score [options]',
  summary: 'weighted posture score, earned of possible points: now, over time, and where it fell',
  options: {
    ...scopeOptions,
    ...outputOptions,
    ...scoreOptions,
    at: { type: 'string' },
    since: { type: 'string' },
    until: { type: 'string' },
    regressions: { type: 'boolean' },
  },
  help: [
    ...scopeHelp,
    ...scoreHelp,
    ['--at MOMENT', 'the score at a moment in the past'],
    ['--since, --until MOMENT', 'how it went: 7d, 2h, 2026-11-21; -o wide shows each point'],
    ['--regressions', 'where it fell by as much as counts as an event, and by what'],
    ...outputHelp,
    ['column AS OF', 'when the score last moved, as written down: under steady change it is up to a minute old'],
  ],
  async run(context) {
    refuseArguments(context);
    const { values } = context;
    const isOverTime = values.since !== undefined || values.until !== undefined;
    for (const [option, isGiven] of [
      ['--at', values.at !== undefined],
      ['--framework', values.framework !== undefined],
      ['--min-score', values['min-score'] !== undefined],
    ] as const)
      if (isGiven && (isOverTime || values.regressions === true))
        throw new CliError(
          exitCode.usage,
          `${option} asks about one moment: leave out --since, --until and --regressions`,
        );
    if (values.regressions === true) return showRegressions(context);
    return isOverTime ? showHistory(context) : showScores(context);
  },
};

async function showScores(context: CommandContext): Promise<ExitCode> {
  const { values, print } = context;
  const minimum = minimumScore(text(values, 'min-score'));
  const at = text(values, 'at');
  const query = { ...question(context), at: at === undefined ? undefined : parsePastMoment(at, context.now()) };
  const { items, framework } = await scores(context, query);
  if (items.length === 0) await requireKnownScope(context);
  const gate = minimum === undefined ? exitCode.ok : gateOf(context, items, minimum);
  context.settle(gate);
  const format = outputFormat(values);
  if (format === 'json' || format === 'yaml')
    await printData(context, { items, ...(framework === undefined ? {} : { framework }) });
  else if (items.length === 0) print('Nothing has been judged yet.');
  else {
    print(scoreText(items, format === 'wide'));
    if (framework !== undefined) print(requirementText(framework, format === 'wide'));
  }
  if (gate === exitCode.failed) context.warn(`below --min-score ${minimum ?? ''}, or nothing has a score: exit 1`);
  return gate;
}

async function scores(
  { api, values }: CommandContext,
  query: Query,
): Promise<{ readonly items: readonly ApiScore[]; readonly framework?: RequirementNote }> {
  const framework = text(values, 'framework');
  if (framework !== undefined) return await api().get('score', { ...query, framework });
  return { items: await Array.fromAsync(api().items<ApiScore>('score', query, Number.POSITIVE_INFINITY)) };
}

/** A gate on nothing must not pass. Where parts are asked for, each of them has to hold; else the clusters. */
function gateOf({ values }: CommandContext, items: readonly ApiScore[], minimum: number): ExitCode {
  const isOfParts = values.namespace !== undefined || values.by !== undefined || values.framework !== undefined;
  const compared = items.filter((item) => isOfParts || item.scope === 'cluster');
  return compared.length > 0 && compared.every((item) => item.score >= minimum) ? exitCode.ok : exitCode.failed;
}

async function showHistory(context: CommandContext): Promise<ExitCode> {
  const { values, print, api } = context;
  const by = values.by === undefined && values.namespace === undefined ? 'cluster' : undefined;
  const query = { ...question(context), ...(by === undefined ? {} : { by }), ...range(context) };
  const items = await Array.fromAsync(api().items<ApiScore>('score/history', query, Number.POSITIVE_INFINITY));
  if (items.length === 0) await requireKnownScope(context);
  const format = outputFormat(values);
  if (format === 'json' || format === 'yaml') await printData(context, { items });
  else print(items.length === 0 ? 'No score in that time.' : historyText(items, format === 'wide'));
  return exitCode.ok;
}

async function showRegressions(context: CommandContext): Promise<ExitCode> {
  const { values, print, paint, api } = context;
  const query = { ...question(context), ...range(context) };
  const items = await Array.fromAsync(api().items<ApiRegression>('score/regressions', query, Number.POSITIVE_INFINITY));
  if (items.length === 0) await requireKnownScope(context);
  const format = outputFormat(values);
  if (format === 'json' || format === 'yaml') await printData(context, { items });
  else if (items.length === 0) print('No score fell.');
  else for (const item of items) print(`${regressionText(item, { paint, isWide: format === 'wide' })}\n`);
  return exitCode.ok;
}

function question({ values }: CommandContext): Query {
  return { ...scopeQuery(values), by: text(values, 'by') };
}

function range({ values, now }: CommandContext): Query {
  const since = text(values, 'since');
  const until = text(values, 'until');
  return {
    since: since === undefined ? undefined : parsePastMoment(since, now()),
    until: until === undefined ? undefined : parseMoment(until, now()),
  };
}
