/**
 * The baseline: findings that are known and not this change's fault. A file for people to review: one line a finding,
 * ordered, without lines of code, so that it stays the same while the files around a finding move.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { CliError, exitCode } from '../exit-code.ts';
import { type ScanFinding, subjectName } from './finding.ts';

const version = 1;

export type Baseline = {
  isKnown(finding: ScanFinding): boolean;
  /** Entries that no finding answers to any more. */
  mended(findings: readonly ScanFinding[]): number;
};

type Entry = { readonly control: string; readonly file: string; readonly object: string; readonly path: string };

function entryOf(finding: ScanFinding): Entry {
  return {
    control: finding.control.id,
    file: finding.place.file,
    object: `${finding.object.group === '' ? '' : `${finding.object.group}/`}${subjectName(finding)}`,
    path: finding.path,
  };
}

/** What a finding is known by, from scan to scan. */
export function findingIdentity(finding: ScanFinding): string {
  return textOf(entryOf(finding));
}

function textOf({ control, file, object, path }: Entry): string {
  return [control, file, object, path].join('\n');
}

export const noBaseline: Baseline = { isKnown: () => false, mended: () => 0 };

export function readBaseline(path: string): Baseline {
  const known = new Set(entriesIn(path).map(textOf));
  return {
    isKnown: (finding) => known.has(findingIdentity(finding)),
    mended(findings) {
      const found = new Set(findings.map(findingIdentity));
      return [...known].filter((entry) => !found.has(entry)).length;
    },
  };
}

export function writeBaseline(path: string, findings: readonly ScanFinding[]): number {
  const entries = new Map(findings.map((finding) => [findingIdentity(finding), entryOf(finding)]));
  const lines = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => `    ${JSON.stringify(entry)}`);
  const list = lines.length === 0 ? '[]' : `[\n${lines.join(',\n')}\n  ]`;
  try {
    writeFileSync(path, `{\n  "version": ${version},\n  "findings": ${list}\n}\n`);
  } catch (cause) {
    throw new CliError(exitCode.usage, `cannot write the baseline ${path}: ${messageOf(cause)}`, { cause });
  }
  return lines.length;
}

function entriesIn(path: string): readonly Entry[] {
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const reason = isMissing ? 'there is no such file; --update-baseline makes one' : messageOf(cause);
    throw new CliError(exitCode.usage, `cannot read the baseline ${path}: ${reason}`, { cause });
  }
  if (!isBaseline(data))
    throw new CliError(exitCode.usage, `${path} is no baseline of version ${version}; --update-baseline makes one`);
  return data.findings;
}

function isBaseline(data: unknown): data is { readonly findings: readonly Entry[] } {
  if (typeof data !== 'object' || data === null || !('version' in data) || data.version !== version) return false;
  return (
    'findings' in data &&
    Array.isArray(data.findings) &&
    data.findings.every(
      (entry: unknown) =>
        typeof entry === 'object' &&
        entry !== null &&
        (['control', 'file', 'object', 'path'] as const).every(
          (field) => typeof (entry as Record<string, unknown>)[field] === 'string',
        ),
    )
  );
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
