/** The command line: parse, dispatch, print, exit code. The one reader of the process in this room. */
import { parseArgs } from 'node:util';
import { createApiClient } from './api-client.ts';
import { atCommand } from './command/at.ts';
import type { Command, OptionConfig, OptionValues } from './command/command.ts';
import { text } from './command/command.ts';
import { findingsCommand } from './command/findings.ts';
import { logCommand } from './command/log.ts';
import { policyCommand } from './command/policy.ts';
import { scoreCommand } from './command/score.ts';
import { showCommand } from './command/show.ts';
import { statusCommand } from './command/status.ts';
import { findConnection } from './connection.ts';
import { CliError, type ExitCode, exitCode } from './exit-code.ts';
import { createPaint, printable } from './output/text.ts';

const commands: readonly Command[] = [
  logCommand,
  showCommand,
  atCommand,
  findingsCommand,
  scoreCommand,
  statusCommand,
  policyCommand,
];

const commonOptions = {
  help: { type: 'boolean', short: 'h' },
  server: { type: 'string' },
  'token-file': { type: 'string' },
  ca: { type: 'string' },
} as const satisfies OptionConfig;

export async function main(args: readonly string[]): Promise<ExitCode> {
  // A reader that went away (`| head`) is not an error of ours.
  process.stdout.on('error', () => process.exit(exitCode.ok));
  try {
    return await dispatch(args);
  } catch (error) {
    if (error instanceof CliError) {
      console.error(`driftline: ${error.message.split('\n').map(printable).join('\n')}`);
      return error.exitCode;
    }
    throw error;
  }
}

async function dispatch(args: readonly string[]): Promise<ExitCode> {
  const [name = 'help', ...rest] = args;
  if (['help', '--help', '-h'].includes(name)) {
    const topic = commands.find((command) => command.name === rest[0]);
    console.log(topic === undefined ? overview() : usage(topic));
    return exitCode.ok;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    throw new CliError(
      exitCode.usage,
      `no command '${name}'; there are: ${commands.map((known) => known.name).join(', ')}`,
    );
  }
  const { values, positionals } = parse(command, rest);
  if (values.help === true) {
    console.log(usage(command));
    return exitCode.ok;
  }
  return command.run({
    values,
    positionals,
    api: () =>
      createApiClient(
        findConnection({
          server: text(values, 'server'),
          tokenFile: text(values, 'token-file'),
          caFile: text(values, 'ca'),
          env: process.env,
          cwd: process.cwd(),
        }),
      ),
    print: (line) => console.log(line),
    paint: createPaint(process.stdout.isTTY && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb'),
    now: () => new Date(),
  });
}

function parse(command: Command, args: readonly string[]): { values: OptionValues; positionals: readonly string[] } {
  try {
    return parseArgs({
      args: [...args],
      options: { ...command.options, ...commonOptions },
      allowPositionals: true,
      strict: true,
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/\. To specify a positional.*$/s, '') : String(cause);
    throw new CliError(exitCode.usage, `${reason}. See 'driftline help ${command.name}'`, { cause });
  }
}

function overview(): string {
  const rows = commands.map((command) => `  ${command.usage.padEnd(44)}${command.summary}`);
  return [
    'driftline: what changed in your clusters, where, who did it, who approved it, and did it break policy?',
    '',
    ...rows,
    '',
    "  driftline help COMMAND                      a command's options",
    '',
    'Connection: --server URL, --token-file FILE and --ca FILE, or DRIFTLINE_URL, DRIFTLINE_TOKEN (or _TOKEN_FILE) and',
    'DRIFTLINE_CA_FILE, or a checkout where npm start runs.',
    'Exit codes: 0 fine, 1 the answer is what a gate should stop at, 2 wrong usage, 3 collector not reachable, 4 not found.',
  ].join('\n');
}

function usage(command: Command): string {
  const flags = [
    ...command.help,
    ['--server URL, --token-file FILE', 'the collector to ask; --ca FILE: its authority'] as const,
  ];
  return [
    `usage: driftline ${command.usage}`,
    '',
    command.summary,
    '',
    ...flags.map(([flag, help]) => `  ${flag.padEnd(32)}${help}`),
  ].join('\n');
}
