/** Scans files that a test writes, as the command would, with the library. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadPolicies } from '../../command/policies.ts';
import { noBaseline } from '../baseline.ts';
import { placeText, subjectName } from '../finding.ts';
import { scan, type ScanReport, type ScanSettings } from '../scan.ts';

const bundle = await loadPolicies({ folders: [], withLibrary: true });

export const settings: ScanSettings = {
  bundle,
  baseline: noBaseline,
  failOn: undefined,
  cluster: '',
  nowMs: Date.UTC(2030, 0, 1),
  namespace: '',
  values: [],
  isSkipped: () => false,
  readStdin: async () => '',
};

export type Files = Readonly<Record<string, string>>;

/** A folder that is there while `use` runs. Names that begin with `bin/` become programs. */
export async function withFiles<T>(files: Files, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-scan-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
      if (name.startsWith('bin/')) chmodSync(join(folder, name), 0o755);
    }
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

export async function scanFiles(files: Files, more: Partial<ScanSettings> = {}): Promise<ScanReport> {
  return withFiles(files, (folder) => scan([folder], { ...settings, ...more }));
}

/** `DL-POD-001 web.yaml:7 Pod shop/web spec.…`, of the controls asked for. */
export function told(report: ScanReport, ...controls: readonly string[]): readonly string[] {
  return report.findings
    .filter(({ control }) => controls.length === 0 || controls.includes(control.id))
    .map((finding) =>
      [
        finding.control.id,
        placeText(finding.place).replace(/^.*driftline-scan-[^/]*\/?/, ''),
        subjectName(finding),
        finding.path,
      ]
        .filter((part) => part !== '')
        .join(' '),
    );
}

export function problems(report: ScanReport): readonly string[] {
  return report.problems.map(
    (problem) => `${placeText(problem).replace(/^.*driftline-scan-[^/]*\/?/, '')}: ${problem.reason}`,
  );
}
