/** Policies from disk, for commands that need no collector. */
import type { Bundle, LoadedControl } from '@driftline/policy';
import { CliError, type ExitCode, exitCode } from '../exit-code.ts';

/** Loaded when it is needed: the other commands start several times faster without the engine. */
export const engine = () => import('@driftline/policy');

/** Whether it is written in a control file of ours, which has cases, a remedy and frameworks; other policies have none. */
export function isOwn({ control: { language } }: LoadedControl): boolean {
  return language === 'cel' || language === 'relation' || language === 'rego';
}

export type PolicyFolders = {
  readonly folders: readonly string[];
  readonly withLibrary: boolean;
  /** The exit code when the files are refused. */
  readonly refusal: ExitCode;
};

export async function loadPolicies({ folders, withLibrary, refusal }: PolicyFolders): Promise<Bundle> {
  const [{ readLibrary, libraryFolder }, { problemText }] = await Promise.all([
    import('@driftline/policy/library'),
    engine(),
  ]);
  const all = withLibrary ? [libraryFolder, ...folders] : folders;
  const result = await readLibrary({ folders: all }).catch((cause: unknown) => {
    throw new CliError(
      exitCode.usage,
      `cannot read the policies: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  });
  if (result.ok) {
    if (result.bundle.controls.length + result.bundle.exceptions.length === 0)
      throw new CliError(exitCode.usage, `no controls and no exceptions in ${folders.join(', ')}`);
    return result.bundle;
  }
  const problems = result.problems.map(problemText);
  throw new CliError(
    refusal,
    `${problems.length === 1 ? 'the policies are' : `${problems.length} problems, so the policies are`} refused:\n${problems.join('\n')}`,
  );
}
