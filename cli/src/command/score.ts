/** `driftline score`: the posture, for clusters, categories and namespaces. */
import type { ApiScore } from '@driftline/proto';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { parsePastMoment } from '../moment.ts';
import { table } from '../output/text.ts';
import { type Command, type CommandContext, text } from './command.ts';
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

export const scoreCommand: Command = {
  name: 'score',
  usage: 'score [options]',
  summary: 'weighted posture score (earned of possible), by cluster, category and namespace',
  options: { ...scopeOptions, ...outputOptions, at: { type: 'string' }, 'min-score': { type: 'string' } },
  help: [
    ...scopeHelp,
    ['--at MOMENT', 'the score at a moment in the past'],
    ['--min-score N', 'exit 1 when a cluster (with -n: that namespace) scores below N, or has no score'],
    ...outputHelp,
  ],
  async run(context) {
    refuseArguments(context);
    const { values } = context;
    const minimum = minimumScore(text(values, 'min-score'));
    const at = text(values, 'at');
    const query = { ...scopeQuery(values), at: at === undefined ? undefined : parsePastMoment(at, context.now()) };
    const { items } = await context.api().get<{ readonly items: readonly ApiScore[] }>('score', query);
    if (items.length === 0) await requireKnownScope(context);
    const gate = minimum === undefined ? exitCode.ok : gateOf(context, items, minimum);
    context.settle(gate);
    const format = outputFormat(values);
    if (format === 'json' || format === 'yaml') await printData(context, { items });
    else context.print(items.length === 0 ? 'Nothing has been judged yet.' : renderScores(items));
    if (gate === exitCode.failed) context.warn(`below --min-score ${minimum ?? ''}, or nothing has a score: exit 1`);
    return gate;
  },
};

/** A gate on nothing must not pass; with a namespace, the answer has that namespace's scores only. */
function gateOf({ values }: CommandContext, items: readonly ApiScore[], minimum: number): ExitCode {
  const compared = items.filter((item) => values.namespace !== undefined || item.scope === 'cluster');
  return compared.length > 0 && compared.every((item) => item.score >= minimum) ? exitCode.ok : exitCode.failed;
}

function renderScores(items: readonly ApiScore[]): string {
  const rows = items.map((item) => [
    item.cluster,
    item.scope,
    item.score.toFixed(1),
    `${item.earned}/${item.possible}`,
    ...(['critical', 'high', 'medium', 'low', 'info'] as const).map((severity) =>
      String(item.openBySeverity[severity]),
    ),
  ]);
  return table(['CLUSTER', 'SCOPE', 'SCORE', 'POINTS', 'CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'INFO'], rows);
}
