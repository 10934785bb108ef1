/** Which files a scan reads: those named, and in folders every YAML and JSON file that may be a manifest. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { Problem } from './finding.ts';

export type FoundInput =
  /** `isNamed`: somebody gave this path, and not a folder that it is in. */
  | { readonly type: 'file'; readonly path: string; readonly isNamed: boolean }
  /** Folders of which the rendered output is judged, not the files; a base is rendered by what builds on it. */
  | { readonly type: 'chart' | 'kustomization' | 'base'; readonly path: string };

export type Found = { readonly inputs: readonly FoundInput[]; readonly problems: readonly Problem[] };

const kustomizationNames = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];
/** Never somebody's manifests. */
const skippedFolders: ReadonlySet<string> = new Set(['node_modules', 'vendor', '.terraform']);
/** Machine-made files that are large and hold no object. */
const skippedFiles: ReadonlySet<string> = new Set(['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml']);

export type FindOptions = { readonly isSkipped: (path: string) => boolean };

/** A path as messages and reports name it: from here, with forward slashes. */
export function shownPath(path: string): string {
  const fromHere = relative('', path);
  const shown = fromHere === '' ? '.' : fromHere.startsWith('..') ? path : fromHere;
  return shown.split(sep).join('/');
}

export function findFiles(paths: readonly string[], options: FindOptions): Found {
  const inputs: FoundInput[] = [];
  const problems: Problem[] = [];
  for (const path of paths) {
    try {
      if (statSync(path).isDirectory()) walk(path, options, { inputs, problems });
      else inputs.push({ type: 'file', path, isNamed: true });
    } catch (error) {
      problems.push(unreadable(path, error));
    }
  }
  return { inputs: withBases(unique(inputs)), problems };
}

export function unreadable(path: string, error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reasons: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EACCES: 'may not be read' };
  return { file: shownPath(path), line: 0, column: 0, reason: reasons[code] ?? `cannot be read (${code})` };
}

type Sink = { readonly inputs: FoundInput[]; readonly problems: Problem[] };

function walk(folder: string, options: FindOptions, sink: Sink): void {
  if (existsSync(join(folder, 'Chart.yaml'))) {
    sink.inputs.push({ type: 'chart', path: folder });
    return walkAround(folder, sink);
  }
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (entries.some(({ name }) => kustomizationNames.includes(name)))
    sink.inputs.push({ type: 'kustomization', path: folder });
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.') || skippedFolders.has(entry.name) || options.isSkipped(path)) continue;
    try {
      // A link to a folder may lead back here: only links to files are followed.
      if (entry.isDirectory()) walk(path, options, sink);
      else if (isManifestName(entry.name) && statSync(path).isFile())
        sink.inputs.push({ type: 'file', path, isNamed: false });
    } catch (error) {
      sink.problems.push(unreadable(path, error));
    }
  }
}

/** Of a chart, the values are looked through for credentials; its templates are judged rendered. */
function walkAround(chart: string, { inputs }: Sink): void {
  for (const name of readdirSync(chart).sort())
    if (/^values.*\.ya?ml$/.test(name)) inputs.push({ type: 'file', path: join(chart, name), isNamed: false });
}

function isManifestName(name: string): boolean {
  return (/\.(ya?ml|json)$/i.test(name) && !skippedFiles.has(name)) || kustomizationNames.includes(name);
}

function unique(inputs: readonly FoundInput[]): readonly FoundInput[] {
  return [...new Map(inputs.map((input) => [`${input.type} ${resolve(input.path)}`, input])).values()];
}

/** A kustomization that another one builds on is judged there. */
function withBases(inputs: readonly FoundInput[]): readonly FoundInput[] {
  const folders = inputs.filter(({ type }) => type === 'kustomization').map(({ path }) => resolve(path));
  const bases = new Set(folders.flatMap(basesOf));
  return inputs.map((input) =>
    input.type === 'kustomization' && bases.has(resolve(input.path)) ? { type: 'base', path: input.path } : input,
  );
}

/** Any item of a list in a kustomization that is a folder beside it. */
function basesOf(folder: string): readonly string[] {
  const file = kustomizationNames.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (file === undefined) return [];
  const items = readFileSync(file, 'utf8').matchAll(/^\s*-\s+["']?([^\s"'#:]+)["']?\s*(?:#.*)?$/gm);
  return [...items].map(([, item = '']) => resolve(folder, item)).filter((path) => path !== folder && existsSync(path));
}

export function isInside(path: string, folder: string): boolean {
  const inner = relative(resolve(folder), resolve(path));
  return inner === '' || !(inner.startsWith('..') || isAbsolute(inner));
}
