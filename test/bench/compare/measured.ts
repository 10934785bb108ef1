/** Runs a program and says what it took, its children included. */
import { spawnSync } from 'node:child_process';

export type Measured = {
  readonly stdout: string;
  /** User and system, in seconds. */
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  /** Of the largest process. */
  readonly maxResidentMiB: number;
};

/** The kernel's own account of the child, which Node does not give. */
const accountant = `
import json, resource, subprocess, sys, time
started = time.monotonic()
with open(sys.argv[1], 'wb') as out:
    code = subprocess.run(sys.argv[2:], stdout=out, stderr=subprocess.PIPE)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({'cpu': used.ru_utime + used.ru_stime, 'wall': time.monotonic() - started, 'rss': used.ru_maxrss,
                  'code': code.returncode, 'stderr': code.stderr.decode(errors='replace')[-2000:]}))
`;

type Account = {
  readonly cpu: number;
  readonly wall: number;
  readonly rss: number;
  readonly code: number;
  readonly stderr: string;
};

/** Findings are no failure: exit code 1 is theirs. `readOutput` is called with the file of what was printed. */
export function measured(
  command: readonly string[],
  outputFile: string,
  readOutput: (file: string) => string,
): Measured {
  const run = spawnSync('python3', ['-c', accountant, outputFile, ...command], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${command[0] ?? ''} could not be measured: ${run.stderr}`);
  const { cpu, wall, rss, code, stderr } = JSON.parse(run.stdout) as Account;
  if (code !== 0 && code !== 1) throw new Error(`${command.slice(0, 3).join(' ')} ended with ${code}: ${stderr}`);
  return { stdout: readOutput(outputFile), cpuSeconds: cpu, wallSeconds: wall, maxResidentMiB: rss / 1_024 };
}
