/** The public API as a part of the collector: its ports filled from the other parts. */
import { readFileSync } from 'node:fs';
import type { ApiStatus } from '@driftline/proto';
import type { CollectorExtension, CollectorParts } from '../collector.ts';
import type { ConnectedAgent } from '../forensics/query/status-query.ts';
import { openCommitResolver, type OpenCommitResolver } from '../forensics/git/open-commit-resolver.ts';
import { readRepositories } from '../forensics/git/repositories-file.ts';
import { createTenantTimelines, toRfc3339 } from '../forensics/query/timeline-query.ts';
import type { LiveSession } from '../ingest/session.ts';
import type { TokenBook } from '../ingest/tokens.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import { Scope } from '../scope.ts';
import { openTimelineReader } from '../timeline/reader/timeline-reader.ts';
import type { TimelineReader } from '../timeline/reader/timeline-reader.ts';
import { openTlsFiles } from '../tls/tls-files.ts';
import type { TlsSource } from '../tls/tls-files.ts';
import { defaultApiLimits } from './limits.ts';
import { countCutAnswers } from './metrics.ts';
import type { Reader } from './reader.ts';
import { type ApiServer, openApi } from './server.ts';

export const apiExtensionLog = { listening: 'api.listening' } as const;

/** `onListening`: told the URL, for whoever let the system choose the port. */
export function apiExtension(onListening: (url: string) => void = () => {}): CollectorExtension {
  return {
    name: 'api',
    async open(parts) {
      const server = await openApiOf(parts);
      parts.logger.info({ event: apiExtensionLog.listening, url: server.url });
      onListening(server.url);
      return server;
    },
  };
}

async function openApiOf(parts: CollectorParts): Promise<ApiServer> {
  const { config, policies, tokens, metrics, logger } = parts;
  const { registry } = metrics;
  const mode = config.kafka === undefined ? ('embedded' as const) : ('fleet' as const);
  const limits = defaultApiLimits;
  const scope = new Scope();
  // A connection of its own, so that questions wait for each other and not the line for them.
  const open = async (): Promise<TimelineReader> => openTimelineReader(parts.timeline.connection, limits);
  const reader = await scope.open('api-reader', open, (opened) => opened.close());
  const files = config.apiTls;
  const openCommits = async (): Promise<OpenCommitResolver> =>
    openCommitResolver({
      repositories: config.gitRepositoriesFile === undefined ? [] : await readRepositories(config.gitRepositoriesFile),
      dataDir: config.dataDir,
      searchPath: config.searchPath,
      logger,
      registry,
      now: Date.now,
    });
  const openTls = async (): Promise<TlsSource | undefined> =>
    files && openTlsFiles({ part: 'api', files, logger, registry, now: Date.now });
  try {
    const tls = await scope.open('api-tls', openTls, async (opened) => opened?.close());
    const commits = await scope.open('git-mirrors', openCommits, (opened) => opened.close());
    const openServer = (): Promise<ApiServer> =>
      openApi({
        ...config.apiListen,
        tls,
        allowPlaintext: config.apiAllowPlaintext,
        limits,
        logger,
        timelines: createTenantTimelines(reader, {
          bodyCharacters: limits.answerBodyCharacters,
          onFull: countCutAnswers(registry),
        }),
        commits,
        connectedAgents: () => parts.liveSessions().map(connectedAgent),
        control: (id) => policies.control(id),
        policies: () => policies.current(),
        now: Date.now,
        about: () => ({ version: collectorVersion, mode, ...aboutPolicies(policies) }),
        authenticate: (token) => readerOf(tokens, token),
        isReady: parts.isRunning,
        registry,
        isMonitor: (token) => tokens.find(token)?.role === 'monitor',
      });
    const { url } = await scope.open('api-server', openServer, (server) => server.close());
    return { url, close: () => scope.close() };
  } catch (error) {
    await scope.close();
    throw error;
  }
}

/** An agent's token writes one stream and reads nothing; a monitor's reads metrics and nothing else. */
export function readerOf(tokens: TokenBook, token: string): Reader | undefined {
  const credential = tokens.find(token);
  if (credential === undefined || credential.role === 'agent' || credential.role === 'monitor') return undefined;
  return { tenant: credential.tenant, cluster: credential.cluster };
}

function aboutPolicies(policies: PolicySource): Pick<ApiStatus, 'bundle' | 'controls' | 'policies'> {
  const { version, controls } = policies.current();
  const refusal = policies.refusal();
  const refused =
    refusal === undefined
      ? null
      : {
          since: toRfc3339(refusal.sinceMs * 1_000),
          problems: refusal.problems.map(({ file, line, column, reason }) => ({ file, line, column, reason })),
        };
  const loadedAt = toRfc3339(policies.loadedAtMs() * 1_000);
  return { bundle: version, controls: controls.length, policies: { loadedAt, refused } };
}

function connectedAgent({ stream, hello, lastSequence, spoolBytes }: LiveSession): ConnectedAgent {
  const { agentVersion, kubernetesVersion } = hello;
  return { ...stream, agentVersion, kubernetesVersion, lastSequence, spoolBytes };
}

const collectorManifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** Of the collector's package. */
export const collectorVersion: string = String((collectorManifest as { readonly version: unknown }).version);
