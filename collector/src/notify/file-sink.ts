/** Events to a JSON-lines file, one event a line, synced before they count as delivered. */
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Sink } from './sink.ts';

export type FileSinkConfig = { readonly name: string; readonly path: string };

/** The file is opened for each delivery, so that a rotated or removed file is simply a new one. */
export function createFileSink(config: FileSinkConfig): Sink {
  return {
    name: config.name,
    async deliver(events) {
      try {
        await mkdir(dirname(config.path), { recursive: true });
        const file = await open(config.path, 'a+', 0o600);
        try {
          const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
          await file.appendFile((await endsInMidLine(file)) ? `\n${lines}` : lines);
          await file.datasync();
        } finally {
          await file.close();
        }
        return { outcome: 'delivered' };
      } catch (error) {
        return { outcome: 'retry', afterMs: 0, reason: error instanceof Error ? error.message : String(error) };
      }
    },
    close: async () => {},
  };
}

/** A crash or a full disk can leave half a line behind: the next event must not be glued to it. */
async function endsInMidLine(file: Awaited<ReturnType<typeof open>>): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
}
