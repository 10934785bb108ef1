/**
 * Policy files become one bundle or none: every problem of every file is named, and a bundle is all of its files or is
 * refused. Its version is a hash of what was loaded, relation sources included, so that equal versions judge equally.
 */
import { canonicalJson } from '@driftline/proto';
import type { Bundle, BundleSource, LoadedControl } from './bundle.ts';
import { compileControl } from './compile-control.ts';
import { type FrameworkFile, frameworkFileSchema } from './framework-file.ts';
import { readShape } from './read-shape.ts';
import type { PolicyProblem } from './problem.ts';
import { parseYamlFile, problemAt, type YamlFile } from './yaml-file.ts';

export type BundleResult =
  | { readonly ok: true; readonly bundle: Bundle }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

export function loadBundle(source: BundleSource): BundleResult {
  const files = [...source.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const problems: PolicyProblem[] = [];
  const controlFiles: YamlFile[] = [];
  const frameworks = new Map<string, FrameworkFile>();
  for (const file of files.filter(({ path }) => /\.ya?ml$/.test(path))) {
    const parsed = parseYamlFile(file);
    if ('problems' in parsed) problems.push(...parsed.problems);
    else if (kindOf(parsed.file) === 'Framework') problems.push(...addFramework(frameworks, parsed.file));
    else if (kindOf(parsed.file) === 'Control') controlFiles.push(parsed.file);
    else problems.push(problemAt(parsed.file, ['kind'], 'not-supported', 'kind must be Control or Framework'));
  }
  const hashes = files.map(({ path, text }) => ({ path, hash: source.sha256(text) }));
  const sources = source.sha256(canonicalJson(hashes.filter(({ path }) => !/\.ya?ml$/.test(path))));
  const controls = new Map<string, LoadedControl>();
  for (const file of controlFiles) {
    const compiled = compileControl(file, { source, frameworks, sources });
    if ('problems' in compiled) problems.push(...compiled.problems);
    else {
      const { id } = compiled.control.meta;
      const other = controls.get(id);
      if (other === undefined) controls.set(id, compiled);
      else problems.push(problemAt(file, ['id'], 'duplicate', `${id} is the id of ${other.file} already`));
    }
  }
  problems.push(...unknownParams(source, controlFiles));
  if (problems.length > 0) return { ok: false, problems };
  const version = source.sha256(canonicalJson([hashes, source.params ?? {}])).slice(0, 16);
  const ordered = [...controls.values()].sort((a, b) => (a.control.meta.id < b.control.meta.id ? -1 : 1));
  return { ok: true, bundle: Object.freeze({ version, controls: ordered, frameworks: [...frameworks.values()] }) };
}

function kindOf(file: YamlFile): unknown {
  return typeof file.value === 'object' && file.value !== null && 'kind' in file.value ? file.value.kind : undefined;
}

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
