/** Exception files of a bundle. */
import { oneDocumentAFile } from '../load/control-language.ts';
import type { PolicyProblem } from '../load/problem.ts';
import { readShape } from '../load/read-shape.ts';
import { problemAt, type YamlFile } from '../load/yaml-file.ts';
import { compileException, type Exception } from './exception.ts';
import { exceptionFileSchema } from './exception-file.ts';

export type ReadExceptions = {
  /** Ordered by id. */
  readonly exceptions: readonly Exception[];
  readonly problems: readonly PolicyProblem[];
  /** Exceptions of controls that the bundle does not have. */
  readonly notes: readonly PolicyProblem[];
};

export function readExceptions(files: readonly YamlFile[], controls: readonly string[]): ReadExceptions {
  const problems: PolicyProblem[] = [...oneDocumentAFile(files)];
  const notes: PolicyProblem[] = [];
  const exceptions = new Map<string, Exception>();
  for (const file of files) {
    const shape = readShape(exceptionFileSchema, file);
    if ('problems' in shape) {
      problems.push(...shape.problems);
      continue;
    }
    const exception = compileException(shape.value);
    if (exception === undefined) problems.push(problemAt(file, ['expires'], 'bad-shape', 'expires: is no time'));
    else if (exceptions.has(exception.id))
      problems.push(problemAt(file, ['id'], 'duplicate', `the exception ${exception.id} is defined twice`));
    else {
      exceptions.set(exception.id, exception);
      if (!controls.some((control) => exception.isAboutControl(control)))
        notes.push(problemAt(file, ['controls'], 'not-evaluated', `${exception.id} is about no control of the bundle`));
    }
  }
  return { exceptions: [...exceptions.values()].sort((a, b) => (a.id < b.id ? -1 : 1)), problems, notes };
}
