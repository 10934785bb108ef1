/** The command line: parse, dispatch, print, exit code. */
import { createApiClient } from './api-client.ts';
import { atCommand } from './command/at.ts';
import type { Command, OptionConfig } from './command/command.ts';
import { text } from './command/command.ts';
import { exceptionsCommand } from './command/exceptions.ts';
import { findingsCommand } from './command/findings.ts';
import { grantsCommand } from './command/grants.ts';
import { logCommand } from './command/log.ts';
import { policyCommand } from './command/policy.ts';
import { scanCommand } from './command/scan.ts';
import { scoreCommand } from './command/score.ts';
import { showCommand } from './command/show.ts';
import { statusCommand } from './command/status.ts';
import { closest } from './closest.ts';
import { findConnection } from './connection.ts';
import { CliError, type ExitCode, exitCode } from './exit-code.ts';
import { type CliIo, processIo } from './io.ts';
import { createPaint, printable } from './output/text.ts';
import { parseCommandLine } from './parse-command-line.ts';
import { cliVersion } from './version.ts';

const commands: readonly Command[] = [
  logCommand,
  showCommand,
  atCommand,
  findingsCommand,
  exceptionsCommand,
  grantsCommand,
  scoreCommand,
  statusCommand,
  scanCommand,
  policyCommand,
];

const commonOptions = {
  help: { type: 'boolean', short: 'h' },
  server: { type: 'string' },
  'token-file': { type: 'string' },
  ca: { type: 'string' },
} as const satisfies OptionConfig;

/** Runs one command line in the process's own world, or in another that is given. */
export async function main(args: readonly string[], io: CliIo = processIo()): Promise<ExitCode> {
  const complain = (message: string): void => {
    io.printError(`driftline: ${message.split('\n').map(printable).join('\n')}`);
  };
  let settled: ExitCode = exitCode.ok;
  // A reader that went away (`| head`) is not an error of ours; a full disk is.
  io.onPrintFailed((error) => {
    if (error.code === 'EPIPE') return settled;
    complain(`cannot write the answer: ${error.message}`);
    return exitCode.internal;
  });
  try {
    return await dispatch(args, {
      io,
      complain,
      settle(code) {
        settled = code;
      },
    });
  } catch (error) {
    if (error instanceof CliError) {
      complain(error.message);
      return error.exitCode;
    }
    complain(`this is a fault of driftline ${cliVersion}: ${error instanceof Error ? error.stack : String(error)}`);
    return exitCode.internal;
  }
}

type Run = {
  readonly io: CliIo;
  readonly complain: (message: string) => void;
  readonly settle: (code: ExitCode) => void;
};

async function dispatch(args: readonly string[], { io, complain, settle }: Run): Promise<ExitCode> {
  const [name = 'help', ...rest] = commandFirst(args);
  if (['help', '--help', '-h'].includes(name)) {
    io.print(help(rest));
    return exitCode.ok;
  }
  if (['version', '--version', '-V'].includes(name)) {
    io.print(`driftline ${cliVersion}`);
    return exitCode.ok;
  }
  const command = commandNamed(name);
  const { values, positionals } = parseCommandLine(rest, { ...command.options, ...commonOptions }, command.name);
  if (values.help === true) {
    io.print(usage(command));
    return exitCode.ok;
  }
  const { columns, env } = io;
  return command.run({
    values,
    positionals,
    api: () =>
      createApiClient(
        findConnection({
          server: text(values, 'server'),
          tokenFile: text(values, 'token-file'),
          caFile: text(values, 'ca'),
          env,
          cwd: io.cwd(),
          home: io.home(),
        }),
      ),
    print: io.print,
    warn: complain,
    settle,
    paint: createPaint(columns !== undefined && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'),
    columns: columns === 0 ? undefined : columns,
    now: () => new Date(),
    readStdin: io.readStdin,
  });
}

/** Options that may stand before the command, as with kubectl, and take a value. */
const leadingOptions: readonly string[] = [
  '--server',
  '--token-file',
  '--context',
  '--namespace',
  '-n',
  '-o',
  '--output',
];

/** The command and then everything else: `driftline -n shop log` is `driftline log -n shop`. */
function commandFirst(args: readonly string[]): readonly string[] {
  let at = 0;
  while (leadingOptions.includes(args[at] ?? '') || /^(--[a-z-]+=|-n.|-o.|-A$|--all-namespaces$)/.test(args[at] ?? ''))
    at += leadingOptions.includes(args[at] ?? '') ? 2 : 1;
  const name = args[at];
  return at === 0 || name === undefined ? args : [name, ...args.slice(0, at), ...args.slice(at + 1)];
}

function commandNamed(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const names = commands.map((known) => known.name);
  const meant = closest(name, names);
  throw new CliError(
    exitCode.usage,
    `no command '${name}'${meant === undefined ? '' : `: did you mean ${meant}?`}; there are: ${names.join(', ')}`,
  );
}

function help([topic]: readonly string[]): string {
  return topic === undefined || topic.startsWith('-') ? overview() : usage(commandNamed(topic));
}

function overview(): string {
  const rows = commands.map(({ usage, summary }) => beside(usage, 44, summary));
  return [
    'driftline: what changed in your clusters, where, who did it, who approved it, and did it break policy?',
    '',
    ...rows,
    '',
    "  driftline help COMMAND                      a command's options",
    '  driftline --version',
    '',
    'Connection: --server URL, --token-file FILE and --ca FILE, or DRIFTLINE_URL, DRIFTLINE_TOKEN (or _TOKEN_FILE) and',
    'DRIFTLINE_CA_FILE, or a checkout where npm start runs.',
    'Exit codes: 0 fine, 1 the answer is what a gate should stop at, 2 wrong usage, 3 collector not reachable, 4 not found,',
    '            5 input that cannot be read (scan), 70 a fault of driftline.',
  ].join('\n');
}

function usage(command: Command): string {
  const connection = ['--server URL, --token-file FILE', 'the collector to ask; --ca FILE: its authority'] as const;
  const flags = command.isOffline === true ? command.help : [...command.help, connection];
  return [
    `usage: driftline ${command.usage}`,
    '',
    command.summary,
    '',
    ...flags.map(([flag, help]) => beside(flag, 32, help)),
  ].join('\n');
}

/** A line of two columns; two lines where the first column does not hold its text. */
function beside(text: string, width: number, help: string): string {
  return `  ${text.length < width ? text.padEnd(width) : `${text}\n  ${' '.repeat(width)}`}${help}`;
}
