/** `driftline findings`: what breaks policy, now or ever. */
import type { ApiFinding, ApiPage } from '@driftline/proto';
import type { Query } from '../api-client.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { severities } from '../severity.ts';
import { localTime, type Paint, printable, shorten, shortenStart, table } from '../output/text.ts';
import { type Command, type CommandContext, text } from './command.ts';
import { limitHelp, limitOption, printListing } from './listing.ts';
import {
  kindAndName,
  outputHelp,
  outputOptions,
  scopeHelp,
  scopeOptions,
  scopeQuery,
  selectorHelp,
  selectorOptions,
  severityOption,
} from './scope.ts';

const peopleLimit = 1_000;
const titleWidth = 48;
const pathWidth = 48;

export const findingsCommand: Command = {
  name: 'findings',
  usage: 'findings [KIND[/NAME]] [options]',
  summary: 'objects that break policy, with the field and the remedy',
  options: {
    ...scopeOptions,
    ...selectorOptions,
    ...outputOptions,
    ...limitOption,
    state: { type: 'string' },
    severity: { type: 'string' },
    control: { type: 'string' },
    exception: { type: 'string' },
    'fail-on': { type: 'string' },
    sort: { type: 'string' },
  },
  help: [
    ...scopeHelp,
    ...selectorHelp,
    ['--state STATE', 'open (default), resolved, excepted or all'],
    ['--severity LEVEL', 'at least this severity: info, low, medium, high, critical'],
    ['--control ID', 'only this control'],
    ['--exception ID', 'only what this exception holds now: what is open again when it ends'],
    ['--sort ORDER', 'severity (default) or risk; -o wide and json tell what the risk is made of'],
    limitHelp('findings', peopleLimit),
    ['--fail-on LEVEL', 'exit 1 when the scope has an open finding of at least this severity,'],
    ['', 'whatever --state, --severity and --limit show'],
    ...outputHelp,
  ],
  async run(context) {
    const { values } = context;
    const { kind, name } = kindAndName(context.positionals);
    const failOn = severityOption(values, 'fail-on');
    const scope = { ...scopeQuery(values), kind, name, control: text(values, 'control') };
    const severity = severityOption(values, 'severity');
    const exception = text(values, 'exception');
    const sort = text(values, 'sort');
    const state = text(values, 'state') ?? (exception === undefined ? 'open' : 'excepted');
    // Before anything is printed: a gate holds even when the reader goes away.
    const gate = failOn === undefined ? exitCode.ok : await gateOf(context, { ...scope, severity: failOn });
    context.settle(gate);
    await printListing<ApiFinding>(context, {
      path: 'findings',
      query: { ...scope, exception, state, severity, sort },
      peopleLimit,
      cutNote: (limit) => `The ${limit} ${sort === 'risk' ? 'riskiest' : 'most severe'}; --limit N shows more.`,
      async people(items, isWide) {
        printFindings(context, await Array.fromAsync(items), { isWide, isByRisk: sort === 'risk' });
      },
    });
    if (gate === exitCode.failed) context.warn(`there are open findings of severity ${failOn ?? ''} or more: exit 1`);
    return gate;
  },
};

async function gateOf({ api }: CommandContext, query: Query): Promise<ExitCode> {
  const { items } = await api().get<ApiPage<ApiFinding>>('findings', { ...query, state: 'open', limit: 1 });
  return items.length > 0 ? exitCode.failed : exitCode.ok;
}

type Shown = { readonly isWide: boolean; readonly isByRisk: boolean };

function printFindings(context: CommandContext, findings: readonly ApiFinding[], { isWide, isByRisk }: Shown): void {
  if (findings.length === 0) {
    context.print('No findings.');
    return;
  }
  if (isWide) {
    for (const finding of findings) context.print(`${wideFinding(finding, context.paint)}\n`);
  } else {
    const isAllOpen = findings.every((finding) => finding.state === 'open');
    const rows = findings.map((finding) => [
      ...(isByRisk ? [String(finding.risk?.score ?? '')] : []),
      finding.severity,
      finding.control,
      finding.object.cluster,
      finding.object.namespace,
      `${finding.object.kind}/${finding.object.name}`,
      shorten(finding.title, titleWidth),
      shortenStart(finding.path, pathWidth),
      ...(isAllOpen ? [] : [stateText(finding)]),
      localTime(finding.openedAt),
    ]);
    const state = isAllOpen ? [] : ['STATE'];
    context.print(
      table(
        [
          ...(isByRisk ? ['RISK'] : []),
          'SEVERITY',
          'CONTROL',
          'CLUSTER',
          'NAMESPACE',
          'OBJECT',
          'WHAT',
          'WHERE',
          ...state,
          'SINCE',
        ],
        rows,
        {
          columns: context.columns,
          flexible: isByRisk ? [6, 7, 5] : [5, 6, 4],
        },
      ),
    );
  }
  const counts = severities.toReversed().flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const hint = isWide ? '' : context.paint.dim('  (-o wide shows why, and the remedy)');
  context.print(`\n${findings.length} finding${findings.length === 1 ? '' : 's'}: ${counts.join(', ')}${hint}`);
}

/** What the risk is made of: every factor, also those that change nothing. */
function riskLines({ risk, severity }: ApiFinding): readonly string[] {
  if (risk === null) return [];
  return [
    `${risk.score} of 100: ${risk.points} for ${severity}`,
    ...risk.factors.map(
      ({ name, value, percent, evidence }) =>
        `× ${(percent / 100).toFixed(2)} ${name} ${value}${evidence === '' ? '' : ` (${evidence})`}`,
    ),
  ];
}

function stateText({ state, exception }: ApiFinding): string {
  return exception === null ? state : `${state} by ${exception}`;
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
      `${stateText(finding)}, opened ${finding.openedAt}, last changed ${finding.changedAt}, judged by bundle ${finding.bundle}`,
    ],
    ...riskLines(finding).map((line, index) => [index === 0 ? 'risk' : '', line]),
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
