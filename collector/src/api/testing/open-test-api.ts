/** The public API on a real embedded store of its own, for one test file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bundle, ControlMeta } from '@driftline/policy';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { noCommits } from '../../forensics/git/commit-resolver.ts';
import { createTenantTimelines } from '../../forensics/query/timeline-query.ts';
import type { ConnectedAgent } from '../../forensics/query/status-query.ts';
import type { TimelineReader } from '../../timeline/reader/timeline-reader.ts';
import { openTimeline, type Timeline } from '../../timeline/open-timeline.ts';
import type { RecordedBatch } from '../../timeline/rows.ts';
import { createTokenBook, type TokenEntry } from '../../ingest/tokens.ts';
import { readerOf } from '../api-extension.ts';
import { defaultApiLimits } from '../limits.ts';
import { type ApiOptions, openApi } from '../server.ts';

export type TestApi = {
  readonly url: string;
  readonly timeline: Timeline;
  /** What the API believes of connected agents; to be changed by tests. */
  readonly connected: ConnectedAgent[];
  /** What the collector says it is; tests may change it. */
  readonly mode: { current: 'embedded' | 'fleet' };
  /** Of one answer; a test may change them. */
  readonly bounds: { bodyCharacters: number; givenStreams: number | undefined };
  record(...batches: readonly RecordedBatch[]): Promise<void>;
  /** Status and JSON of GET /api/v1/<path>. */
  get(path: string, token?: string): Promise<{ readonly status: number; readonly body: unknown }>;
  /** Items of all pages, in order; throws when an answer is not 200. */
  all<T>(path: string, token?: string): Promise<readonly T[]>;
  close(): Promise<void>;
};

export const readerToken = 'reader-token-of-the-test';

export const control: ControlMeta = {
  id: 'DL-POD-001',
  title: 'Privileged container',
  severity: 'high',
  weight: 5,
  category: 'compute',
  rationale: '',
  remediation: { summary: 'Set privileged: false.', fields: ['securityContext.privileged'], impact: 'none' },
  references: [],
  frameworks: [{ framework: 'cis-kubernetes', requirements: ['5.2.2'] }],
};

const serverDefaults = {
  host: '127.0.0.1',
  port: 0,
  allowPlaintext: false,
  limits: defaultApiLimits,
  commits: noCommits,
};

const defaultBounds = {
  bodyCharacters: defaultApiLimits.answerBodyCharacters,
  givenStreams: undefined,
  onFull: () => undefined,
};

export async function openTestApi(
  options: {
    readonly tokens?: readonly TokenEntry[];
    /** Instead of the store's own. */
    readonly reader?: TimelineReader;
    readonly policies?: Pick<Bundle, 'controls' | 'exceptions'> & Partial<Pick<Bundle, 'frameworks'>>;
    /** Milliseconds since the Unix epoch; default: the clock's. */
    readonly now?: () => number;
    readonly server?: Partial<Pick<ApiOptions, 'host' | 'tls' | 'allowPlaintext' | 'limits' | 'commits'>>;
  } = {},
): Promise<TestApi> {
  const dataDir = mkdtempSync(join(tmpdir(), 'driftline-api-'));
  const logger = pino({ level: 'silent' });
  const nowUs = () => Date.now() * 1_000;
  const timeline = await openTimeline({ settings: { mode: 'embedded' }, dataDir, logger, nowUs });
  const tokens = createTokenBook(options.tokens ?? [{ token: readerToken, role: 'reader' }]);
  const connected: ConnectedAgent[] = [];
  const mode: TestApi['mode'] = { current: 'embedded' };
  const bounds = { ...defaultBounds };
  const server = await openApi({
    ...serverDefaults,
    ...options.server,
    logger,
    timelines: createTenantTimelines(options.reader ?? timeline.reader, bounds),
    connectedAgents: () => connected,
    control: (id) => (id === control.id ? control : undefined),
    policies: () => ({ controls: [], exceptions: [], frameworks: [], ...options.policies }),
    now: options.now ?? Date.now,
    about: () => ({
      version: '0.1.0',
      bundle: 'b1',
      controls: 1,
      mode: mode.current,
      policies: { loadedAt: '2026-01-01T00:00:00.000000Z', refused: null },
    }),
    authenticate: (token) => readerOf(tokens, token),
    isReady: () => true,
    registry: new Registry(),
    isMonitor: (token) => tokens.find(token)?.role === 'monitor',
  });
  const get = async (path: string, token = readerToken) => {
    const response = await fetch(`${server.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${token}` } });
    return { status: response.status, body: await response.json() };
  };
  return {
    url: server.url,
    timeline,
    connected,
    mode,
    bounds,
    record: async (...batches) => void (await timeline.writer.record(batches)),
    get,
    async all<T>(path: string, token = readerToken) {
      const items: T[] = [];
      for (let cursor = ''; ; ) {
        const { status, body } = await get(cursor === '' ? path : `${path}&cursor=${cursor}`, token);
        if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
        const page = body as { items: readonly T[]; next?: string | null };
        items.push(...page.items);
        if (page.next === undefined || page.next === null) return items;
        cursor = page.next;
      }
    },
    async close() {
      await server.close();
      await timeline.close();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}
