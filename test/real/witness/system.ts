/** What is judged: an agent and a collector of this checkout as processes, with wires to the API server and to each other. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../fakes/embedded/process.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import type { FaultyProxy } from '../../../collector/src/timeline/testing/faulty-proxy.ts';
import { Process } from '../flow/processes.ts';
import { embeddedStore } from '../flow/recorded.ts';
import type { StoreAccess } from '../flow/recorded.ts';
import { ApiFront } from './api-front.ts';
import type { AuditRelay } from './audit-relay.ts';
import { fakeTimeLibrary, openFakeClock } from './fake-time.ts';
import type { FakeClock } from './fake-time.ts';
import { Link } from './link.ts';
import { descendantsOf } from './processes-of.ts';
import { openProxiedStore } from './store.ts';

export const agentUser = 'witnessed-agent';
export const clusterName = 'witnessed';
const webhookToken = 'audit-token-of-the-witnessed-cluster';
const agentToken = 'agent-token-of-the-witnessed-cluster';

export type SystemOptions = {
  readonly control: ControlPlane;
  readonly redactionKey: Buffer;
  readonly spoolLimit?: string | undefined;
  readonly useWatchList?: boolean;
  /** Agent and collector have clocks of their own. */
  readonly hasFakeClocks?: boolean;
  /** The store is an external one behind a proxy; else the collector's own. */
  readonly hasStoreProxy?: boolean;
  /** What brings the API server's audit events; without it the agent hears of none. */
  readonly auditRelay?: AuditRelay | undefined;
};

export type System = {
  readonly folder: string;
  readonly agent: Process;
  readonly agentStateDir: string;
  readonly collector: Process;
  readonly front: ApiFront;
  readonly toApiServer: Link;
  readonly toCollector: Link;
  readonly clocks: { readonly agent: FakeClock; readonly collector: FakeClock } | undefined;
  readonly storeProxy: FaultyProxy | undefined;
  store(): StoreAccess;
  storePids(): readonly number[];
  /** A figure of the agent's metrics, by its name without the prefix. */
  agentFigure(name: string): Promise<number>;
  /** Gives agent and collector another token for each other. The collector must be stopped. */
  rotateAgentToken(token: string): void;
  /** Gives the agent another token and lets the old one expire. */
  writeToken(token: string): void;
  close(options: { readonly keepsFolder: boolean }): Promise<void>;
};

export async function openSystem(options: SystemOptions): Promise<System> {
  const { control } = options;
  const folder = mkdtempSync(join(tmpdir(), 'driftline-witness-'));
  mkdirSync(join(folder, 'logs'));
  const [
    apiLinkPort = 0,
    frontPort = 0,
    collectorLinkPort = 0,
    gatewayPort = 0,
    apiPort = 0,
    healthPort = 0,
    auditPort = 0,
  ] = await freePorts(7);
  const front = await ApiFront.listen({
    port: frontPort,
    server: control.server,
    ca: readFileSync(control.caFile, 'utf8'),
    pki: join(control.dir, 'pki'),
    token: control.tokenOf(agentUser),
  });
  const toApiServer = await Link.listen(apiLinkPort, frontPort);
  const toCollector = await Link.listen(collectorLinkPort, gatewayPort);
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(folder, name), content, { mode: 0o600 });
    return join(folder, name);
  };
  const tokenFile = file('kube-token', front.token);
  const clocks = options.hasFakeClocks === true ? openClocks(folder) : undefined;
  const agentStateDir = join(folder, 'agent');
  const writeAgentToken = (token: string): { readonly agent: string; readonly collector: string } => ({
    agent: file('agent-token', token),
    collector: file('tokens.json', JSON.stringify({ tokens: [{ token, cluster: clusterName, role: 'agent' }] })),
  });
  const agentTokenFiles = writeAgentToken(agentToken);
  await options.auditRelay?.deliverTo({ port: auditPort, token: webhookToken });
  const agent = new Process({
    name: 'agent',
    file: 'agent/src/main.ts',
    logFile: join(folder, 'logs', 'agent.log'),
    readyUrl: `http://127.0.0.1:${healthPort}/readyz`,
    environment: {
      DRIFTLINE_AGENT_CLUSTER: clusterName,
      DRIFTLINE_AGENT_COLLECTOR: `http://127.0.0.1:${collectorLinkPort}`,
      DRIFTLINE_AGENT_TOKEN_FILE: agentTokenFiles.agent,
      DRIFTLINE_AGENT_STATE_DIR: agentStateDir,
      DRIFTLINE_AGENT_REDACTION_KEY_FILE: file('redaction-key', options.redactionKey),
      DRIFTLINE_AGENT_KUBECONFIG: file('kubeconfig', kubeconfigText({ control, port: apiLinkPort, tokenFile })),
      DRIFTLINE_AGENT_HEALTH_LISTEN: `127.0.0.1:${healthPort}`,
      DRIFTLINE_AGENT_LOG_LEVEL: 'debug',
      ...clocks?.agent.environment,
      ...(options.auditRelay === undefined
        ? {}
        : {
            DRIFTLINE_AGENT_AUDIT_WEBHOOK_LISTEN: `127.0.0.1:${auditPort}`,
            DRIFTLINE_AGENT_AUDIT_WEBHOOK_TOKEN_FILE: file('audit-token', webhookToken),
          }),
      ...(options.spoolLimit === undefined ? {} : { DRIFTLINE_AGENT_SPOOL_LIMIT: options.spoolLimit }),
      ...(options.useWatchList === false ? { DRIFTLINE_AGENT_USE_WATCH_LIST: 'false' } : {}),
    },
  });
  const dataDir = join(folder, 'collector');
  const external = options.hasStoreProxy === true ? await openProxiedStore(folder) : undefined;
  const collector = new Process({
    name: 'collector',
    file: 'collector/src/main.ts',
    logFile: join(folder, 'logs', 'collector.log'),
    readyUrl: `http://127.0.0.1:${apiPort}/readyz`,
    environment: {
      DRIFTLINE_DATA_DIR: dataDir,
      DRIFTLINE_LISTEN: `127.0.0.1:${gatewayPort}`,
      DRIFTLINE_API_LISTEN: `127.0.0.1:${apiPort}`,
      DRIFTLINE_TOKENS_FILE: agentTokenFiles.collector,
      DRIFTLINE_LOG_LEVEL: 'debug',
      ...clocks?.collector.environment,
      ...external?.environment,
    },
  });
  return {
    folder,
    agent,
    agentStateDir,
    collector,
    front,
    toApiServer,
    toCollector,
    clocks,
    storeProxy: external?.proxy,
    store: () => external?.access ?? embeddedStore(dataDir),
    storePids: () => (external === undefined ? descendantsOf(collector.pid) : [external.pid]),
    async agentFigure(name) {
      const text = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text();
      return Number(new RegExp(`^driftline_agent_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    },
    rotateAgentToken: (token) => void writeAgentToken(token),
    writeToken: (token) => void file('kube-token', token),
    async close({ keepsFolder }) {
      await options.auditRelay?.deliverTo(undefined);
      await agent.stop();
      await collector.stop();
      await external?.close();
      await Promise.all([toApiServer.close(), toCollector.close(), front.close()]);
      if (!keepsFolder) rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

function openClocks(folder: string): System['clocks'] {
  const library = fakeTimeLibrary();
  if (library === undefined) return undefined;
  const clock = (name: string): FakeClock => openFakeClock(library, join(folder, `${name}-clock`));
  return { agent: clock('agent'), collector: clock('collector') };
}

type KubeconfigOptions = { readonly control: ControlPlane; readonly port: number; readonly tokenFile: string };

function kubeconfigText({ control, port, tokenFile }: KubeconfigOptions): string {
  const server = `https://127.0.0.1:${port}`;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'agent',
    clusters: [{ name: 'cluster', cluster: { server, 'certificate-authority': control.caFile } }],
    users: [{ name: 'agent', user: { tokenFile } }],
    contexts: [{ name: 'agent', context: { cluster: 'cluster', user: 'agent' } }],
  });
}
