/** JUnit XML: a suite for each file, a case for each finding, and one for each object without any. */
import { type Place, placeText, subjectName } from '../finding.ts';
import type { Report, ReportedFinding } from '../report.ts';

type Case = {
  readonly name: string;
  readonly outcome: string;
  readonly state: 'passed' | 'failed' | 'skipped' | 'error';
};

export function junitText(report: Report): string {
  const suites = new Map<string, Case[]>();
  const add = ({ file }: Pick<Place, 'file'>, one: Case) => {
    const cases = suites.get(file) ?? [];
    suites.set(file, cases);
    cases.push(one);
  };
  const failing = new Set(report.findings.map(({ object }) => object));
  for (const problem of report.problems)
    add(problem, {
      name: 'is readable',
      state: 'error',
      outcome: `<error message="${xml(problem.reason)}">${xml(placeText(problem))}</error>`,
    });
  for (const finding of report.findings) add(finding.place, caseOf(finding));
  for (const scanned of report.objects) {
    const name = subjectName({ object: scanned.key, address: scanned.address });
    if (!failing.has(scanned.key)) add(scanned.locate(''), { name, state: 'passed', outcome: '' });
  }
  const all = [...suites.values()].flat();
  const body = [...suites].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, cases]) => suiteText(file, cases));
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="driftline" ${counts(all)}>\n${body.join('\n')}${body.length === 0 ? '' : '\n'}</testsuites>`;
}

/** What is excepted or in the baseline is skipped: there, and not what fails. */
function caseOf(finding: ReportedFinding): Case {
  const { control, severity, path, reason, isKnown, place, exception } = finding;
  const name = [control.id, subjectName(finding), path].filter((part) => part !== '').join(' ');
  if (exception !== '') return { name, state: 'skipped', outcome: `<skipped message="${xml(reason)}"/>` };
  if (isKnown) return { name, state: 'skipped', outcome: `<skipped message="${xml(`in the baseline: ${reason}`)}"/>` };
  const text = [placeText(place), control.title, `Remedy: ${control.remediation.summary}`].join('\n');
  return {
    name,
    state: 'failed',
    outcome: `<failure type="${severity}" message="${xml(reason)}">${xml(text)}</failure>`,
  };
}

function suiteText(file: string, cases: readonly Case[]): string {
  const lines = cases.map(({ name, outcome }) => {
    const open = `    <testcase name="${xml(name)}" classname="${xml(file)}" file="${xml(file)}"`;
    return outcome === '' ? `${open}/>` : `${open}>${outcome}</testcase>`;
  });
  return `  <testsuite name="${xml(file)}" ${counts(cases)}>\n${lines.join('\n')}\n  </testsuite>`;
}

function counts(cases: readonly Case[]): string {
  const of = (state: Case['state']) => cases.filter((one) => one.state === state).length;
  return `tests="${cases.length}" failures="${of('failed')}" errors="${of('error')}" skipped="${of('skipped')}"`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
/** XML 1.0 has no way to write these, and a terminal would obey some. */
const unwritable =
  // oxlint-disable-next-line no-control-regex -- the class is what must be replaced
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]/gu;

function xml(text: string): string {
  return text
    .replace(unwritable, '\ufffd')
    .replace(/[&<>"']/g, (char) => entities[char] ?? char)
    .replace(/\r/g, '&#13;');
}
