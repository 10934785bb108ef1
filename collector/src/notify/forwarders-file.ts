/**
 * Which forwarders there are. The file is JSON, read once at start:
 *
 *   { "forwarders": [
 *       { "name": "siem", "type": "webhook", "url": "https://siem.example.com/ocsf",
 *         "headers": { "authorization": "…" }, "secret": "signs each body" },
 *       { "name": "archive", "type": "file", "path": "/var/lib/driftline/events.jsonl", "tenant": "default" } ] }
 *
 * A forwarder sends one tenant's events ("default" unless it names another) and has a durable cursor of its own under
 * its name: a new name starts from the beginning of the timeline. A name has one owner at a time, so in fleet mode one
 * process gets this file.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { safeName } from '../ingest/tokens.ts';

/** What the receiver's signature check can rely on. */
const minSecretCharacters = 16;
const name = z.string().regex(safeName, 'letters, digits, dots, dashes and underscores');
const headerName = z.string().regex(/^[A-Za-z0-9-]+$/, 'a header name');
const headerValue = z.string().regex(/^[\x20-\x7e]*$/, 'a header value in ASCII');

const hasNoCredentials = (text: string): boolean =>
  !URL.canParse(text) || (new URL(text).username === '' && new URL(text).password === '');

const common = { name, tenant: z.string().regex(safeName).default('default') };
const entrySchema = z.discriminatedUnion('type', [
  z.strictObject({
    ...common,
    type: z.literal('webhook'),
    // Such a URL cannot be requested, and every complaint about it would quote the password.
    url: z.url({ protocol: /^https?$/ }).refine(hasNoCredentials, 'credentials belong into headers'),
    headers: z.record(headerName, headerValue).default({}),
    secret: z.string().min(minSecretCharacters).optional(),
  }),
  z.strictObject({ ...common, type: z.literal('file'), path: z.string().min(1) }),
]);

const fileSchema = z
  .strictObject({ forwarders: z.array(entrySchema) })
  .refine(({ forwarders }) => new Set(forwarders.map((each) => each.name)).size === forwarders.length, {
    message: 'two forwarders have the same name',
    path: ['forwarders'],
  });

export type ForwarderEntry = z.output<typeof entrySchema>;

export class ForwardersError extends Error {
  readonly code = 'invalid-forwarders';
  readonly retryable = false;
  constructor(message: string) {
    super(message);
    this.name = 'ForwardersError';
  }
}

/** Throws ForwardersError; its message names entries by position and never holds a header or secret. */
export function parseForwarders(value: unknown): readonly ForwarderEntry[] {
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data.forwarders;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new ForwardersError(`forwarders are not usable: ${issues.join('; ')}`);
}

/** Throws ForwardersError when the file cannot be read or parsed. */
export async function readForwarders(path: string): Promise<readonly ForwarderEntry[]> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    // The parser's text can quote the file: only its name goes on.
    throw new ForwardersError(
      `forwarders file ${path}: ${cause instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read'}`,
    );
  }
  return parseForwarders(value);
}
