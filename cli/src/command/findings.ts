/** `driftline findings`: what breaks policy, now or ever. */
import type { ApiFinding } from '@driftline/proto';
import { CliError, exitCode } from '../exit-code.ts';
import { localTime, type Paint, printable, shorten, shortenStart, table } from '../output/text.ts';
import { type Command, type CommandContext, text } from './command.ts';
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

const defaultLimit = 1_000;
const titleWidth = 48;
const pathWidth = 48;
const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;

export const findingsCommand: Command = {
  name: 'findings',
  usage: 'findings [KIND[/NAME]] [options]',
  summary: 'objects that break policy, with the field and the remedy',
  options: {
    ...scopeOptions,
    ...selectorOptions,
    ...outputOptions,
    state: { type: 'string' },
    severity: { type: 'string' },
    control: { type: 'string' },
    limit: { type: 'string' },
    'fail-on': { type: 'string' },
  },
  help: [
    ...scopeHelp,
    ...selectorHelp,
    ['--state STATE', 'open (default), resolved, excepted or all'],
    ['--severity LEVEL', 'at least this severity: info, low, medium, high, critical'],
    ['--control ID', 'only this control'],
    ['--limit N', `at most N findings (default ${defaultLimit})`],
    ['--fail-on LEVEL', 'exit 1 when an open finding has at least this severity'],
    ...outputHelp,
  ],
  async run(context) {
    const { values } = context;
    const { kind, name } = kindAndName(context.positionals);
    const failOn = severityOption(context, 'fail-on');
    const query = {
      ...scopeQuery(values),
      kind,
      name,
      state: text(values, 'state') ?? 'open',
      severity: severityOption(context, 'severity'),
      control: text(values, 'control'),
    };
    const found: ApiFinding[] = [];
    const limit = wholeNumber(values, 'limit', defaultLimit);
    const items = context.api().items<ApiFinding>('findings', query, limit);
    await printItems(context, keeping(items, found), () => {});
    if (found.length === 0) await requireKnownCluster(context);
    const format = outputFormat(values);
    if (format === 'people' || format === 'wide') {
      printFindings(context, found, format === 'wide');
      if (found.length === limit) context.print(context.paint.dim(`The ${limit} most severe; --limit N shows more.`));
    }
    const isGated =
      failOn !== undefined &&
      found.some((finding) => finding.state === 'open' && rank(finding.severity) >= rank(failOn));
    return isGated ? exitCode.failed : exitCode.ok;
  },
};

async function* keeping<T>(items: AsyncIterable<T>, kept: T[]): AsyncIterable<T> {
  for await (const item of items) {
    kept.push(item);
    yield item;
  }
}

function severityOption(context: CommandContext, name: string): string | undefined {
  const value = text(context.values, name);
  if (value === undefined || severities.some((severity) => severity === value)) return value;
  throw new CliError(exitCode.usage, `--${name} takes ${severities.join(', ')}, not '${value}'`);
}

function rank(severity: string): number {
  return severities.findIndex((known) => known === severity);
}

function printFindings(context: CommandContext, findings: readonly ApiFinding[], isWide: boolean): void {
  if (findings.length === 0) {
    context.print('No findings.');
    return;
  }
  if (isWide) {
    for (const finding of findings) context.print(`${wideFinding(finding, context.paint)}\n`);
  } else {
    const isAllOpen = findings.every((finding) => finding.state === 'open');
    const rows = findings.map((finding) => [
      finding.severity,
      finding.control,
      finding.object.cluster,
      finding.object.namespace,
      `${finding.object.kind}/${finding.object.name}`,
      shorten(finding.title, titleWidth),
      shortenStart(finding.path, pathWidth),
      ...(isAllOpen ? [] : [finding.state]),
      localTime(finding.openedAt),
    ]);
    const state = isAllOpen ? [] : ['STATE'];
    context.print(
      table(['SEVERITY', 'CONTROL', 'CLUSTER', 'NAMESPACE', 'OBJECT', 'WHAT', 'WHERE', ...state, 'SINCE'], rows),
    );
  }
  const counts = severities.toReversed().flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const hint = isWide ? '' : context.paint.dim('  (-o wide shows why, and the remedy)');
  context.print(`\n${findings.length} finding${findings.length === 1 ? '' : 's'}: ${counts.join(', ')}${hint}`);
}

function wideFinding(finding: ApiFinding, paint: Paint): string {
  const { object, remediation } = finding;
  const lines = [
    [
      'object',
      `${object.kind} ${object.namespace === '' ? '' : `${object.namespace}/`}${object.name} in ${object.cluster}`,
    ],
    [
      'where',
      finding.path === ''
        ? 'the object as a whole'
        : `${finding.path}${finding.value === '' ? '' : ` = ${finding.value}`}`,
    ],
    ['why', finding.reason],
    [
      'state',
      `${finding.state}, opened ${finding.openedAt}, last changed ${finding.changedAt}, judged by bundle ${finding.bundle}`,
    ],
    ...(remediation === null
      ? []
      : [
          ['remedy', remediation.summary],
          ['fields', remediation.fields.join(', ')],
          ['impact', remediation.impact],
        ]),
  ];
  return [
    `${paint.bold(finding.severity)}  ${paint.cyan(finding.control)}  ${printable(finding.title)}`,
    ...lines.map(([label = '', value = '']) => `  ${paint.dim(label.padEnd(8))}${printable(value)}`),
  ].join('\n');
}
