/** The flags of `npm start`. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { contextOf } from './kubeconfig.ts';
import { UsageError } from './usage-error.ts';

export type LocalFlags = {
  /** A real cluster to watch; undefined: the practice cluster. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  /** Everything that is kept between starts. */
  readonly home: string;
  /** The commands look there by themselves. */
  readonly isDefaultHome: boolean;
  /** undefined: the default one, or the next that is free. */
  readonly apiPort: number | undefined;
  /** Milliseconds between steps of the practice cluster's stories; 0: none are played. */
  readonly paceMs: number;
};

export const defaultApiPort = 7480;

export const usage = `usage: npm start [-- FLAGS]

Runs Driftline on this machine: collector with its own ClickHouse, an agent, and the practice cluster.

  --kubeconfig FILE   watch this cluster instead of the practice cluster; nothing is ever written to it
  --context NAME      the context of the kubeconfig (default: its current one)
  --data-dir DIR      where everything is kept between starts, for each cluster in a folder of its own
                      (default: .driftline in the checkout)
  --api-port N        port of the HTTP API on 127.0.0.1 (default: ${defaultApiPort}, or the next one that is free)
  --pace SECONDS      time between the steps of the practice cluster's stories (default: 8; 0: play none)
  --help`;

export function parseFlags(args: readonly string[], root: string): LocalFlags | 'help' {
  const values = read(args);
  if (values.help === true) return 'help';
  // npm runs scripts in the checkout; paths are meant from where the person stands.
  const here = process.env.INIT_CWD ?? process.cwd();
  const kubeconfig = values.kubeconfig === undefined ? undefined : resolve(here, values.kubeconfig);
  if (values.context !== undefined && kubeconfig === undefined)
    throw new UsageError('--context goes with --kubeconfig');
  return {
    kubeconfig,
    context: kubeconfig === undefined ? undefined : contextOf(kubeconfig, values.context),
    isDefaultHome: values['data-dir'] === undefined,
    home: values['data-dir'] === undefined ? join(root, '.driftline') : resolve(here, values['data-dir']),
    apiPort: values['api-port'] === undefined ? undefined : wholeNumber('api-port', values['api-port'], 1, 65_535),
    paceMs: wholeNumber('pace', values.pace ?? '8', 0, 86_400) * 1_000,
  };
}

function read(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    kubeconfig: text,
    context: text,
    'data-dir': text,
    'api-port': text,
    pace: text,
    help: { type: 'boolean', short: 'h' },
  } as const;
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) < min || Number(text) > max)
    throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not '${text}'`);
  return Number(text);
}
