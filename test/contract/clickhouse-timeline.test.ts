/** The timeline contract against the embedded ClickHouse: a real server, started once for the file. */
import { openTimeline } from '@driftline/collector';
import type { Timeline } from '@driftline/collector';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { pino } from 'pino';
import { openTimelineWriter } from '@driftline/collector';
import { timelineContract } from './timeline.ts';

const logger = pino({ level: 'silent' });
const nowUs = (): number => Date.now() * 1000;
let timeline: Timeline;
let dataDir: string;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'driftline-contract-'));
  timeline = await openTimeline({ settings: { mode: 'embedded' }, dataDir, logger, nowUs });
});
after(async () => {
  await timeline.close();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 10 });
});

timelineContract('ClickHouse timeline', async () => {
  const { connection, recovery } = timeline;
  const opened = [await openTimelineWriter({ connection, logger, nowUs })];
  return {
    writer: opened[0]!,
    recovery,
    reopen: async () => {
      const writer = await openTimelineWriter({ connection, logger, nowUs });
      opened.push(writer);
      return { writer, recovery };
    },
    close: async () => {
      for (const writer of opened) await writer.close();
    },
  };
});
