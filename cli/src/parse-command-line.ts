/** The options of a command, or a usage error that says what was meant. */
import { parseArgs } from 'node:util';
import { closest } from './closest.ts';
import type { OptionConfig, OptionValues } from './command/command.ts';
import { CliError, exitCode } from './exit-code.ts';

export type CommandLine = { readonly values: OptionValues; readonly positionals: readonly string[] };

export function parseCommandLine(args: readonly string[], options: OptionConfig, command: string): CommandLine {
  try {
    return parseArgs({ args: withNegatives(args, options), options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new CliError(exitCode.usage, `${reasonOf(cause, options)}; 'driftline help ${command}' lists the options`, {
      cause,
    });
  }
}

/** `--limit -5` is a value that the command refuses with its own words, not an option `-5`. */
function withNegatives(args: readonly string[], options: OptionConfig): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1);
    const isValue = /^-\d/.test(arg) && before !== undefined && takesValue(before, options) && !joined.includes('--');
    if (!isValue) joined.push(arg);
    else joined[joined.length - 1] = `${longName(before, options)}=${arg}`;
  }
  return joined;
}

function longName(flag: string, options: OptionConfig): string {
  if (flag.startsWith('--')) return flag;
  const [name = ''] = Object.entries(options).find(([, { short }]) => `-${short}` === flag) ?? [];
  return `--${name}`;
}

function takesValue(flag: string, options: OptionConfig): boolean {
  const name = longName(flag, options).slice(2);
  return Object.hasOwn(options, name) && options[name]?.type === 'string';
}

function reasonOf(error: unknown, options: OptionConfig): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : '';
  const [, flag = ''] = /'(-{1,2}[^'\s,]*)/.exec(message) ?? [];
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const meant = closest(flag.replace(/^-+/, ''), Object.keys(options));
    return `there is no option '${flag}'${meant === undefined ? '' : `: did you mean --${meant}?`}`;
  }
  if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return message;
  // Of a short and a long form, the message has both: the long one says more.
  const [, long = flag] = /(--[\w-]+)/.exec(message) ?? [];
  return takesValue(long, options) ? `${long} needs a value` : `${long} takes no value`;
}
