/** A scan's answer in the forms that machines read. */
import type { Unanswered } from '@driftline/policy';
import { dataText } from '../../output/data.ts';
import { escapeQuoted } from '../../output/text.ts';
import type { Report, ReportedFinding } from '../report.ts';
import { junitText } from './junit.ts';
import { sarifText } from './sarif.ts';

export const reportFormats = ['json', 'yaml', 'sarif', 'junit'] as const;
export type ReportFormat = (typeof reportFormats)[number];

export function isReportFormat(text: string): text is ReportFormat {
  return reportFormats.some((format) => format === text);
}

/** The answer's lines in parts: a line break belongs between two of them. */
export async function reportParts(format: ReportFormat, report: Report): Promise<Iterable<string>> {
  switch (format) {
    case 'json':
      return jsonParts(report);
    case 'yaml':
      return [await dataText('yaml', reportData(report))];
    case 'sarif':
      return [sarifText(report)];
    case 'junit':
      return [junitText(report)];
  }
}

function reportData(report: Report): Readonly<Record<string, unknown>> {
  return {
    bundle: report.bundle,
    files: report.fileCount,
    objects: report.objects.length,
    score: { score: report.score.score, earned: report.score.earned, possible: report.score.possible },
    mended: report.mended,
    items: report.findings.map((finding) => ({ ...findingData(finding), ...controlData(finding) })),
    problems: report.problems,
    notAssessable: report.unanswered.filter(({ state }) => state === 'not-assessable').map(unansweredData),
    unjudged: report.unanswered.filter(({ state }) => state === 'unjudged').map(unansweredData),
  };
}

function findingData(finding: ReportedFinding): object {
  return {
    control: finding.control.id,
    title: finding.control.title,
    severity: finding.severity,
    category: finding.control.category,
    ...finding.place,
    object: finding.object,
    ...(finding.address === '' ? {} : { address: finding.address }),
    path: finding.path,
    value: finding.value,
    reason: finding.reason,
    isKnown: finding.isKnown,
    ...(finding.exception === '' ? {} : { exception: finding.exception }),
  };
}

function controlData({ control: { remediation, frameworks } }: ReportedFinding): object {
  return { remediation, frameworks };
}

/** Findings in one part. */
const findingsPerPart = 128;

/** `dataText('json', reportData(report))`, with what a control says written out once for all of its findings. */
function* jsonParts(report: Report): Generator<string> {
  const whole = escapeQuoted(JSON.stringify(reportData({ ...report, findings: [] }), null, 2));
  const { findings } = report;
  if (findings.length === 0) return yield whole;
  const [head = '', tail = ''] = whole.split('\n  "items": []');
  yield `${head}\n  "items": [`;
  const ofControl = new Map<ReportedFinding['control'], string>();
  for (let from = 0; from < findings.length; from += findingsPerPart) {
    const part = findings.slice(from, from + findingsPerPart).map((finding) => {
      const control = ofControl.get(finding.control) ?? itemMembers(controlData(finding));
      ofControl.set(finding.control, control);
      return `    {\n${itemMembers(findingData(finding))},\n${control}\n    }`;
    });
    yield `${part.join(',\n')}${from + findingsPerPart < findings.length ? ',' : ''}`;
  }
  yield `  ]${tail}`;
}

const itemStart = '{\n  "items": [\n    {\n'.length;
const itemEnd = '\n    }\n  ]\n}'.length;

/** The members of an object, which are some, as they stand in an item of the document. */
function itemMembers(data: object): string {
  return escapeQuoted(JSON.stringify({ items: [data] }, null, 2).slice(itemStart, -itemEnd));
}

function unansweredData({ control, object, reason }: Unanswered): unknown {
  return { control, object, reason };
}
