/** A scan's answer in the forms that machines read. */
import type { Unanswered } from '@driftline/policy';
import { dataText } from '../../output/data.ts';
import type { Report } from '../report.ts';
import { junitText } from './junit.ts';
import { sarifText } from './sarif.ts';

export const reportFormats = ['json', 'yaml', 'sarif', 'junit'] as const;
export type ReportFormat = (typeof reportFormats)[number];

export function isReportFormat(text: string): text is ReportFormat {
  return reportFormats.some((format) => format === text);
}

export async function reportText(format: ReportFormat, report: Report): Promise<string> {
  switch (format) {
    case 'json':
    case 'yaml':
      return await dataText(format, reportData(report));
    case 'sarif':
      return sarifText(report);
    case 'junit':
      return junitText(report);
  }
}

function reportData(report: Report): unknown {
  return {
    bundle: report.bundle,
    files: report.fileCount,
    objects: report.objects.length,
    score: { score: report.score.score, earned: report.score.earned, possible: report.score.possible },
    mended: report.mended,
    items: report.findings.map((finding) => ({
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
      remediation: finding.control.remediation,
      frameworks: finding.control.frameworks,
    })),
    problems: report.problems,
    notAssessable: report.unanswered.filter(({ state }) => state === 'not-assessable').map(unansweredData),
    unjudged: report.unanswered.filter(({ state }) => state === 'unjudged').map(unansweredData),
  };
}

function unansweredData({ control, object, reason }: Unanswered): unknown {
  return { control, object, reason };
}
