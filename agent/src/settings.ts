/** From the configuration to the options of each part. */
import { join } from 'node:path';
import { auditEvents, type Coverage } from '@driftline/proto';
import { defaultAuditLogLimits, defaultAuditWebhookLimits, scopeReason } from './audit/index.ts';
import type { AuditLogOptions, AuditWebhookOptions } from './audit/index.ts';
import type { FollowedClock } from './cluster-clock.ts';
import type { AgentConfig } from './config.ts';
import { inClusterAccess } from './kube/kube-access.ts';
import { openKubeClient } from './kube/kube-client.ts';
import type { KubeClient } from './kube/kube-client.ts';
import { kubeconfigAccess } from './kube/kubeconfig-access.ts';
import type { AgentMetrics } from './metrics.ts';
import type { ConnectOptions } from './uplink/index.ts';
import { defaultWatchConfig } from './watch/watch-limits.ts';
import type { WatchConfig } from './watch/watch-limits.ts';

export function connectOptions({ collector }: AgentConfig): ConnectOptions {
  const { url, tokenFile, caFile, certificateFile, keyFile, serverName, allowInsecureTransport } = collector;
  return {
    collectorUrl: url,
    allowInsecureTransport,
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(certificateFile === undefined ? {} : { certificateFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

type KubePorts = { readonly metrics: AgentMetrics; readonly clock: FollowedClock; readonly version: string };

export function openKube(config: AgentConfig, { metrics, clock, version }: KubePorts): KubeClient {
  const { host, port } = config.inCluster;
  return openKubeClient({
    access:
      config.kubeconfig === undefined
        ? inClusterAccess({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port })
        : kubeconfigAccess(config.kubeconfig, config.context),
    userAgent: `driftline-agent/${version}`,
    onAnswered: (answer) => clock.answered(answer),
    onResponse: (status) => metrics.watch.requests.inc({ status: String(status) }),
  });
}

export function watchConfig({ include, exclude, usesWatchList }: AgentConfig): WatchConfig {
  return {
    ...defaultWatchConfig,
    usesWatchList,
    ...(include === undefined ? {} : { include }),
    ...(exclude === undefined ? {} : { exclude }),
  };
}

type WebhookSettings = Pick<AuditWebhookOptions, 'host' | 'port' | 'tls' | 'tokenFile' | 'limits'>;

export function auditWebhookOptions({ auditWebhook }: AgentConfig): WebhookSettings | undefined {
  if (auditWebhook === undefined) return undefined;
  const { listen, certificateFile, keyFile, clientCaFile, tokenFile } = auditWebhook;
  const clients = clientCaFile === undefined ? {} : { clientCaFile };
  const tls =
    certificateFile === undefined || keyFile === undefined ? {} : { tls: { certificateFile, keyFile, ...clients } };
  return { ...listen, ...tls, ...(tokenFile === undefined ? {} : { tokenFile }), limits: defaultAuditWebhookLimits };
}

type LogSettings = Pick<AuditLogOptions, 'path' | 'checkpointPath' | 'startAt' | 'limits'>;

export function auditLogOptions({ auditLog, stateDir }: AgentConfig): LogSettings | undefined {
  if (auditLog === undefined) return undefined;
  return { ...auditLog, checkpointPath: join(stateDir, 'audit-log.json'), limits: defaultAuditLogLimits };
}

/** What of the audit stream is seen: a fact of the timeline like the coverage of any kind. */
export function auditCoverage(config: AgentConfig, areDropsVisible: boolean): Coverage {
  const kind = { ...auditEvents, kind: 'Event' };
  if (config.auditWebhook === undefined && config.auditLog === undefined) {
    const reason = 'no audit source is configured: who made a change is known from field managers only';
    return { type: 'coverage', ...kind, state: 'excluded', reason };
  }
  const drops = areDropsVisible
    ? 'Events that the API server cannot deliver are counted by its metrics, and confessed as gaps; those that it had not ' +
      'sent when it was killed are counted by nobody'
    : 'Events that the API server drops before they reach the agent cannot be seen here';
  return { type: 'coverage', ...kind, state: 'watched', reason: `${scopeReason[config.auditScope]}. ${drops}` };
}
