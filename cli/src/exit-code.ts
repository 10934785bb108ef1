/** Exit codes, for scripts. They are part of the interface: `driftline help` prints them. */
export const exitCode = {
  ok: 0,
  /** The command ran and its answer is the one a gate should stop at (findings at `--fail-on`, a failed policy case). */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The collector cannot be reached or refuses the credential. */
  unavailable: 3,
  /** What was asked for is not in the timeline. */
  notFound: 4,
  /** Some input could not be read or judged, so that the answer is not complete. It stands above `failed`. */
  badInput: 5,
  /** A fault of this program, or of the disk it writes to. */
  internal: 70,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

/** Ends the command with a message on standard error. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  constructor(code: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
    this.exitCode = code;
  }
}

export const isNotFound = (error: unknown): boolean =>
  error instanceof CliError && error.exitCode === exitCode.notFound;
