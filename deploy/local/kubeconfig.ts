/** What of a kubeconfig must be right before anything starts. What else may be wrong with it, the agent says: it uses it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { UsageError } from './usage-error.ts';

const root = join(import.meta.dirname, '../..');

/** The context that will be watched: the one asked for, else the current one. Throws a UsageError that names those there are. */
export function contextOf(path: string, wanted: string | undefined): string {
  const { current, names } = contextsOf(path);
  const others = names.length === 0 ? 'it has no contexts' : `it has: ${names.join(', ')}`;
  const name = wanted ?? current;
  if (name === undefined)
    throw new UsageError(`--kubeconfig: ${path} has no current context: choose one with --context (${others})`);
  if (!names.includes(name))
    throw new UsageError(
      `${wanted === undefined ? `--kubeconfig: the current context of ${path}` : '--context'} is '${name}', which that file does not have (${others})`,
    );
  return name;
}

function contextsOf(path: string): { readonly current: string | undefined; readonly names: readonly string[] } {
  // The CLI's room declares the parser; the workspace's root has no packages of its own.
  const yaml = createRequire(join(root, 'cli/package.json'))('yaml') as { parse(text: string): unknown };
  let config: unknown;
  try {
    config = yaml.parse(read(path));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    // Its message quotes the text around the mistake, where credentials are.
    const [place] = (cause as { readonly linePos?: readonly { readonly line: number }[] }).linePos ?? [];
    throw new UsageError(`--kubeconfig: ${path} is no YAML${place === undefined ? '' : ` (line ${place.line})`}`, {
      cause,
    });
  }
  if (typeof config !== 'object' || config === null || !('contexts' in config))
    throw new UsageError(`--kubeconfig: ${path} is no kubeconfig: it has no contexts`);
  const { contexts } = config;
  const names = Array.isArray(contexts) ? contexts.map(nameOf).filter((name) => name !== '') : [];
  const current = 'current-context' in config ? config['current-context'] : undefined;
  return { current: typeof current === 'string' && current !== '' ? current : undefined, names };
}

function nameOf(context: unknown): string {
  if (typeof context !== 'object' || context === null || !('name' in context)) return '';
  return typeof context.name === 'string' ? context.name : '';
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: `there is no file ${path}`,
      EISDIR: `${path} is a folder`,
      EACCES: `you may not read ${path}`,
    };
    throw new UsageError(`--kubeconfig: ${reasons[code] ?? `${path} cannot be read (${code})`}`, { cause });
  }
}
