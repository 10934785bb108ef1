/** Our own control files (`kind: Control`, one a file), in CEL or naming a relation control. */
import { compileControl } from './compile-control.ts';
import { fileApiVersion } from './control-file.ts';
import type { PolicyLanguage } from './policy-language.ts';
import type { PolicyProblem } from './problem.ts';
import { problemAt, type YamlFile } from './yaml-file.ts';

const group = fileApiVersion.slice(0, fileApiVersion.indexOf('/'));

export const controlLanguage: PolicyLanguage = {
  kinds: ['Control'],
  takes: (type) => type.group === group && type.kind === 'Control',
  load(documents, context) {
    const results = documents.map((document) => compileControl(document, context));
    return {
      controls: results.flatMap((result) => ('problems' in result ? [] : [result])),
      problems: [
        ...oneDocumentAFile(documents),
        ...results.flatMap((result) => ('problems' in result ? result.problems : [])),
      ],
      notes: [],
    };
  },
};

/** A file has one subject, so that its history is the history of that subject. */
export function oneDocumentAFile(documents: readonly YamlFile[]): readonly PolicyProblem[] {
  const paths = new Set<string>();
  return documents.flatMap((document) => {
    if (!paths.has(document.path)) {
      paths.add(document.path);
      return [];
    }
    return [problemAt(document, [], 'bad-yaml', 'one document a file')];
  });
}
