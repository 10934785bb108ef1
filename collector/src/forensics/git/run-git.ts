/**
 * One bounded run of the `git` executable. Nothing of the machine's or the user's configuration is read, no hook runs, no
 * prompt waits, replaced objects do not count, and a run that lasts too long is ended with all that it started. Arguments
 * come from the configuration; what comes from clusters goes through standard input.
 */
import { spawn } from 'node:child_process';

export type GitQuestion = {
  /** Default: git. */
  readonly program?: 'git' | 'gpg';
  readonly args: readonly string[];
  /** Of git: `name=value`, over the safe ones. */
  readonly settings?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
};

/** A question to one repository, within its limits. */
export type Ask = (question: GitQuestion) => Promise<GitOutcome>;

export type GitRun = Required<GitQuestion> & {
  readonly outputBytes: number;
  readonly signal: AbortSignal;
};

export type GitOutcome =
  | { readonly ok: true; readonly output: Buffer }
  | {
      readonly ok: false;
      readonly reason: 'not-installed' | 'timeout' | 'output-limit' | 'stopped' | 'failed';
      /** What git says last; untrusted. */
      readonly detail: string;
    };

const safeSettings = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'protocol.allow=never',
  'credential.helper=',
  'http.followRedirects=false',
  'http.lowSpeedLimit=1000',
  'http.lowSpeedTime=30',
  'fetch.recurseSubmodules=false',
  // Commits that a forced push took from every branch stay readable: they are evidence.
  'gc.auto=0',
  'maintenance.auto=false',
];

const maxErrorCharacters = 4_096;

export function runGit(run: GitRun): Promise<GitOutcome> {
  const settings = [...safeSettings, ...run.settings].flatMap((setting) => ['-c', setting]);
  return new Promise((resolve) => {
    const child = spawn(run.program, run.program === 'git' ? [...settings, ...run.args] : run.args, {
      // A process group of its own, so that its helpers end with it.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        LC_ALL: 'C',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_TERMINAL_PROMPT: '0',
        GIT_NO_REPLACE_OBJECTS: '1',
        ...run.environment,
      },
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let complaint = '';
    let ended: 'timeout' | 'output-limit' | 'stopped' | undefined;
    const end = (reason: typeof ended): void => {
      ended ??= reason;
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const onAbort = (): void => end('stopped');
    const timer = setTimeout(() => end('timeout'), run.timeoutMs);
    const settle = (outcome: GitOutcome): void => {
      clearTimeout(timer);
      run.signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    };
    run.signal.addEventListener('abort', onAbort, { once: true });
    if (run.signal.aborted) onAbort();
    child.on('error', (error) => {
      const isMissing = 'code' in error && error.code === 'ENOENT';
      settle({ ok: false, reason: isMissing ? 'not-installed' : 'failed', detail: error.message });
    });
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > run.outputBytes) end('output-limit');
      else chunks.push(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-maxErrorCharacters);
    });
    child.on('close', (code) => {
      if (ended !== undefined) settle({ ok: false, reason: ended, detail: '' });
      else if (code === 0) settle({ ok: true, output: Buffer.concat(chunks) });
      else settle({ ok: false, reason: 'failed', detail: complaint });
    });
    // It may end without reading all of it.
    child.stdin.on('error', () => {});
    child.stdin.end(run.input);
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}
