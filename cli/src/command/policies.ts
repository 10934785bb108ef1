/** Policies from disk, for commands that need no collector. */
import type { Bundle, LoadedControl } from '@driftline/policy';
import { CliError, exitCode } from '../exit-code.ts';

/** Loaded when it is needed: the other commands start several times faster without the engine. */
export const engine = () => import('@driftline/policy');

/** Whether it is written in a control file of ours, which has cases, a remedy and frameworks; other policies have none. */
export function isOwn({ control: { language } }: LoadedControl): boolean {
  return language === 'cel' || language === 'relation' || language === 'rego';
}

export type PolicyFolders = {
  readonly folders: readonly string[];
  readonly withLibrary: boolean;
};

/** Of what is wrong with a folder, in words that say what to do. */
function readingFault(cause: unknown): string {
  const { code, path = '' } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `there is no ${path}: name a folder with policy files`;
  if (code === 'ENOTDIR') return `${path} is no folder: name the folder that it is in`;
  if (code === 'EACCES') return `${path} may not be read by this user`;
  return cause instanceof Error ? cause.message : String(cause);
}

/** Policies that cannot be read or are refused are wrong input, exit 2, whatever they were wanted for. */

export async function loadPolicies({ folders, withLibrary }: PolicyFolders): Promise<Bundle> {
  const [{ readLibrary, libraryFolder }, { problemText }] = await Promise.all([
    import('@driftline/policy/library'),
    engine(),
  ]);
  const all = withLibrary ? [libraryFolder, ...folders] : folders;
  const result = await readLibrary({ folders: all }).catch((cause: unknown) => {
    throw new CliError(exitCode.usage, `cannot read the policies: ${readingFault(cause)}`, { cause });
  });
  if (result.ok) {
    if (result.bundle.controls.length + result.bundle.exceptions.length === 0)
      throw new CliError(exitCode.usage, `no controls and no exceptions in ${folders.join(', ')}`);
    return result.bundle;
  }
  const problems = result.problems.map(problemText);
  throw new CliError(
    exitCode.usage,
    `${problems.length === 1 ? 'the policies are' : `${problems.length} problems, so the policies are`} refused:\n${problems.join('\n')}`,
  );
}
