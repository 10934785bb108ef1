/** What a command is, and what it gets. Commands are functions of their arguments: the process is only in io.ts. */
import type { parseArgs } from 'node:util';
import type { ApiClient } from '../api-client.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Paint } from '../output/text.ts';

export type OptionValues = ReturnType<typeof parseArgs>['values'];
export type OptionConfig = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>;

export type CommandContext = {
  readonly values: OptionValues;
  readonly positionals: readonly string[];
  /** Connects on first use, so that offline commands need no collector. */
  readonly api: () => ApiClient;
  readonly print: (text: string) => void;
  /** A line on standard error; the answer stays what it is. */
  readonly warn: (text: string) => void;
  /** The exit code that stands even when the reader of the output goes away (`| head`). */
  readonly settle: (code: ExitCode) => void;
  readonly paint: Paint;
  /** Columns of the terminal; undefined when it is none. */
  readonly columns: number | undefined;
  readonly now: () => Date;
  /** All of standard input. */
  readonly readStdin: () => Promise<string>;
};

export type Command = {
  readonly name: string;
  /** What follows `driftline` in the usage line. */
  readonly usage: string;
  readonly summary: string;
  /** It asks no collector. */
  readonly isOffline?: boolean;
  readonly options: OptionConfig;
  /** One line for each option, for `help`. */
  readonly help: readonly (readonly [flag: string, text: string])[];
  run(context: CommandContext): Promise<ExitCode>;
};

/** The option's value when it was given as text. */
export function text(values: OptionValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** Every value of an option that can be given again. */
export function texts(values: OptionValues, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
