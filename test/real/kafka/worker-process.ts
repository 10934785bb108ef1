/** A worker as a process of its own, so that it can be killed: it prints what it is handed and what it recorded. */
import type { KafkaBusOptions } from '@driftline/collector';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type WorkerTask = Omit<KafkaBusOptions, 'role' | 'logger'> & {
  /** The batch with this sequence stays in the worker's hands for ever; 0: none does. */
  readonly holds: number;
};

export type WorkerProcess = {
  readonly child: ChildProcess;
  /** Sequences, in order. */
  readonly handed: readonly number[];
  readonly recorded: readonly number[];
};

const program = fileURLToPath(new URL('./worker-program.ts', import.meta.url));

/** Resolves when the worker is about to read. */
export const startWorker = async (task: WorkerTask): Promise<WorkerProcess> => {
  const { brokers, topicPrefix, partitions, replication, holds } = task;
  const child = spawn(
    'setpriv', // with --pdeathsig the kernel kills the worker when its parent is gone
    [
      '--pdeathsig',
      'KILL',
      process.execPath,
      program,
      JSON.stringify({ brokers, topicPrefix, partitions, replication, holds }),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } },
  );
  const handed: number[] = [];
  const recorded: number[] = [];
  const lines = createInterface({ input: child.stdout });
  const ready = once(lines, 'line');
  lines.on('line', (line) => {
    const [word, sequence] = line.split(' ');
    if (word === 'handed') handed.push(Number(sequence));
    if (word === 'recorded') recorded.push(Number(sequence));
  });
  await ready;
  return { child, handed, recorded };
};
