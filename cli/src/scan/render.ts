/** Charts and kustomizations as what they render to, by the programs that render them. */
import { execFile } from 'node:child_process';
import { basename, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Redactor } from './credentials.ts';
import type { Problem } from './finding.ts';
import { shownPath } from './find-files.ts';

const run = promisify(execFile);

const renderTimeoutMs = 120_000;
const maxOutputBytes = 256 * 1024 * 1024;

export type Rendered =
  | { readonly type: 'text'; readonly text: string }
  /** None of the programs is on the PATH. */
  | { readonly type: 'no-program'; readonly programs: string }
  | { readonly type: 'failed'; readonly problem: Problem };

export function renderChart(
  folder: string,
  values: readonly string[],
  { namespace, redactor }: { readonly namespace: string; readonly redactor: Redactor },
): Promise<Rendered> {
  const release =
    basename(resolve(folder))
      .replace(/[^a-z0-9-]/g, '-')
      .replace(/^-+|-+$/g, '') || 'release';
  const args = [
    'template',
    release,
    folder,
    '--include-crds',
    ...values.flatMap((file) => ['--values', file]),
    ...(namespace === '' ? [] : ['--namespace', namespace]),
  ];
  return firstOf([{ program: 'helm', args }], folder, redactor);
}

export function renderKustomization(folder: string, redactor: Redactor): Promise<Rendered> {
  const programs = [
    { program: 'kustomize', args: ['build', folder] },
    { program: 'kubectl', args: ['kustomize', folder] },
  ];
  return firstOf(programs, folder, redactor);
}

type Call = { readonly program: string; readonly args: readonly string[] };

async function firstOf(calls: readonly Call[], folder: string, redactor: Redactor): Promise<Rendered> {
  for (const { program, args } of calls) {
    try {
      const { stdout } = await run(program, [...args], { timeout: renderTimeoutMs, maxBuffer: maxOutputBytes });
      return { type: 'text', text: stdout };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
      const reason = `${program} ${args[0] ?? ''} failed: ${redactor.text(complaintOf(error))}`;
      return { type: 'failed', problem: { file: shownPath(folder), line: 0, column: 0, reason } };
    }
  }
  return { type: 'no-program', programs: calls.map(({ program }) => program).join(' or ') };
}

const complaintLength = 600;

function complaintOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('killed' in error && error.killed === true) return `no answer within ${renderTimeoutMs / 1_000} s`;
  const said = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr : '';
  return (said === '' ? error.message : said).replace(/\s+/g, ' ').trim().slice(0, complaintLength);
}
