/**
 * A program of its own: reads a kubeconfig, prints what it amounts to as one line of JSON, and ends. It is not part of
 * the agent's process because @kubernetes/client-node, which runs exec plugins and asks OIDC and cloud providers, brings
 * its whole generated API client: 55 MB resident that an agent has no other use for. A plain file is read without it.
 *
 * argv: kubeconfig path, context name ('' for the current one).
 */
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import type { ResolvedKubeconfig } from './kubeconfig-access.ts';
import { plainKubeconfig } from './plain-kubeconfig.ts';

async function main(path: string, context: string): Promise<ResolvedKubeconfig> {
  const plain = plainKubeconfig(load(readFileSync(path, 'utf8')), path, context);
  if (plain !== undefined) return plain;
  const { libraryKubeconfig } = await import('./library-kubeconfig.ts');
  return libraryKubeconfig(path, context);
}

/** The YAML parser's message quotes the lines around a mistake, and those are where the credentials are. */
function complaint(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!('mark' in error)) return error.message;
  const { mark } = error as { readonly mark?: { readonly line?: number; readonly column?: number } };
  return `it is not valid YAML (line ${(mark?.line ?? 0) + 1}, column ${(mark?.column ?? 0) + 1})`;
}

try {
  const [path = '', context = ''] = process.argv.slice(2);
  process.stdout.write(`${JSON.stringify(await main(path, context))}\n`);
} catch (error) {
  process.stderr.write(complaint(error));
  process.exitCode = 1;
}
