/**
 * Policy files become one bundle or none: every problem of every file is named, and a bundle is all of its files or is
 * refused. Its version is a hash of what was loaded, relation sources included, so that equal versions judge equally.
 */
import { canonicalJson } from '@driftline/proto';
import { createRegoModules } from '../language/rego/rego-modules.ts';
import type { Bundle, BundleSource, LoadedControl } from './bundle.ts';
import { readExceptions } from '../exception/read-exceptions.ts';
import { oneDocumentAFile } from './control-language.ts';
import { type FrameworkFile, frameworkFileSchema } from './framework-file.ts';
import { readShape } from './read-shape.ts';
import type { PolicyProblem } from './problem.ts';
import { languages } from './languages.ts';
import { documentTypeOf, type PolicyLanguage } from './policy-language.ts';
import { parseYamlFile, type PolicyFile, problemAt, type YamlFile } from './yaml-file.ts';

export type BundleResult =
  | { readonly ok: true; readonly bundle: Bundle }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

export function loadBundle(source: BundleSource): BundleResult {
  const files = [...source.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const { documents, problems } = sortDocuments(files);
  const frameworks = new Map<string, FrameworkFile>();
  problems.push(...oneDocumentAFile(documents.frameworks));
  for (const file of documents.frameworks) problems.push(...addFramework(frameworks, file));
  const hashes = files.map(({ path, text }) => ({ path, hash: source.sha256(text) }));
  const compiled = (source.opaBundles ?? []).map(({ path, digest }) => ({ path, digest }));
  const sources = source.sha256(canonicalJson(hashes.filter(({ path }) => !/\.ya?ml$/.test(path))));
  const rego = createRegoModules(source.opaBundles ?? []);
  const controls = new Map<string, LoadedControl>();
  const notes: PolicyProblem[] = [];
  for (const [language, own] of documents.ofLanguage) {
    const loaded = language.load(own, {
      source,
      frameworks,
      sources,
      rego,
      controls: [...controls.values()].map(({ control }) => control),
    });
    problems.push(...loaded.problems);
    notes.push(...loaded.notes);
    for (const control of loaded.controls) {
      const { id } = control.control.meta;
      const other = controls.get(id);
      if (other === undefined) controls.set(id, control);
      else problems.push({ ...control.at, code: 'duplicate', reason: `${id} is the id of ${other.at.file} already` });
    }
  }
  const exceptions = readExceptions(documents.exceptions, [...controls.keys()]);
  problems.push(...exceptions.problems);
  notes.push(...exceptions.notes);
  problems.sort(byPlace);
  problems.push(...unknownParams(source, [...documents.ofLanguage.values()].flat()));
  if (problems.length > 0) return { ok: false, problems };
  const version = source.sha256(canonicalJson([hashes, compiled, source.params ?? {}])).slice(0, 16);
  const ordered = [...controls.values()].sort((a, b) => (a.control.meta.id < b.control.meta.id ? -1 : 1));
  return {
    ok: true,
    bundle: Object.freeze({
      version,
      controls: ordered,
      frameworks: [...frameworks.values()],
      exceptions: exceptions.exceptions,
      notes: notes.sort(byPlace),
    }),
  };
}

function byPlace(a: PolicyProblem, b: PolicyProblem): number {
  return compare(a.file, b.file) || a.line - b.line || a.column - b.column;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

type Documents = {
  readonly frameworks: YamlFile[];
  readonly exceptions: YamlFile[];
  readonly ofLanguage: Map<PolicyLanguage, YamlFile[]>;
};

/** Every document to the language that takes it; one that nothing takes is a problem, never left out. */
function sortDocuments(files: readonly PolicyFile[]): {
  readonly documents: Documents;
  readonly problems: PolicyProblem[];
} {
  const problems: PolicyProblem[] = [];
  const documents: Documents = {
    frameworks: [],
    exceptions: [],
    ofLanguage: new Map(languages.map((language) => [language, []])),
  };
  for (const file of files.filter(({ path }) => /\.ya?ml$/.test(path))) {
    const parsed = parseYamlFile(file);
    if ('problems' in parsed) problems.push(...parsed.problems);
    else {
      for (const document of parsed.documents) {
        const type = documentTypeOf(document);
        const language = type === undefined ? undefined : languages.find((one) => one.takes(type));
        if (language !== undefined) documents.ofLanguage.get(language)?.push(document);
        else if (type?.kind === 'Framework') documents.frameworks.push(document);
        else if (type?.kind === 'Exception') documents.exceptions.push(document);
        else problems.push(problemAt(document, ['kind'], 'not-supported', `kind must be one of ${kindsText}`));
      }
    }
  }
  return { documents, problems };
}

const kindsText = ['Framework', 'Exception', ...languages.flatMap(({ kinds }) => kinds)].join(', ');

function addFramework(frameworks: Map<string, FrameworkFile>, file: YamlFile): readonly PolicyProblem[] {
  const shape = readShape(frameworkFileSchema, file);
  if ('problems' in shape) return shape.problems;
  const framework = shape.value;
  if (frameworks.has(framework.id))
    return [problemAt(file, ['id'], 'duplicate', `framework ${framework.id} is defined twice`)];
  frameworks.set(framework.id, framework);
  const seen = new Set<string>();
  return framework.requirements.flatMap(({ id }, index) => {
    if (seen.has(id))
      return [problemAt(file, ['requirements', index, 'id'], 'duplicate', `requirement ${id} is listed twice`)];
    seen.add(id);
    return [];
  });
}

function unknownParams({ params }: BundleSource, files: readonly YamlFile[]): readonly PolicyProblem[] {
  const known = new Set(
    files.flatMap(({ value }) => (typeof value === 'object' && value !== null && 'id' in value ? [value.id] : [])),
  );
  return Object.keys(params ?? {})
    .filter((id) => !known.has(id))
    .map((id) => ({
      code: 'bad-shape',
      file: '(parameters)',
      line: 1,
      column: 1,
      reason: `there is no control ${id} to set parameters of`,
    }));
}
