/** What a command line has of the world around it: the process's own, or that of whoever runs it in theirs. */
import { text } from 'node:stream/consumers';
import type { ExitCode } from './exit-code.ts';
import { homeFolder } from './home-folder.ts';

export type CliIo = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: () => string;
  /** Undefined for a user who has none. */
  readonly home: () => string | undefined;
  /** Columns of the terminal that standard output is, 0 when it does not say; undefined when it is none. */
  readonly columns: number | undefined;
  /** A line, or several, on standard output. */
  readonly print: (text: string) => void;
  /** The same on standard error. */
  readonly printError: (text: string) => void;
  /** The program ends at once with the code that `codeOf` gives when standard output cannot be written. */
  readonly onPrintFailed: (codeOf: (error: NodeJS.ErrnoException) => ExitCode) => void;
  /** All of standard input. */
  readonly readStdin: () => Promise<string>;
};

/** The one reader of the process in this room. */
export function processIo(): CliIo {
  const { stdout, stderr, stdin, env } = process;
  return {
    env,
    cwd: () => process.cwd(),
    home: homeFolder,
    columns: !stdout.isTTY ? undefined : stdout.columns > 0 ? stdout.columns : 0,
    print: (line) => console.log(line),
    printError: (line) => console.error(line),
    onPrintFailed(codeOf) {
      stdout.on('error', (error) => process.exit(codeOf(error)));
      stderr.on('error', () => {});
    },
    readStdin: () => text(stdin),
  };
}
