/**
 * Follows the API server's audit log file, one JSON event a line, through rotation (rename, then a new file) and
 * truncation (copytruncate). The checkpoint is written after what it covers is durable in the spool, so a line is read
 * again after a crash rather than lost. What may have been missed is confessed as a gap `audit_drop`.
 */
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '@driftline/proto';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { logEvents } from '../log-events.ts';
import type { AuditMetrics } from './audit-metrics.ts';
import { readCheckpoint, readHead, writeCheckpoint } from './log-checkpoint.ts';
import { isCheckpointed, listLogFiles, openLog, statLog } from './log-files.ts';
import type { LogFile, Unpacking } from './log-files.ts';
import { auditDrop } from './record-audit.ts';
import type { AuditRecorder, RawAuditEvent } from './record-audit.ts';
import { LineSplitter } from './split-lines.ts';
import type { Line } from './split-lines.ts';

export type AuditLogLimits = {
  /** Longest line; a longer one is rejected. */
  readonly lineLimitBytes: number;
  /** Bytes that are read and made durable at once. */
  readonly chunkBytes: number;
  /** Pause before looking again for what was appended. */
  readonly pollIntervalMs: number;
  /** The checkpoint is written at most this often, and at the end. */
  readonly checkpointIntervalMs: number;
  /** What a compressed file may come to. */
  readonly unpackedLimitBytes: number;
};

export const defaultAuditLogLimits: AuditLogLimits = {
  lineLimitBytes: 4 * 1024 * 1024,
  chunkBytes: 256 * 1024,
  pollIntervalMs: 250,
  checkpointIntervalMs: 1_000,
  unpackedLimitBytes: 2 * 1024 ** 3,
};

export type AuditLogOptions = {
  readonly path: string;
  readonly checkpointPath: string;
  /** Where to begin when there is no checkpoint. */
  readonly startAt: 'beginning' | 'end';
  readonly limits: AuditLogLimits;
  readonly recorder: AuditRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AuditMetrics;
};

export type AuditLogTail = { close(): Promise<void> };

/** A file that is being read. `offset` is where the next read begins; lines up to `durableOffset` are durable. */
type Reading = {
  readonly file: FileHandle;
  readonly inode: string;
  /** Of a compressed file, when that was written. */
  readonly mtimeMs: number | undefined;
  offset: number;
  durableOffset: number;
};

/** Throws AuditError 'checkpoint-unusable'. A log that does not exist (yet) is waited for. */
export async function openAuditLogTail(options: AuditLogOptions): Promise<AuditLogTail> {
  const stopping = new AbortController();
  const tail = new Tail(options, stopping.signal);
  const queue = await tail.findStart();
  options.logger.info({ event: logEvents.auditLogOpened, path: options.path, files: queue.length });
  const running = tail.run(queue);
  return {
    async close() {
      stopping.abort();
      await running;
    },
  };
}

type Queued = { readonly log: LogFile; readonly offset: number };

class Tail {
  readonly #options: AuditLogOptions;
  readonly #signal: AbortSignal;
  readonly #chunk: Buffer;
  readonly #unpacking: Unpacking;
  #splitter: LineSplitter;
  #reading: Reading | undefined;
  #checkpointedAtMs = 0;
  #checkpointed = '';
  /** Until then everything that was in the log has been read. */
  #lastReadUs: number;
  #isUnreadable = false;

  constructor(options: AuditLogOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#chunk = Buffer.alloc(options.limits.chunkBytes);
    this.#unpacking = { folder: dirname(options.checkpointPath), limitBytes: options.limits.unpackedLimitBytes };
    this.#splitter = new LineSplitter(options.limits.lineLimitBytes);
    this.#lastReadUs = options.clock.nowUs();
  }

  /** The files to read, oldest first, and where to begin in each. */
  async findStart(): Promise<Queued[]> {
    const { path, checkpointPath, startAt } = this.#options;
    const checkpoint = await readCheckpoint(checkpointPath);
    const files = await listLogFiles(path);
    if (checkpoint === undefined) {
      const log = files.find((file) => file.path === path);
      return log === undefined ? [] : [{ log, offset: startAt === 'end' ? log.bytes : 0 }];
    }
    this.#lastReadUs = checkpoint.savedAtUs;
    // Compressed ones last, newest first: each has to be unpacked.
    const plain = files.filter(({ isPacked }) => !isPacked);
    for (const log of [...plain, ...files.filter(({ isPacked }) => isPacked).toReversed()]) {
      if (!(await isCheckpointed(log, checkpoint, this.#unpacking))) continue;
      const later = files.slice(files.indexOf(log) + 1).map((each) => ({ log: each, offset: 0 }));
      return [{ log, offset: checkpoint.offset }, ...later];
    }
    await this.#confess('the file in which reading stopped is gone');
    const unread = files.filter((file) => file.path === path || file.mtimeMs * 1000 >= checkpoint.savedAtUs);
    return unread.map((log) => ({ log, offset: 0 }));
  }

  async run(start: readonly Queued[]): Promise<void> {
    let queue = [...start];
    while (!this.#signal.aborted) {
      try {
        const lookedAtUs = this.#options.clock.nowUs();
        if (this.#reading === undefined) queue = await this.#openNext(queue);
        const hasRead = this.#reading !== undefined && (await this.#readChunk(this.#reading));
        this.#isUnreadable = false;
        if (hasRead) continue;
        if (this.#reading !== undefined && (queue.length > 0 || (await this.#wasRotated(this.#reading)))) {
          queue = await this.#finish(this.#reading, queue);
          continue;
        }
        if (this.#reading !== undefined) this.#lastReadUs = lookedAtUs;
        await this.#checkpoint(false);
      } catch (error) {
        if (this.#signal.aborted) break;
        this.#failed(error);
      }
      await sleep(this.#options.limits.pollIntervalMs, undefined, { signal: this.#signal }).catch(() => undefined);
    }
    await this.#checkpoint(true).catch((error: unknown) => this.#failed(error));
    await this.#reading?.file.close();
  }

  async #openNext(queue: readonly Queued[]): Promise<Queued[]> {
    const [next, ...rest] = queue;
    const log = next?.log ?? (await statLog(this.#options.path));
    if (log === undefined) return [];
    const file = await this.#openLog(log);
    if (file === undefined) return rest;
    const offset = next?.offset ?? 0;
    const { dev, ino } = await file.stat({ bigint: true });
    const mtimeMs = log.isPacked ? log.mtimeMs : undefined;
    this.#reading = { file, inode: `${dev}:${ino}`, mtimeMs, offset, durableOffset: offset };
    this.#splitter = new LineSplitter(this.#options.limits.lineLimitBytes);
    return rest;
  }

  /** A compressed file that cannot be unpacked is lost, and so it is confessed; others can be tried again. */
  async #openLog(log: LogFile): Promise<FileHandle | undefined> {
    if (!log.isPacked) return openLog(log, this.#unpacking);
    try {
      return await openLog(log, this.#unpacking);
    } catch {
      await this.#confess('a compressed file of the log could not be unpacked');
      return undefined;
    }
  }

  /** True when there was something to read; it is durable then. */
  async #readChunk(reading: Reading): Promise<boolean> {
    const { size } = await reading.file.stat();
    this.#options.metrics.logBehindBytes(Math.max(0, size - reading.offset));
    if (size < reading.offset) await this.#truncated(reading);
    const { bytesRead } = await reading.file.read(this.#chunk, 0, this.#chunk.length, reading.offset);
    if (bytesRead === 0) return false;
    const lines = this.#splitter.push(this.#chunk.subarray(0, bytesRead));
    reading.offset += bytesRead;
    await this.#record(lines);
    reading.durableOffset = reading.offset - this.#splitter.pendingBytes;
    await this.#checkpoint(false);
    return true;
  }

  async #record(lines: readonly Line[]): Promise<void> {
    const events = lines.filter((line) => line.type === 'too-long' || line.bytes.length > 0).map(readEvent);
    if (events.length > 0) await this.#options.recorder.record(events, 'log');
  }

  async #truncated(reading: Reading): Promise<void> {
    this.#options.logger.warn({ event: logEvents.auditLogTruncated, path: this.#options.path });
    await this.#confess('the log was truncated: what was written since the last read may be gone');
    this.#splitter = new LineSplitter(this.#options.limits.lineLimitBytes);
    reading.offset = 0;
    reading.durableOffset = 0;
  }

  async #wasRotated(reading: Reading): Promise<boolean> {
    const log = await statLog(this.#options.path);
    return log !== undefined && log.inode !== reading.inode;
  }

  /** Reads what came between the last read and the rotation, then goes on to the next file. */
  async #finish(reading: Reading, queue: readonly Queued[]): Promise<Queued[]> {
    while (await this.#readChunk(reading)) if (this.#signal.aborted) return [...queue];
    const last = this.#splitter.end();
    if (last !== undefined) await this.#record([last]);
    const { size, mtimeMs: changedAtMs } = await reading.file.stat();
    const mtimeMs = reading.mtimeMs ?? changedAtMs;
    const read = { inode: reading.inode, offset: size, ...(await readHead(reading.file, size)), savedAtUs: 0 };
    await reading.file.close();
    this.#reading = undefined;
    this.#options.logger.info({ event: logEvents.auditLogRotated, path: this.#options.path });
    if (queue.length > 0) return [...queue];
    // Rotated more than once since: the files between are newer than the one that was read.
    const files = await listLogFiles(this.#options.path);
    const between: Queued[] = [];
    for (const log of files) {
      if (log.inode === reading.inode || log.mtimeMs < Math.floor(mtimeMs)) continue;
      // The file that was just read may have been compressed meanwhile.
      if (log.isPacked && (await isCheckpointed(log, { version: 1, ...read }, this.#unpacking))) continue;
      between.push({ log, offset: 0 });
    }
    return between;
  }

  async #checkpoint(isLast: boolean): Promise<void> {
    const reading = this.#reading;
    if (reading === undefined) return;
    const now = performance.now();
    if (!isLast && now - this.#checkpointedAtMs < this.#options.limits.checkpointIntervalMs) return;
    const { inode, durableOffset: offset } = reading;
    if (this.#checkpointed === `${inode} ${offset}`) return;
    this.#checkpointedAtMs = now;
    this.#checkpointed = `${inode} ${offset}`;
    const head = await readHead(reading.file, offset);
    await writeCheckpoint(this.#options.checkpointPath, { inode, offset, ...head, savedAtUs: this.#lastReadUs });
  }

  async #confess(detail: string): Promise<void> {
    this.#options.logger.error({ event: logEvents.auditLogLost, path: this.#options.path, detail });
    const { clock, recorder } = this.#options;
    await recorder.append(auditDrop(this.#lastReadUs, clock.nowUs(), detail));
  }

  /** Goes back to what is durable, so that what failed is read again. */
  #failed(error: unknown): void {
    if (this.#reading !== undefined) this.#reading.offset = this.#reading.durableOffset;
    this.#splitter = new LineSplitter(this.#options.limits.lineLimitBytes);
    if (this.#isUnreadable) return;
    this.#isUnreadable = true;
    const { code } = error as NodeJS.ErrnoException;
    this.#options.logger.error({ event: logEvents.auditLogUnreadable, path: this.#options.path, code });
  }
}

function readEvent(line: Line): RawAuditEvent {
  if (line.type === 'too-long') return { type: 'unreadable', reason: 'the line is too long', bytes: line.length };
  const { length: bytes } = line.bytes;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(line.bytes);
    return { type: 'parsed', json: JSON.parse(text) as Json, bytes };
  } catch (error) {
    const reason = error instanceof TypeError ? 'the line is not valid UTF-8' : 'the line is not valid JSON';
    return { type: 'unreadable', reason, bytes };
  }
}
