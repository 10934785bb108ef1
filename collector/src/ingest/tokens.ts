/**
 * Who a token belongs to. The tokens file is JSON:
 *
 *   { "tokens": [ { "token": "…", "tenant": "default", "cluster": "east", "role": "agent" } ],
 *     "clusters": [ { "tenant": "default", "cluster": "east", "uid": "…" } ] }
 *
 * `sha256` (lower-case hex of the token's SHA-256) may stand in for `token`, so that the file need hold no secret.
 * Roles: `agent` writes one cluster's stream; `reader`, `operator` and `admin` use the API (cluster '' or absent: all);
 * `monitor` reads the collector's metrics, which count over all tenants, and nothing else.
 * `clusters`, which may be left out, says which Kubernetes cluster a name stands for (the uid of its kube-system
 * namespace), whatever was first seen under it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

export type Role = 'agent' | 'reader' | 'operator' | 'admin' | 'monitor';
export type Credential = { readonly tenant: string; readonly cluster: string; readonly role: Role };

export type TokenBook = {
  /** Takes the same time for every token of a length, known or not. */
  find(token: string): Credential | undefined;
  /** The uid that a cluster is declared to have; undefined when the first one seen counts. */
  clusterUid(cluster: { readonly tenant: string; readonly cluster: string }): string | undefined;
  /** Another number whenever what `find` says may be different from before. */
  edition(): number;
};

/** Names that end up in keys and file names: no separators, nothing to escape. */
export const safeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** Shorter tokens can be guessed. */
const minTokenCharacters = 16;

const entrySchema = z
  .strictObject({
    token: z.string().min(minTokenCharacters).optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    tenant: z.string().regex(safeName).default('default'),
    cluster: z.string().regex(safeName).or(z.literal('')).default(''),
    role: z.enum(['agent', 'reader', 'operator', 'admin', 'monitor']),
  })
  .refine((entry) => (entry.token === undefined) !== (entry.sha256 === undefined), 'give either token or sha256')
  .refine((entry) => entry.role !== 'agent' || entry.cluster !== '', 'an agent token needs a cluster');

/** A uid as an API server makes it, and as it may stand in a log line. */
export const safeUid = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const clusterSchema = z.strictObject({
  tenant: z.string().regex(safeName).default('default'),
  cluster: z.string().regex(safeName),
  uid: z.string().regex(safeUid),
});

const keyOf = ({ tenant, cluster }: { readonly tenant: string; readonly cluster: string }): string =>
  `${tenant}\n${cluster}`;

const fileSchema = z.strictObject({
  tokens: z.array(entrySchema),
  clusters: z
    .array(clusterSchema)
    .refine((all) => new Set(all.map(keyOf)).size === all.length, 'a cluster can have one uid only')
    .default([]),
});

export type TokenEntry = z.input<typeof entrySchema>;

export class TokensError extends Error {
  readonly code = 'invalid-tokens';
  readonly retryable = false;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TokensError';
  }
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token, 'utf8').digest();

/** Throws TokensError; its message names entries by position and never holds a token. */
export const createTokenBook = (tokens: readonly unknown[], clusters: readonly unknown[] = []): TokenBook =>
  bookOf({ tokens, clusters });

const bookOf = (file: unknown): TokenBook => {
  const parsed = fileSchema.safeParse(file);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    throw new TokensError(`tokens are not usable: ${issues.join('; ')}`);
  }
  const known = parsed.data.tokens.map(({ token, sha256, tenant, cluster, role }) => ({
    digest: token === undefined ? Buffer.from(sha256 ?? '', 'hex') : digestOf(token),
    credential: { tenant, cluster, role },
  }));
  const uids = new Map(parsed.data.clusters.map((each) => [keyOf(each), each.uid]));
  return {
    clusterUid: (cluster) => uids.get(keyOf(cluster)),
    edition: () => 0,
    find(token) {
      const digest = digestOf(token);
      let found: Credential | undefined;
      // Every entry is compared, so that time tells nothing about which one matched.
      for (const each of known) if (timingSafeEqual(each.digest, digest)) found ??= each.credential;
      return found;
    },
  };
};

/** The text of a tokens file. Throws TokensError that names the file and never quotes it. */
export const parseTokens = (text: string, path: string): TokenBook => {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    // The parser's text can quote the file: only its name goes on.
    throw new TokensError(`tokens file ${path}: it is not JSON`);
  }
  if (typeof file !== 'object' || file === null || !('tokens' in file))
    throw new TokensError(`tokens file ${path}: it needs a list "tokens"`);
  return bookOf(file);
};
