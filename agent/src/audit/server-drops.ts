/**
 * Events that the API server itself could not deliver never reach the agent, but it counts them. Where the agent may read
 * the API server's metrics, each increase is confessed as a gap `audit_drop` with its count. Each API server counts for
 * itself since it started, so counts are compared with those of the same process only.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Json, isJsonObject, ownValue } from '@driftline/proto';
import type { Logger } from 'pino';
import type { ClusterClock } from '../cluster-clock.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { KubeError } from '../kube/kube-error.ts';
import { readLines } from '../kube/line-reader.ts';
import { logEvents } from '../log-events.ts';
import { replaceFile } from '../spool/sync-directory.ts';
import { auditDrop } from './record-audit.ts';
import type { AuditRecorder } from './record-audit.ts';

export type ServerDropsLimits = {
  readonly pollIntervalMs: number;
  /** Longest line of the metrics that is looked at. */
  readonly lineLimitBytes: number;
};

export const defaultServerDropsLimits: ServerDropsLimits = { pollIntervalMs: 60_000, lineLimitBytes: 16_384 };

export type ServerDropsOptions = {
  readonly kube: KubeClient;
  readonly recorder: AuditRecorder;
  readonly clock: ClusterClock;
  readonly logger: Logger;
  readonly limits: ServerDropsLimits;
  /** The counts of before a restart: most events are lost while the agent is away. */
  readonly statePath: string;
  /** Told when drops turn out to be visible, which they are not at first, and at every change of that. */
  readonly onVisible: (areVisible: boolean) => Promise<void>;
};

/** What one API server says: when it started (seconds, its identity), and how many events each backend lost. */
export type AuditCounts = { readonly startedAtS: string; readonly lost: number };

const metricLine = /^(apiserver_audit_error_total|process_start_time_seconds)(?:\{[^}]*\})?\s+([0-9.eE+-]+)/;

export async function readAuditCounts(lines: AsyncIterable<string>): Promise<AuditCounts> {
  let startedAtS = '';
  let lost = 0;
  for await (const line of lines) {
    const [, name, value = ''] = metricLine.exec(line) ?? [];
    if (name === 'process_start_time_seconds') startedAtS = value;
    else if (name !== undefined && Number.isFinite(Number(value))) lost += Number(value);
  }
  return { startedAtS, lost };
}

/** By start of the API server: how many events it had lost when it was asked last. */
type Counts = Readonly<Record<string, { readonly count: number; readonly atUs: number }>>;
/** API servers, and earlier lives of them, that are remembered. */
const maxServers = 32;

/** A state that cannot be read is begun anew. */
async function readState(path: string): Promise<Counts> {
  try {
    return parseCounts(JSON.parse(await readFile(path, 'utf8')) as Json);
  } catch {
    return {};
  }
}

function parseCounts(value: Json): Counts {
  if (!isJsonObject(value)) return {};
  const counts = Object.entries(value).map(([startedAtS, entry]) => {
    const [count, atUs] = isJsonObject(entry) ? [ownValue(entry, 'count'), ownValue(entry, 'atUs')] : [];
    return typeof count === 'number' && typeof atUs === 'number' ? ([startedAtS, { count, atUs }] as const) : undefined;
  });
  return counts.includes(undefined) ? {} : Object.fromEntries(counts.filter((entry) => entry !== undefined));
}

export async function followServerDrops(options: ServerDropsOptions): Promise<{ close(): Promise<void> }> {
  const stopping = new AbortController();
  const running = new Follower(options, await readState(options.statePath), stopping.signal).run();
  return {
    async close() {
      stopping.abort();
      await running;
    },
  };
}

class Follower {
  readonly #options: ServerDropsOptions;
  readonly #signal: AbortSignal;
  readonly #lost: Map<string, Counts[string]>;
  readonly #bornUs: number;
  #areVisible = false;

  constructor(options: ServerDropsOptions, before: Counts, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#lost = new Map(Object.entries(before));
    this.#bornUs = Math.min(options.clock.nowUs(), ...Object.values(before).map(({ atUs }) => atUs));
  }

  async run(): Promise<void> {
    const { limits, logger } = this.#options;
    while (!this.#signal.aborted) {
      try {
        await this.#compare(await this.#read());
        await this.#visible(true);
      } catch (thrown) {
        if (this.#signal.aborted) return;
        const { code, message } = KubeError.from(thrown, '/metrics');
        if (code === 'forbidden' || code === 'not-found') await this.#visible(false).catch(() => undefined);
        logger.debug({ event: logEvents.auditDropsUnreadable, code, reason: message });
      }
      await sleep(limits.pollIntervalMs, undefined, { signal: this.#signal }).catch(() => undefined);
    }
  }

  async #read(): Promise<AuditCounts> {
    const { kube, limits } = this.#options;
    const stream = await kube.stream('/metrics', { signal: this.#signal, accept: 'text/plain' });
    async function* lines(): AsyncGenerator<string> {
      for await (const batch of readLines(stream.chunks, limits.lineLimitBytes))
        for (const line of batch.lines) yield line.toString('latin1');
    }
    return readAuditCounts(lines());
  }

  async #compare({ startedAtS, lost }: AuditCounts): Promise<void> {
    const { clock, recorder } = this.#options;
    const atUs = clock.nowUs();
    const before = this.#lost.get(startedAtS);
    // What a server had lost before this agent was there is nobody's news; one that started since began at 0.
    const startedAtUs = Number(startedAtS) * 1_000_000;
    const isNew = before === undefined && startedAtUs >= this.#bornUs;
    const known = before ?? { count: isNew ? 0 : lost, atUs: isNew ? startedAtUs : atUs };
    const count = lost - known.count;
    if (count > 0) {
      const detail = `the API server could not deliver ${count} audit events (apiserver_audit_error_total)`;
      await recorder.append(auditDrop(known.atUs, atUs, detail));
    }
    this.#lost.delete(startedAtS);
    this.#lost.set(startedAtS, { count: lost, atUs });
    for (const oldest of this.#lost.keys()) if (this.#lost.size > maxServers) this.#lost.delete(oldest);
    await replaceFile(this.#options.statePath, JSON.stringify(Object.fromEntries(this.#lost)));
  }

  async #visible(areVisible: boolean): Promise<void> {
    if (this.#areVisible === areVisible) return;
    this.#areVisible = areVisible;
    await this.#options.onVisible(areVisible);
  }
}
