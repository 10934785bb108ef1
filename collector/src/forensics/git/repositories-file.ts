/**
 * Which Git repositories the clusters are deployed from. The file is JSON, read once at start; collector/README.md shows
 * one. Who may read a commit follows from `match`: only changes of that tenant, in those clusters, resolve there.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { safeName } from '../../ingest/tokens.ts';

const maxRepositories = 32;

const isLoopback = ({ hostname }: URL): boolean => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);

const isSafeUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
};

const hasCredentials = (text: string): boolean =>
  URL.canParse(text) && (new URL(text).username !== '' || new URL(text).password !== '');

/** A branch as Git allows it, without what means something in a refspec or an option. */
const branch = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._/+#@-]*$/, 'a branch, without refs/heads/')
  .refine((text) => !/\.\.|\/\/|\/\.|@\{|\.lock(\/|$)|[./]$/.test(text), 'a branch, without refs/heads/');

const file = z.string().startsWith('/', 'an absolute path');

const entrySchema = z
  .strictObject({
    url: z
      .string()
      .refine(isSafeUrl, 'an https:// address (http:// on loopback only)')
      .refine((text) => !hasCredentials(text), 'credentials belong into credentialsFile')
      .optional(),
    path: file.optional(),
    branch,
    match: z
      .strictObject({
        tenant: z.string().regex(safeName).default('default'),
        clusters: z.array(z.string().regex(safeName)).min(1).optional(),
        repoURLs: z
          .array(z.string().regex(/^[^*]+(\/\*)?$/, 'an address; /* at its end stands for all below'))
          .min(1)
          .optional(),
      })
      .prefault({}),
    credentialsFile: file.optional(),
    caFile: file.optional(),
    allowedSignersFile: file.optional(),
    allowedKeysFile: file.optional(),
  })
  .refine((entry) => (entry.url === undefined) !== (entry.path === undefined), {
    message: 'either a url or a path',
    path: ['url'],
  })
  .refine((entry) => entry.path === undefined || (entry.credentialsFile ?? entry.caFile) === undefined, {
    message: 'a path needs no credentials and no CA',
    path: ['path'],
  });

const fileSchema = z.strictObject({ repositories: z.array(entrySchema).max(maxRepositories) });

export type RepositoryEntry = z.output<typeof entrySchema>;

export class RepositoriesError extends Error {
  readonly code = 'invalid-git-repositories';
  readonly retryable = false;
  constructor(message: string) {
    super(message);
    this.name = 'RepositoriesError';
  }
}

/** Throws RepositoriesError; its message names entries by position and quotes none of their values. */
export function parseRepositories(value: unknown): readonly RepositoryEntry[] {
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data.repositories;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new RepositoriesError(`Git repositories are not usable: ${issues.join('; ')}`);
}

/** Throws RepositoriesError when the file cannot be read or parsed. */
export async function readRepositories(path: string): Promise<readonly RepositoryEntry[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    // The parser's text can quote the file: only its name goes on.
    throw new RepositoriesError(
      `Git repositories file ${path}: ${cause instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read'}`,
    );
  }
  return parseRepositories(value);
}

/** How a repository is called in answers, logs and errors. */
export function repositoryName({ url, path, match }: RepositoryEntry): string {
  return match.repoURLs?.[0] ?? url ?? path ?? '';
}
