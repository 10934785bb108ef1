/** `driftline scan PATH…|-`: manifests before they are in a cluster, judged by the same engine and library. */
import { writeFileSync } from 'node:fs';
import { matchesGlob } from 'node:path';
import { CliError, type ExitCode, exitCode } from '../exit-code.ts';
import { noBaseline, readBaseline, writeBaseline } from '../scan/baseline.ts';
import { placeText } from '../scan/finding.ts';
import { shownPath } from '../scan/find-files.ts';
import { printReport } from '../scan/output/people.ts';
import { isReportFormat, type ReportFormat, reportFormats, reportParts } from '../scan/output/report-text.ts';
import { isFresh, type Report } from '../scan/report.ts';
import { severityRank, type Severity } from '../severity.ts';
import { type Command, type CommandContext, text, texts } from './command.ts';
import { loadPolicies } from './policies.ts';
import { minimumScore, severityOption } from './scope.ts';

export const scanCommand: Command = {
  name: 'scan',
  usage: 'scan PATH…|- [options]',
  summary: 'judge manifests, charts, kustomizations and Terraform plans; offline, for CI',
  isOffline: true,
  options: {
    output: { type: 'string', short: 'o' },
    report: { type: 'string', multiple: true },
    'fail-on': { type: 'string' },
    'min-score': { type: 'string' },
    severity: { type: 'string' },
    baseline: { type: 'string' },
    'update-baseline': { type: 'boolean' },
    policy: { type: 'string', multiple: true },
    cluster: { type: 'string' },
    values: { type: 'string', multiple: true },
    skip: { type: 'string', multiple: true },
    namespace: { type: 'string', short: 'n' },
  },
  help: [
    ['PATH…', 'files, folders, charts, kustomizations, Terraform plans as JSON; - for standard input'],
    [
      '--fail-on LEVEL',
      'exit 1 when a finding that is neither in the baseline nor excepted has at least this severity',
    ],
    ['--min-score N', 'exit 1 when the score is below N, or nothing has one'],
    ['--severity LEVEL', 'tell only of findings of at least this severity'],
    ['--baseline FILE', 'findings that are known already; they are counted and do not fail'],
    ['--update-baseline', 'write what is found now to the baseline'],
    ['--policy FOLDER', 'own controls and exceptions beside the library; can be given again'],
    ['--cluster NAME', 'the cluster these files are for: its exceptions hold; without, only those for any cluster'],
    ['--values FILE', 'values for Helm charts; can be given again'],
    ['--skip GLOB', 'files and folders to leave out, such as "**/testdata/**"; can be given again'],
    ['-n, --namespace NAME', 'the namespace of objects that name none'],
    ['--report FORMAT=FILE', 'write json, yaml, sarif or junit to a file, too; can be given again'],
    ['-o, --output FORMAT', 'wide, json, yaml, sarif or junit (default: a table)'],
  ],
  async run(context) {
    const options = readOptions(context);
    const bundle = await loadPolicies({ folders: options.policyFolders, withLibrary: true });
    // Loaded when it is needed, with the engine: the other commands start several times faster without.
    const { scan } = await import('../scan/scan.ts');
    const report = await scan(context.positionals, { ...options, bundle });
    for (const problem of report.problems) context.warn(`${placeText(problem)}: ${problem.reason}`);
    for (const note of report.notes) context.warn(note);
    const nothing = whyNothing(report, context.positionals);
    if (nothing !== '') context.warn(nothing);
    if (options.updates) return update(context, options, report);
    const gate = nothing !== '' && options.failOn !== undefined ? exitCode.badInput : gateOf(report, options);
    context.settle(gate);
    const shown = shownReport(report, options.severity);
    for (const { format, file } of options.reports) await writeReport(format, file, shown);
    if (isReportFormat(options.output))
      for (const part of await reportParts(options.output, shown)) context.print(part);
    else printReport(context, shown, options.output === 'wide');
    if (gate === exitCode.failed) context.warn(`${whyFailed(report, options)}: exit 1`);
    return gate;
  },
};

type ScanOptions = ReturnType<typeof readOptions>;

function readOptions({ values, positionals, now, readStdin }: CommandContext) {
  if (positionals.length === 0)
    throw new CliError(
      exitCode.usage,
      'say what to scan: driftline scan deploy/, or helm template . | driftline scan -',
    );
  const output = text(values, 'output') ?? 'table';
  if (!isReportFormat(output) && output !== 'table' && output !== 'wide')
    throw new CliError(exitCode.usage, `unknown output format '${output}': use wide, ${reportFormats.join(', ')}`);
  const baselineFile = text(values, 'baseline');
  const updates = values['update-baseline'] === true;
  if (updates && baselineFile === undefined)
    throw new CliError(exitCode.usage, '--update-baseline goes with --baseline FILE');
  const skips = texts(values, 'skip');
  return {
    output,
    updates,
    baselineFile: baselineFile ?? '',
    reports: texts(values, 'report').map(reportOption),
    failOn: severityOption(values, 'fail-on'),
    minScore: minimumScore(text(values, 'min-score')),
    severity: severityOption(values, 'severity'),
    baseline: baselineFile === undefined || updates ? noBaseline : readBaseline(baselineFile),
    policyFolders: texts(values, 'policy'),
    cluster: text(values, 'cluster') ?? '',
    values: texts(values, 'values'),
    namespace: text(values, 'namespace') ?? '',
    isSkipped: (path: string) => skips.some((glob) => matchesGlob(shownPath(path), glob)),
    readStdin,
    nowMs: now().getTime(),
  };
}

function reportOption(option: string): { readonly format: ReportFormat; readonly file: string } {
  const equals = option.indexOf('=');
  const format = option.slice(0, Math.max(equals, 0));
  const file = option.slice(equals + 1);
  if (!isReportFormat(format) || file === '')
    throw new CliError(exitCode.usage, `--report takes FORMAT=FILE with ${reportFormats.join(', ')}, not '${option}'`);
  return { format, file };
}

/**
 * A folder that was named by mistake, or a template that printed nothing on its way here, must not pass for clean. Files
 * that are named need not be manifests: whoever names all that changed names others, too.
 */
function whyNothing({ objects, problems, fileCount }: Report, paths: readonly string[]): string {
  if (objects.length > 0 || problems.length > 0) return '';
  if (fileCount === 0) return `nothing was judged: there is no manifest in ${paths.join(', ')}`;
  return paths.every((path) => path === '-') ? 'nothing was judged: no object came on standard input' : '';
}

/** Input that could not be read stands above findings: the answer is not complete. */
function gateOf(report: Report, options: ScanOptions): ExitCode {
  if (report.problems.length > 0) return exitCode.badInput;
  return whyFailed(report, options) === '' ? exitCode.ok : exitCode.failed;
}

/** '' when the gate lets it pass. */
function whyFailed({ findings, score }: Report, { failOn, minScore }: ScanOptions): string {
  const count = findings.filter(
    (finding) => failOn !== undefined && isFresh(finding) && severityRank(finding.severity) >= severityRank(failOn),
  ).length;
  if (count > 0) return `${count} finding${count === 1 ? '' : 's'} of severity ${failOn ?? ''} or more`;
  if (minScore === undefined || (score.possible > 0 && score.score >= minScore)) return '';
  return score.possible === 0 ? 'nothing has a score' : `the score is below ${minScore}`;
}

function shownReport<T extends Report>(report: T, least: Severity | undefined): T {
  if (least === undefined) return report;
  const findings = report.findings.filter(({ severity }) => severityRank(severity) >= severityRank(least));
  return { ...report, findings };
}

async function writeReport(format: ReportFormat, file: string, report: Report): Promise<void> {
  try {
    writeFileSync(file, `${[...(await reportParts(format, report))].join('\n')}\n`);
  } catch (cause) {
    throw new CliError(
      exitCode.usage,
      `cannot write the report ${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** A baseline of what could not all be read would forget what is in the rest. */
function update({ print }: CommandContext, { baselineFile }: ScanOptions, report: Report): ExitCode {
  if (report.problems.length > 0)
    throw new CliError(exitCode.badInput, `the baseline ${baselineFile} stays as it is: not everything could be read`);
  // An exception ends, and a baseline does not: what is excepted stays out of it.
  const count = writeBaseline(
    baselineFile,
    report.findings.filter(({ exception }) => exception === ''),
  );
  print(`${count} finding${count === 1 ? '' : 's'} written to ${baselineFile}`);
  return exitCode.ok;
}
