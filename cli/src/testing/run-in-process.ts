import { tmpdir } from 'node:os';
import { main } from '../main.ts';

export type Run = { readonly status: number | null; readonly out: string; readonly err: string };

/** Runs the command in this process: without a terminal or input, in a folder without a connection file. */
export async function runInProcess(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Run> {
  const text = { out: '', err: '' };
  const status = await main(args, {
    env,
    cwd: tmpdir,
    home: tmpdir,
    columns: undefined,
    print: (line) => (text.out += `${line}\n`),
    printError: (line) => (text.err += `${line}\n`),
    onPrintFailed: () => {},
    readStdin: () => Promise.resolve(''),
  });
  return { status, ...text };
}
