import assert from 'node:assert/strict';
import { appendFile, readdir, rename, truncate, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type MessageBody, auditReachUs } from '@driftline/proto';
import { silentLogger, temporaryDirectory } from '../spool/spool-fixture.ts';
import { auditEvent, createHeldSink, createTestRecorder, recordedNumbers, rejections } from './audit-fixture.ts';
import type { HeldSink } from './audit-fixture.ts';
import { defaultAuditLogLimits, openAuditLogTail } from './audit-log-tail.ts';
import type { AuditLogOptions, AuditLogTail } from './audit-log-tail.ts';
import { noAuditMetrics } from './audit-metrics.ts';

const line = (number: number): string => `${JSON.stringify(auditEvent(number))}\n`;
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => line(from + i)).join('');
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

type Setting = {
  readonly path: string;
  readonly sink: HeldSink;
  readonly open: (options?: Partial<AuditLogOptions>) => Promise<AuditLogTail>;
  /** Waits until that many messages came, and a little longer for some too many. */
  readonly arrived: (count: number) => Promise<MessageBody[]>;
};

async function withLog(test: (setting: Setting) => Promise<void>): Promise<void> {
  const directory = await temporaryDirectory();
  const sink = createHeldSink();
  const path = join(directory.path, 'audit.log');
  const opened: AuditLogTail[] = [];
  let nowUs = Date.now() * 1000;
  try {
    await test({
      path,
      sink,
      async open(options = {}) {
        const tail = await openAuditLogTail({
          path,
          checkpointPath: join(directory.path, 'checkpoint.json'),
          startAt: 'beginning',
          limits: { ...defaultAuditLogLimits, pollIntervalMs: 5, checkpointIntervalMs: 0 },
          recorder: createTestRecorder(sink),
          clock: { nowUs: () => (nowUs += 1) },
          logger: silentLogger,
          metrics: noAuditMetrics,
          ...options,
        });
        opened.push(tail);
        return tail;
      },
      async arrived(count) {
        for (let waited = 0; waited < 24_000 && sink.bodies.length < count; waited++) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        await new Promise((resolve) => setTimeout(resolve, 40));
        return sink.bodies;
      },
    });
  } finally {
    for (const tail of opened) await tail.close();
    await directory.remove();
  }
}

const gaps = (bodies: readonly MessageBody[]): string[] =>
  bodies.flatMap((body) => (body.type === 'gap' ? [body.cause] : []));

describe('audit log', () => {
  it('reads what is there, then what is appended, and waits for the end of a line', async () => {
    await withLog(async ({ path, open, arrived }) => {
      await writeFile(path, lines(1, 3));
      await open();
      await arrived(3);
      const next = line(4);
      await appendFile(path, next.slice(0, 100));
      assert.deepEqual(recordedNumbers(await arrived(3)), [1, 2, 3]);
      await appendFile(path, next.slice(100) + line(5));
      assert.deepEqual(recordedNumbers(await arrived(5)), numbers(1, 5));
    });
  });

  it('waits for a log that does not exist yet', async () => {
    await withLog(async ({ path, open, arrived }) => {
      await open();
      await writeFile(path, lines(1, 2));
      assert.deepEqual(recordedNumbers(await arrived(2)), [1, 2]);
    });
  });

  it('can begin at the end', async () => {
    await withLog(async ({ path, open, arrived }) => {
      await writeFile(path, lines(1, 3));
      await open({ startAt: 'end' });
      await appendFile(path, line(4));
      assert.deepEqual(recordedNumbers(await arrived(1)), [4]);
    });
  });

  it('goes on after a restart where it stopped, with lines longer than what is read at once', async () => {
    await withLog(async ({ path, open, arrived }) => {
      const limits = { ...defaultAuditLogLimits, pollIntervalMs: 5, checkpointIntervalMs: 0, chunkBytes: 300 };
      await writeFile(path, lines(1, 3));
      const first = await open({ limits });
      await arrived(3);
      await first.close();
      await appendFile(path, lines(4, 6));
      await open({ limits });
      assert.deepEqual(recordedNumbers(await arrived(6)), numbers(1, 6));
    });
  });

  it('the checkpoint never passes what is durable', async () => {
    await withLog(async ({ path, sink, open, arrived }) => {
      await writeFile(path, lines(1, 2));
      const first = await open();
      await arrived(2);
      const closed = Promise.withResolvers<void>();
      sink.hold(closed.promise);
      await appendFile(path, lines(3, 4));
      await new Promise((resolve) => setTimeout(resolve, 50));
      const stopping = first.close();
      closed.reject(new Error('the spool is closing'));
      await stopping;
      sink.hold(Promise.resolve());
      await open();
      assert.deepEqual(recordedNumbers(await arrived(4)), numbers(1, 4));
    });
  });

  it('follows rotation while it runs, and reads the end of the old file first', async () => {
    await withLog(async ({ path, open, arrived }) => {
      await writeFile(path, lines(1, 2));
      await open();
      await arrived(2);
      await appendFile(path, line(3));
      await rename(path, path.replace('.log', '-2025-06-01T02-00-00.000.log'));
      await writeFile(path, lines(4, 5));
      assert.deepEqual(recordedNumbers(await arrived(5)), numbers(1, 5));
      await rename(path, `${path}.1`);
      await writeFile(path, line(6));
      assert.deepEqual(recordedNumbers(await arrived(6)), numbers(1, 6));
      assert.deepEqual(gaps(await arrived(6)), []);
    });
  });

  it('rotated several times while the agent was away: nothing is lost and nothing confessed', async () => {
    await withLog(async ({ path, open, arrived }) => {
      await writeFile(path, lines(1, 2));
      const first = await open();
      await arrived(2);
      await first.close();
      await appendFile(path, line(3));
      await rename(path, `${path}.2`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      await writeFile(path, lines(4, 5));
      await rename(path, `${path}.1`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      await writeFile(path, line(6));
      await open();
      const bodies = await arrived(6);
      assert.deepEqual(recordedNumbers(bodies), numbers(1, 6));
      assert.deepEqual(gaps(bodies), []);
    });
  });

  it('rotated and compressed while the agent was away: it goes on within the compressed file', async () => {
    await withLog(async ({ path, open, arrived }) => {
      await writeFile(path, lines(1, 2));
      const first = await open();
      await arrived(2);
      await first.close();
      await unlink(path);
      const packed: readonly [name: string, content: string][] = [
        [`${path}.2.gz`, lines(1, 3)],
        [path.replace('.log', '-2025-06-01T03-00-00.000.log.gz'), lines(4, 5)],
      ];
      for (const [name, content] of packed) {
        await writeFile(name, gzipSync(content));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await writeFile(path, line(6));
      const second = await open();
      const bodies = await arrived(6);
      assert.deepEqual(recordedNumbers(bodies), numbers(1, 6));
      assert.deepEqual(gaps(bodies), []);
      await second.close();
      assert.deepEqual(
        (await readdir(dirname(path))).filter((name) => name.startsWith('unpacked')),
        [],
      );
    });
  });

  it('a compressed file that cannot be unpacked within the limit is confessed', async () => {
    await withLog(async ({ path, open, arrived }) => {
      const limits = { ...defaultAuditLogLimits, pollIntervalMs: 5, checkpointIntervalMs: 0, unpackedLimitBytes: 5000 };
      await writeFile(path, line(1));
      const first = await open();
      await arrived(1);
      await first.close();
      await rename(path, `${path}.2`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      await writeFile(`${path}.1.gz`, gzipSync(lines(2, 40)));
      await new Promise((resolve) => setTimeout(resolve, 10));
      await writeFile(path, line(41));
      await open({ limits });
      const bodies = await arrived(3);
      assert.deepEqual(recordedNumbers(bodies), [1, 41]);
      assert.deepEqual(gaps(bodies), ['audit_drop']);
    });
  });

  it('a file that is gone, or truncated, is confessed and reading goes on', async () => {
    await withLog(async ({ path, open, arrived }) => {
      await writeFile(path, lines(1, 3));
      const first = await open();
      await arrived(3);
      await truncate(path, 0);
      await arrived(4);
      await appendFile(path, line(4));
      assert.deepEqual(gaps(await arrived(5)), ['audit_drop']);
      await first.close();
      await unlink(path);
      await writeFile(path, lines(5, 6));
      await open();
      const bodies = await arrived(8);
      assert.deepEqual(recordedNumbers(bodies), numbers(1, 6));
      assert.deepEqual(gaps(bodies), ['audit_drop', 'audit_drop']);
    });
  });

  it('what a truncation takes from a backlog can be as old as the last look at its end', async () => {
    await withLog(async ({ path, sink, open, arrived }) => {
      let nowUs = 1_700_000_000_000_000;
      const caughtUpUs = nowUs;
      const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const recorder = createTestRecorder(sink);
      await writeFile(path, lines(1, 2));
      await open({
        clock: { nowUs: () => nowUs },
        limits: { ...defaultAuditLogLimits, pollIntervalMs: 5, chunkBytes: line(1).length },
        recorder: {
          ...recorder,
          async record(events, source) {
            if (sink.bodies.length >= 2) {
              begun.resolve();
              await gate.promise;
            }
            await recorder.record(events, source);
          },
        },
      });
      await arrived(2);
      await appendFile(path, lines(3, 9));
      await begun.promise;
      nowUs += 3_600_000_000;
      await truncate(path, 0);
      gate.resolve();
      const [gap] = (await arrived(4)).filter((body) => body.type === 'gap');
      assert.deepEqual([gap?.fromUs, gap?.toUs], [caughtUpUs - auditReachUs, nowUs]);
    });
  });

  it('a new file that was given the inode of the old one is not taken for it', async () => {
    await withLog(async ({ path, open, arrived }) => {
      await writeFile(path, lines(1, 2));
      const first = await open();
      await arrived(2);
      await first.close();
      // Overwritten in place: same inode, other content, and longer than before.
      await writeFile(path, lines(11, 14));
      await open();
      const bodies = await arrived(7);
      assert.deepEqual(recordedNumbers(bodies), [1, 2, 11, 12, 13, 14]);
      assert.deepEqual(gaps(bodies), ['audit_drop']);
    });
  });

  it('lines that cannot be read become rejections and block nothing', async () => {
    await withLog(async ({ path, open, arrived }) => {
      const limits = { ...defaultAuditLogLimits, pollIntervalMs: 5, lineLimitBytes: 4000 };
      const bad = ['{"half": ', '[1]', `{"x":"${'y'.repeat(5000)}"}`].join('\n');
      await writeFile(path, `${line(1)}${bad}\n\n`);
      await appendFile(path, Buffer.from([0xff, 0xfe, 0x0a]));
      await appendFile(path, line(2));
      await open({ limits });
      const bodies = await arrived(6);
      assert.deepEqual(recordedNumbers(bodies), [1, 2]);
      assert.equal(rejections(bodies).length, 4);
    });
  });

  it('a checkpoint that is none is an error that says what to do', async () => {
    await withLog(async ({ path, open }) => {
      await writeFile(join(path, '..', 'checkpoint.json'), '{}');
      await assert.rejects(open(), { code: 'checkpoint-unusable' });
    });
  });
});
