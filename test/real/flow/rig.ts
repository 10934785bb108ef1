/**
 * A real cluster with an agent's way in: control plane with audit log and webhook, the rendered chart applied, and a
 * kubeconfig that holds nothing but the token of the rendered ServiceAccount.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContractCluster } from '../../contract/kube-client.ts';
import { startControlPlane } from '../control-plane/control-plane.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { namespace, renderChart } from '../deploy/helm.ts';
import { manifestsFolder, placeholders } from '../deploy/plain-manifests.ts';
import { createAuthority } from '../../fakes/certificates.ts';
import { freePort } from '../../fakes/embedded/process.ts';
import { Process } from './processes.ts';
import type { StoreAccess } from './recorded.ts';
import { embeddedStore } from './recorded.ts';
import { Witness, hmacOf } from './witness.ts';

export type Rig = {
  readonly control: ControlPlane;
  /** Everything that the programs keep and log; removed at the end. */
  readonly folder: string;
  readonly witness: Witness;
  /** The cluster as this user, or as the administrator. */
  as(user: string): ContractCluster;
  agent(cluster: string, options: AgentOptions): Promise<Process>;
  /** In embedded mode unless the environment says otherwise. */
  collector(name: string, environment: Readonly<Record<string, string>>): Promise<CollectorProcess>;
  /** What else keeps something in the folder: closed after the programs and before the folder is removed. */
  readonly closers: (() => Promise<void>)[];
  close(): Promise<void>;
};

export type AgentOptions = { readonly gatewayPort: number; readonly audit: 'webhook' | 'log' };

export type CollectorProcess = {
  readonly process: Process;
  readonly gatewayPort: number;
  readonly apiUrl: string;
  readonly store: () => StoreAccess;
};

export const readerToken: string = randomBytes(16).toString('hex');
const agentToken = (cluster: string): string => `agent-token-of-${cluster}-0123456789`;

/** `clusters`: names under which agents will connect. */
export async function openRig(options: { readonly users: string; readonly clusters: readonly string[] }): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-flow-'));
  mkdirSync(join(folder, 'logs'));
  const webhookPort = await freePort();
  const webhook = writeWebhookFiles(folder, webhookPort);
  const control = startControlPlane({
    audit: 'log,webhook',
    auditWebhookConfig: webhook.kubeconfig,
    extraUsers: options.users,
  });
  const key = randomBytes(32);
  writeFileSync(join(folder, 'redaction-key'), key, { mode: 0o600 });
  writeTokens(folder, options.clusters);
  const ca = readFileSync(control.caFile, 'utf8');
  const as = (user: string): ContractCluster => {
    const token = user === 'admin' ? control.adminToken : control.tokenOf(user);
    return { url: control.server, token, ca, close: async () => {} };
  };
  control.kubectl(['apply', '-f', join(manifestsFolder, 'namespace.yaml')]);
  control.kubectl(['apply', '-n', namespace, '-f', '-'], renderChart('driftline-agent', chartValues));
  writeAgentKubeconfig(folder, control);
  const witness = new Witness(as('admin'), hmacOf(key));
  const processes: Process[] = [];
  const closers: (() => Promise<void>)[] = [];
  const own = (process: Process): Process => {
    processes.push(process);
    process.start();
    return process;
  };
  return {
    control,
    folder,
    witness,
    closers,
    as,
    async agent(cluster, { gatewayPort, audit }) {
      const environment = await agentEnvironment(folder, { cluster, gatewayPort });
      const source =
        audit === 'log' ? { DRIFTLINE_AGENT_AUDIT_LOG_FILE: control.auditLog } : webhookVariables(folder, webhookPort);
      const [, port = ''] = (environment['DRIFTLINE_AGENT_HEALTH_LISTEN'] ?? '').split(':');
      return own(
        new Process({
          name: `agent of ${cluster}`,
          file: 'agent/src/main.ts',
          environment: { ...environment, ...source },
          logFile: join(folder, 'logs', `agent-${cluster}.log`),
          readyUrl: `http://127.0.0.1:${port}/readyz`,
        }),
      );
    },
    collector: (name, environment) => startCollector(folder, { name, environment, own }),
    async close() {
      witness.close();
      for (const process of processes.toReversed()) await process.stop();
      for (const close of closers.toReversed()) await close();
      control.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

/** What the chart of a cluster without custom resources beside ours would be given. */
const chartValues = { ...placeholders.agent, 'rbac.customResourceGroups': ['shop.example.com'] };

async function startCollector(
  folder: string,
  options: {
    readonly name: string;
    readonly environment: Readonly<Record<string, string>>;
    readonly own: (process: Process) => Process;
  },
): Promise<CollectorProcess> {
  const { name, environment, own } = options;
  const [gatewayPort, apiPort] = [await freePort(), await freePort()];
  const dataDir = join(folder, name);
  const process = new Process({
    name,
    file: 'collector/src/main.ts',
    environment: {
      DRIFTLINE_DATA_DIR: dataDir,
      DRIFTLINE_LISTEN: `127.0.0.1:${gatewayPort}`,
      DRIFTLINE_API_LISTEN: `127.0.0.1:${apiPort}`,
      DRIFTLINE_TOKENS_FILE: join(folder, 'tokens.json'),
      DRIFTLINE_LOG_LEVEL: 'debug',
      ...environment,
    },
    logFile: join(folder, 'logs', `${name}.log`),
    readyUrl: `http://127.0.0.1:${apiPort}/readyz`,
  });
  own(process);
  await process.ready();
  return { process, gatewayPort, apiUrl: `http://127.0.0.1:${apiPort}`, store: () => embeddedStore(dataDir) };
}

async function agentEnvironment(
  folder: string,
  { cluster, gatewayPort }: { readonly cluster: string; readonly gatewayPort: number },
): Promise<Readonly<Record<string, string>>> {
  const tokenFile = join(folder, `token-${cluster}`);
  writeFileSync(tokenFile, agentToken(cluster), { mode: 0o600 });
  return {
    DRIFTLINE_AGENT_CLUSTER: cluster,
    DRIFTLINE_AGENT_COLLECTOR: `http://127.0.0.1:${gatewayPort}`,
    DRIFTLINE_AGENT_TOKEN_FILE: tokenFile,
    DRIFTLINE_AGENT_STATE_DIR: join(folder, `agent-${cluster}`),
    DRIFTLINE_AGENT_REDACTION_KEY_FILE: join(folder, 'redaction-key'),
    DRIFTLINE_AGENT_KUBECONFIG: join(folder, 'agent.kubeconfig'),
    DRIFTLINE_AGENT_HEALTH_LISTEN: `127.0.0.1:${await freePort()}`,
    DRIFTLINE_AGENT_LOG_LEVEL: 'debug',
  };
}

const webhookVariables = (folder: string, port: number): Readonly<Record<string, string>> => ({
  DRIFTLINE_AGENT_AUDIT_WEBHOOK_LISTEN: `127.0.0.1:${port}`,
  DRIFTLINE_AGENT_AUDIT_WEBHOOK_CERT_FILE: join(folder, 'webhook.crt'),
  DRIFTLINE_AGENT_AUDIT_WEBHOOK_KEY_FILE: join(folder, 'webhook.key'),
  DRIFTLINE_AGENT_AUDIT_WEBHOOK_TOKEN_FILE: join(folder, 'webhook-token'),
});

/** A certificate for the webhook from an authority of its own, the token it asks for, and the API server's kubeconfig with both. */
function writeWebhookFiles(folder: string, port: number): { readonly kubeconfig: string } {
  const token = randomBytes(16).toString('hex');
  writeFileSync(join(folder, 'webhook-token'), token, { mode: 0o600 });
  const authority = createAuthority('audit webhook authority', Date.now());
  const pair = authority.issue({
    commonName: 'audit webhook',
    names: ['127.0.0.1'],
    notBeforeMs: Date.now() - 60_000,
    notAfterMs: Date.now() + 2 * 24 * 3_600_000,
  });
  const ca = join(folder, 'webhook-ca.crt');
  writeFileSync(ca, authority.cert);
  writeFileSync(join(folder, 'webhook.crt'), pair.cert);
  writeFileSync(join(folder, 'webhook.key'), pair.key, { mode: 0o600 });
  const server = `https://127.0.0.1:${port}/`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'webhook',
    clusters: [{ name: 'webhook', cluster: { server, 'certificate-authority': ca } }],
    users: [{ name: 'webhook', user: { token } }],
    contexts: [{ name: 'webhook', context: { cluster: 'webhook', user: 'webhook' } }],
  };
  const kubeconfig = join(folder, 'webhook.kubeconfig');
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  return { kubeconfig };
}

function writeTokens(folder: string, clusters: readonly string[]): void {
  const agents = clusters.map((cluster) => ({ token: agentToken(cluster), cluster, role: 'agent' }));
  const tokens = [...agents, { token: readerToken, role: 'reader' }];
  writeFileSync(join(folder, 'tokens.json'), JSON.stringify({ tokens }), { mode: 0o600 });
}

function writeAgentKubeconfig(folder: string, control: ControlPlane): void {
  const token = control.kubectl(['create', 'token', 'driftline-agent', '-n', namespace, '--duration', '2h']).trim();
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'agent',
    clusters: [{ name: 'cluster', cluster: { server: control.server, 'certificate-authority': control.caFile } }],
    users: [{ name: 'agent', user: { token } }],
    contexts: [{ name: 'agent', context: { cluster: 'cluster', user: 'agent' } }],
  };
  writeFileSync(join(folder, 'agent.kubeconfig'), JSON.stringify(config), { mode: 0o600 });
}
