import { openKafkaBus } from '../../../collector/src/bus/kafka-bus.ts';
import { pino } from 'pino';
import type { WorkerTask } from './worker-process.ts';

const { holds, ...options } = JSON.parse(process.argv[2] ?? '') as WorkerTask;
const { reader, writer } = await openKafkaBus({ ...options, role: 'worker', logger: pino({ level: 'silent' }) });
const say = (word: string, sequence: number): void => void process.stdout.write(`${word} ${sequence}\n`);
process.once('SIGTERM', () => void reader.close());
process.stdout.write('ready\n');
await reader.run({
  async handle(batches) {
    for (const { batch } of batches) say('handed', batch.firstSequence);
    for (const { batch } of batches) {
      if (batch.firstSequence === holds) await new Promise(() => {});
      say('recorded', batch.firstSequence);
    }
  },
  lost: async () => {},
});
await writer.close();
