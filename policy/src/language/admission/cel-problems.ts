import type { PolicyProblem } from '../../load/problem.ts';
import type { YamlFile } from '../../load/yaml-file.ts';
import type { CelPolicyProblem } from './cel-policy.ts';

/** Problems of a policy's expressions where they stand in its file; `place` leads from the document to what was compiled. */
export function celProblems(
  file: YamlFile,
  problems: readonly CelPolicyProblem[],
  place: (keys: readonly PropertyKey[]) => readonly PropertyKey[],
): readonly PolicyProblem[] {
  return problems.map(({ keys, reason, line, column }) => ({
    code: 'bad-cel',
    file: file.path,
    ...file.within(place(keys), { line, column }),
    reason: `${String(keys.at(-1))}: ${reason}`,
  }));
}
