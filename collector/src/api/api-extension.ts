/** The public API as a part of the collector: its ports filled from the other parts. */
import { readFileSync } from 'node:fs';
import type { ControlMeta } from '@driftline/policy';
import type { CollectorExtension, CollectorParts } from '../collector.ts';
import type { ConnectedAgent } from '../forensics/query/status-query.ts';
import { createTenantTimelines } from '../forensics/query/timeline-query.ts';
import type { LiveSession } from '../ingest/session.ts';
import type { TokenBook } from '../ingest/tokens.ts';
import type { Reader } from './operations.ts';
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

function openApiOf(parts: CollectorParts): Promise<ApiServer> {
  const { config, bundle, timeline, tokens, metrics, logger } = parts;
  const controls = new Map<string, ControlMeta>(bundle.controls.map(({ control }) => [control.meta.id, control.meta]));
  const about = {
    version: collectorVersion,
    bundle: bundle.version,
    controls: controls.size,
    mode: config.kafka === undefined ? ('embedded' as const) : ('fleet' as const),
  };
  return openApi({
    ...config.apiListen,
    logger,
    timelines: createTenantTimelines(timeline.reader),
    connectedAgents: () => parts.liveSessions().map(connectedAgent),
    control: (id) => controls.get(id),
    about: () => about,
    authenticate: (token) => readerOf(tokens, token),
    isReady: parts.isRunning,
    metrics: async () => ({ contentType: metrics.registry.contentType, text: await metrics.registry.metrics() }),
  });
}

/** An agent's token writes one stream and reads nothing. */
export function readerOf(tokens: TokenBook, token: string): Reader | undefined {
  const credential = tokens.find(token);
  if (credential === undefined || credential.role === 'agent') return undefined;
  return { tenant: credential.tenant, cluster: credential.cluster };
}

function connectedAgent({ stream, hello, lastSequence, spoolBytes }: LiveSession): ConnectedAgent {
  const { agentVersion, kubernetesVersion } = hello;
  return { ...stream, agentVersion, kubernetesVersion, lastSequence, spoolBytes };
}

const collectorManifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** Of the collector's package. */
export const collectorVersion: string = String((collectorManifest as { readonly version: unknown }).version);
