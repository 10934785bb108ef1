/** Manifests of real projects as files, one object each, that every tool of the comparison can read. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject, type JsonObject } from '@driftline/proto';
import { stringify } from 'yaml';

export type Manifest = {
  readonly file: string;
  /** `kind/namespace/name`, the namespace `default` where the manifest names none. */
  readonly object: string;
  readonly content: JsonObject;
};

/**
 * `count` manifests of the corpus in its order, from the beginning again when it ends. Of objects with one name all but
 * the first get another: some tools take an object only once. What `canRead` refuses is left out, for every tool.
 */
export function writeManifests(
  corpora: string,
  folder: string,
  { count, canRead }: { readonly count: number; readonly canRead: (files: readonly string[]) => boolean },
): readonly Manifest[] {
  const corpus = readFileSync(join(corpora, 'realworld', 'objects.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { readonly object: JsonObject }).object);
  mkdirSync(folder, { recursive: true });
  const seen = new Map<string, number>();
  const manifests = Array.from({ length: count }, (_, index): Manifest => {
    const object = named(corpus[index % corpus.length] ?? {}, seen);
    const file = join(folder, `${String(index).padStart(5, '0')}.yaml`);
    writeFileSync(file, stringify(object));
    return { file, object: objectText(object), content: object };
  });
  const unreadable = new Set(
    refused(
      manifests.map(({ file }) => file),
      canRead,
    ),
  );
  for (const file of unreadable) rmSync(file);
  return manifests.filter(({ file }) => !unreadable.has(file));
}

function named(object: JsonObject, seen: Map<string, number>): JsonObject {
  const given = object['metadata'];
  const metadata = isJsonObject(given) ? given : {};
  const name = textOf(metadata['name']) || 'unnamed';
  // Some tools tell kinds apart by their plural alone, and take the namespace of the manifest as it is.
  const key = `${textOf(object['kind'])}/${textOf(metadata['namespace']) || 'default'}/${name}`;
  const times = (seen.get(key) ?? 0) + 1;
  seen.set(key, times);
  return { ...object, metadata: { ...metadata, name: times === 1 ? name : `${name}-m${times}` } };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export function objectText(object: JsonObject): string {
  const given = object['metadata'];
  const metadata = isJsonObject(given) ? given : {};
  return `${textOf(object['kind'])}/${textOf(metadata['namespace']) || 'default'}/${textOf(metadata['name'])}`;
}

/** The files that make a group of files unreadable, found by halves. */
function refused(files: readonly string[], canRead: (files: readonly string[]) => boolean): readonly string[] {
  const found: string[] = [];
  const left = Array.from({ length: Math.ceil(files.length / 128) }, (_, index) =>
    files.slice(index * 128, (index + 1) * 128),
  );
  for (let group = left.pop(); group !== undefined; group = left.pop()) {
    if (group.length === 0 || canRead(group)) continue;
    const half = Math.floor(group.length / 2);
    if (group.length === 1) found.push(...group);
    else left.push(group.slice(0, half), group.slice(half));
  }
  return found;
}

/** kube-score ends at the first object that does not fit the types of Kubernetes, as an API server would. */
export function readableBy(kubeScore: string): (files: readonly string[]) => boolean {
  return (files) =>
    !spawnSync(kubeScore, ['score', '-o', 'ci', ...files], { encoding: 'utf8', maxBuffer: 1 << 28 }).stderr.startsWith(
      'Failed',
    );
}
