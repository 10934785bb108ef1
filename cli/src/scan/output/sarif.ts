/** SARIF 2.1.0: what code hosts show beside the lines. */
import { createHash } from 'node:crypto';
import type { ControlMeta } from '@driftline/policy';
import { escapeQuoted } from '../../output/text.ts';
import type { Severity } from '../../severity.ts';
import { placeText, type Place, subjectName } from '../finding.ts';
import { findingIdentity } from '../baseline.ts';
import type { Report, ReportedFinding } from '../report.ts';

const schema = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

const levels: Readonly<Record<Severity, string>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
  info: 'note',
};
/** As code hosts rank: above 9 critical, from 7 high, from 4 medium, below low. */
const ranks: Readonly<Record<Severity, string>> = {
  critical: '9.5',
  high: '8.0',
  medium: '5.5',
  low: '3.0',
  info: '1.0',
};

export function sarifText(report: Report): string {
  const rules = [...new Map(report.findings.map(({ control }) => [control.id, control])).values()].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );
  const ruleIndex = new Map(rules.map(({ id }, index) => [id, index]));
  const log = {
    $schema: schema,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'driftline',
            version: report.version,
            semanticVersion: report.version,
            rules: rules.map(ruleOf),
            properties: { bundle: report.bundle },
          },
        },
        columnKind: 'utf16CodeUnits',
        results: report.findings.map((finding) => resultOf(finding, ruleIndex)),
        invocations: [
          {
            executionSuccessful: report.problems.length === 0,
            toolExecutionNotifications: report.problems.map((problem) => ({
              level: 'error',
              message: { text: `${placeText(problem)}: ${problem.reason}` },
              locations: [{ physicalLocation: physicalLocation(problem) }],
            })),
          },
        ],
      },
    ],
  };
  return escapeQuoted(JSON.stringify(log, null, 2));
}

function ruleOf(control: ControlMeta): unknown {
  const { remediation, references, frameworks } = control;
  const [helpUri] = references;
  const help = [
    control.rationale,
    `Remedy: ${remediation.summary}`,
    ...(remediation.fields.length === 0 ? [] : [`Fields: ${remediation.fields.join(', ')}`]),
    `Impact: ${remediation.impact}`,
  ];
  return {
    id: control.id,
    shortDescription: { text: control.title },
    fullDescription: { text: control.rationale },
    help: { text: help.join('\n\n') },
    ...(helpUri === undefined ? {} : { helpUri }),
    defaultConfiguration: { level: levels[control.severity] },
    properties: {
      'security-severity': ranks[control.severity],
      tags: [
        'security',
        control.category,
        ...frameworks.flatMap(({ framework, requirements }) => requirements.map((one) => `${framework}/${one}`)),
      ],
    },
  };
}

function resultOf(finding: ReportedFinding, ruleIndex: ReadonlyMap<string, number>): unknown {
  const { control, path, reason, severity, isKnown, exception } = finding;
  const subject = subjectName(finding);
  return {
    ruleId: control.id,
    ruleIndex: ruleIndex.get(control.id) ?? -1,
    level: levels[severity],
    message: { text: `${subject === '' ? '' : `${subject}: `}${reason}${path === '' ? '' : ` (${path})`}` },
    locations: [
      {
        physicalLocation: physicalLocation(finding.place),
        logicalLocations: [
          { fullyQualifiedName: [subject, path].filter((part) => part !== '').join(' '), kind: 'object' },
        ],
      },
    ],
    partialFingerprints: { 'driftlineIdentity/v1': sha256(findingIdentity(finding)).slice(0, 32) },
    baselineState: isKnown ? 'unchanged' : 'new',
    ...(exception === '' ? {} : { suppressions: [{ kind: 'external', status: 'accepted', justification: reason }] }),
  };
}

/** A place whose line is not known is its file's beginning: readers of SARIF want a region. */
function physicalLocation({ file, line, column }: Place): unknown {
  return {
    artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/') },
    region: { startLine: Math.max(line, 1), startColumn: Math.max(column, 1) },
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
