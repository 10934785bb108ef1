/** The line of a scan: read → judge → find credentials → compare with the baseline → order. */
import { type Bundle, holdsIn } from '@driftline/policy';
import { severityRank } from '../severity.ts';
import { cliVersion } from '../version.ts';
import type { Baseline } from './baseline.ts';
import { credentialFindings, exactPlace } from './credential-findings.ts';
import { createRedactor } from './credentials.ts';
import type { ScanFinding } from './finding.ts';
import { judge } from './judge.ts';
import { type InputOptions, readInputs } from './read-inputs.ts';
import type { Report } from './report.ts';

export type ScanSettings = Omit<InputOptions, 'redactor'> & {
  readonly bundle: Bundle;
  readonly baseline: Baseline;
  readonly failOn: Report['failOn'];
  /** The cluster that the files are for, as exceptions name it; ''. */
  readonly cluster: string;
  readonly nowMs: number;
};

export type ScanReport = Report & { readonly notes: readonly string[] };

export async function scan(paths: readonly string[], settings: ScanSettings): Promise<ScanReport> {
  const { bundle } = settings;
  const input = await readInputs(paths, { ...settings, redactor: createRedactor() });
  const judged = judge(input.objects, { ...bundle, cluster: settings.cluster }, settings.nowMs);
  const byKey = new Map(input.objects.map((scanned) => [scanned.key, scanned]));
  const placed = judged.findings.map((finding) => {
    const scanned = byKey.get(finding.object);
    return scanned === undefined ? finding : { ...finding, place: exactPlace(finding, scanned) };
  });
  const found = [...placed, ...credentialFindings(input.objects, input.texts, judged.findings)].sort(compareFindings);
  return {
    findings: found.map((finding) => ({ ...finding, isKnown: settings.baseline.isKnown(finding) })),
    problems: input.problems,
    notes: [...input.notes, ...clusterNote(settings)],
    unanswered: judged.unanswered,
    objects: input.objects,
    fileCount: input.fileCount,
    score: judged.score.cluster,
    categories: judged.score.categories,
    mended: settings.baseline.mended(found),
    bundle: bundle.version,
    version: cliVersion,
    failOn: settings.failOn,
  };
}

function clusterNote({ bundle, cluster }: ScanSettings): readonly string[] {
  const left = bundle.exceptions.filter((exception) => !holdsIn(exception, cluster)).length;
  if (left === 0) return [];
  return [
    `${left} exception${left === 1 ? ' is' : 's are'} for certain clusters and not asked: --cluster says which this is`,
  ];
}

function compareFindings(a: ScanFinding, b: ScanFinding): number {
  return (
    severityRank(b.severity) - severityRank(a.severity) ||
    compareText(a.place.file, b.place.file) ||
    a.place.line - b.place.line ||
    compareText(a.control.id, b.control.id) ||
    compareText(a.path, b.path)
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
