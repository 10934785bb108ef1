/** `driftline exceptions`: what is waived, by whom, until when, and what fails then. */
import type { ApiException } from '@driftline/proto';
import { CliError, type ExitCode, exitCode } from '../exit-code.ts';
import { parseSpan } from '../moment.ts';
import { type Paint, printable, table } from '../output/text.ts';
import { severities } from '../severity.ts';
import { type Command, text } from './command.ts';
import {
  clusterHelp,
  clusterOptions,
  outputFormat,
  outputHelp,
  outputOptions,
  printData,
  refuseArguments,
  requireKnownScope,
} from './scope.ts';

/** What --fail-on can name. */
const conditions = {
  expired: ({ state }: ApiException) => state === 'expired',
  expiring: ({ state }: ApiException) => state === 'expiring',
  unused: ({ isUnused }: ApiException) => isUnused,
  'over-broad': ({ overBroad }: ApiException) => overBroad !== '',
} as const;

type Condition = keyof typeof conditions;

export const exceptionsCommand: Command = {
  name: 'exceptions',
  usage: 'exceptions [options]',
  summary: 'what is waived, by whom and until when, what fails then, what is no use',
  options: { ...clusterOptions, ...outputOptions, expiring: { type: 'string' }, 'fail-on': { type: 'string' } },
  help: [
    ...clusterHelp,
    ['--expiring TIME', 'only what ends within TIME (30d, 12h, 2w) or has ended'],
    ['--fail-on WHAT,…', 'exit 1 when one is expired, expiring, unused or over-broad,'],
    ['', 'whatever --expiring shows; with it, expiring means within that time (default: 14d)'],
    ...outputHelp,
  ],
  async run(context) {
    refuseArguments(context);
    const { values } = context;
    const failOn = conditionsIn(text(values, 'fail-on'));
    const expiring = text(values, 'expiring');
    const query = {
      cluster: text(values, 'context'),
      expiringBefore:
        expiring === undefined ? undefined : new Date(context.now().getTime() + parseSpan(expiring)).toISOString(),
    };
    const { items } = await context.api().get<{ readonly items: readonly ApiException[] }>('exceptions', query);
    if (items.length === 0) await requireKnownScope(context);
    const failing = items.flatMap((item) =>
      failOn.filter((condition) => conditions[condition](item)).map((condition) => `${item.id} is ${condition}`),
    );
    const gate: ExitCode = failing.length === 0 ? exitCode.ok : exitCode.failed;
    context.settle(gate);
    const shown = expiring === undefined ? items : items.filter(({ state }) => state !== 'active');
    const format = outputFormat(values);
    if (format === 'json' || format === 'yaml') await printData(context, { items: shown });
    else if (shown.length === 0) context.print('No exceptions.');
    else if (format === 'wide') for (const item of shown) context.print(`${wideText(item, context.paint)}\n`);
    else context.print(tableText(shown));
    if (gate === exitCode.failed) context.warn(`${failing.join(', ')}: exit 1`);
    return gate;
  },
};

function isCondition(name: string): name is Condition {
  return Object.hasOwn(conditions, name);
}

function conditionsIn(value: string | undefined): readonly Condition[] {
  if (value === undefined) return [];
  return value.split(',').map((part) => {
    const name = part.trim();
    if (isCondition(name)) return name;
    throw new CliError(exitCode.usage, `--fail-on takes ${Object.keys(conditions).join(', ')}, not '${name}'`);
  });
}

function tableText(items: readonly ApiException[]): string {
  const rows = items.map((item) => [
    item.id,
    item.state,
    item.expires,
    item.owner,
    String(item.held),
    item.controls.join(' '),
    remarks(item),
  ]);
  return table(['EXCEPTION', 'STATE', 'EXPIRES', 'OWNER', 'HOLDS', 'CONTROLS', 'REMARK'], rows);
}

function remarks({ isUnused, overBroad }: ApiException): string {
  return [isUnused ? 'unused' : '', overBroad === '' ? '' : `over-broad: ${overBroad}`]
    .filter((remark) => remark !== '')
    .join('; ');
}

function wideText(item: ApiException, paint: Paint): string {
  const counts = severities.toReversed().flatMap((severity) => {
    const count = item.heldBySeverity[severity];
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const places = Object.entries(item.heldByCluster).map(([cluster, count]) => `${count} in ${cluster}`);
  const held =
    item.held === 0
      ? 'nothing'
      : `${item.held} finding${item.held === 1 ? '' : 's'} (${counts.join(', ')}): ${places.join(', ')}`;
  const lines = [
    ['ends', `${item.expires}: it does not hold from ${item.endsAt} on`],
    ['owner', item.owner],
    ['approver', item.approver],
    ['why', item.ticket === '' ? item.reason : `${item.reason} (${item.ticket})`],
    ['controls', item.controls.join(' ')],
    ['clusters', item.clusters.length === 0 ? 'any' : item.clusters.join(' ')],
    ['holds', held],
    ...(remarks(item) === '' ? [] : [['remark', remarks(item)]]),
    ...(item.held === 0 ? [] : [['fails', `when it ends: driftline findings --exception ${item.id}`]]),
  ];
  return [
    `${paint.bold(printable(item.id))}  ${item.state}`,
    ...lines.map(([label = '', value = '']) => `  ${paint.dim(label.padEnd(9))}${printable(value)}`),
  ].join('\n');
}
