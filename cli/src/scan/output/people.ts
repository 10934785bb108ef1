/** A scan's answer for people. */
import type { CommandContext } from '../../command/command.ts';
import { type Paint, printable, shorten, shortenStart, table } from '../../output/text.ts';
import { severities } from '../../severity.ts';
import { placeText, subjectName } from '../finding.ts';
import { isFresh, type Report, type ReportedFinding } from '../report.ts';

const titleWidth = 56;
const pathWidth = 56;

export function printReport(context: CommandContext, report: Report, isWide: boolean): void {
  const shown = report.findings.filter((finding) => !finding.isKnown);
  const hasExcepted = shown.some(({ exception }) => exception !== '');
  if (isWide) for (const finding of shown) context.print(`${wideFinding(finding, context.paint)}\n`);
  else if (shown.length > 0)
    context.print(
      `${table(
        ['SEVERITY', 'CONTROL', 'PLACE', 'OBJECT', 'WHAT', 'WHERE', ...(hasExcepted ? ['EXCEPTED BY'] : [])],
        shown.map((finding) => [...row(finding), ...(hasExcepted ? [finding.exception] : [])]),
        {
          columns: context.columns,
          flexible: [4, 5, 3],
        },
      )}\n`,
    );
  context.print(summary(report, shown.filter(isFresh)));
}

function row(finding: ReportedFinding): readonly string[] {
  return [
    finding.severity,
    finding.control.id,
    placeText(finding.place),
    subjectName(finding),
    shorten(finding.control.title, titleWidth),
    shortenStart(finding.path, pathWidth),
  ];
}

function summary(report: Report, fresh: readonly ReportedFinding[]): string {
  const counted = severities.toReversed().flatMap((severity) => {
    const count = fresh.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const known = report.findings.filter(({ isKnown }) => isKnown).length;
  const excepted = report.findings.length - known - fresh.length;
  const notAssessable = report.unanswered.filter(({ state }) => state === 'not-assessable').length;
  const unjudged = report.unanswered.length - notAssessable;
  const lines = [
    `${plural(report.objects.length, 'object')} in ${plural(report.fileCount, 'file')}: ${plural(fresh.length, known === 0 ? 'finding' : 'new finding')}${counted.length === 0 ? '' : ` (${counted.join(', ')})`}, ${report.score.possible === 0 ? 'no score' : `score ${report.score.score.toFixed(1)}`}`,
    ...(excepted === 0 ? [] : [`${plural(excepted, 'finding')} excepted`]),
    ...(known === 0 ? [] : [`${plural(known, 'finding')} in the baseline`]),
    ...(report.mended === 0
      ? []
      : [
          `${report.mended} in the baseline ${report.mended === 1 ? 'is' : 'are'} mended: --update-baseline takes ${report.mended === 1 ? 'it' : 'them'} out`,
        ]),
    ...(notAssessable === 0
      ? []
      : [
          `${plural(notAssessable, 'question')} that these files alone do not answer (not assessable; -o json lists them)`,
        ]),
    ...(unjudged === 0
      ? []
      : [`${plural(unjudged, 'question')} unjudged: a control failed on the object (-o json says why)`]),
  ];
  return lines.join('\n');
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function wideFinding(finding: ReportedFinding, paint: Paint): string {
  const { control, path, value, reason } = finding;
  const { remediation } = control;
  const lines = [
    ['place', placeText(finding.place)],
    ['object', subjectName(finding)],
    ['where', path === '' ? 'the object as a whole' : `${path}${value === '' ? '' : ` = ${value}`}`],
    ['why', reason],
    ['remedy', remediation.summary],
    ...(remediation.fields.length === 0 ? [] : [['fields', remediation.fields.join(', ')]]),
    ['impact', remediation.impact],
  ];
  return [
    `${paint.bold(finding.severity)}  ${paint.cyan(control.id)}  ${printable(control.title)}`,
    ...lines.map(([label = '', text = '']) => `  ${paint.dim(label.padEnd(8))}${printable(text)}`),
  ].join('\n');
}
