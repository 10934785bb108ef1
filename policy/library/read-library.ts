/** Reads the library (or another folder laid out like it) from disk and loads it as one bundle. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '@driftline/proto';
import {
  type BundleResult,
  loadBundle,
  type OpaBundle,
  type PolicyFile,
  type RelationControl,
} from '@driftline/policy';
import { findPolicyFiles, isRegoBundle } from './find-policy-files.ts';
import { readOpaBundle } from './read-opa-bundle.ts';
import { relationControls } from './relation/index.ts';

export { findPolicyFiles };

export type LibraryOptions = {
  /** Folders with `controls/`, `frameworks/` and `relation/` files; the library's own when not given. */
  readonly folders?: readonly string[];
  /** Relation controls beside the library's. */
  readonly relations?: readonly RelationControl[];
  /** Parameters by control id. */
  readonly params?: Readonly<Record<string, JsonObject>>;
};

export const libraryFolder: string = import.meta.dirname;

/**
 * Rejects only when a folder cannot be read; what is wrong with a file is in the result. The version of the bundle does
 * not depend on where the folders are, but files are named as they can be opened from here.
 */
export async function readLibrary({
  folders = [libraryFolder],
  relations = [],
  params = {},
}: LibraryOptions = {}): Promise<BundleResult> {
  const read = await Promise.all(folders.map(policyFilesIn));
  const bundles = await Promise.all(folders.map(opaBundlesIn));
  const opaBundles = bundles.flatMap((inFolder, index) =>
    inFolder.map((one) => ({ ...one, path: unique(one.path, index) })),
  );
  const openable = new Map<string, string>();
  const files = read.flatMap((inFolder, index) =>
    inFolder.map(({ path, text }) => {
      const folder = folders[index] ?? '';
      const isOurs = folder === libraryFolder;
      openable.set(unique(path, index), isOurs ? path : join(folder, path));
      return { path: unique(path, index), text, hasTrustedCases: isOurs };
    }),
  );
  const result = loadBundle({ files, opaBundles, relations: [...relationControls, ...relations], sha256, params });
  const named = <T extends { readonly file: string }>(place: T): T => ({
    ...place,
    file: openable.get(place.file) ?? place.file,
  });
  if (!result.ok) return { ...result, problems: result.problems.map(named) };
  const controls = result.bundle.controls.map((loaded) => ({ ...loaded, at: named(loaded.at) }));
  const notes = result.bundle.notes.map(named);
  return { ok: true, bundle: Object.freeze({ ...result.bundle, controls, notes }) };
}

/** Paths of one folder stay beside each other, and apart from those of the others. */
function unique(path: string, folder: number): string {
  return folder === 0 ? path : `${folder}/${path}`;
}

/** Bundles of compiled Rego, with paths relative to the folder. */
async function opaBundlesIn(folder: string): Promise<readonly OpaBundle[]> {
  const found = (await findPolicyFiles(folder)).filter(isRegoBundle);
  const read = await Promise.all(
    found.map(async ({ path, file }) => {
      try {
        return readOpaBundle(path, await readFile(file));
      } catch (cause) {
        throw new Error(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
    }),
  );
  return read.filter((bundle) => bundle !== undefined);
}

/** YAML files and the sources of relation controls, with paths relative to the folder. */
export async function policyFilesIn(folder: string): Promise<readonly PolicyFile[]> {
  const found = (await findPolicyFiles(folder)).filter((place) => !isRegoBundle(place));
  return Promise.all(found.map(async ({ path, file }) => ({ path, text: await readFile(file, 'utf8') })));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
