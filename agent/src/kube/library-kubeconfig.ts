/** Any kubeconfig, as @kubernetes/client-node has it: exec plugins, OIDC and cloud providers included. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { RequestOptions } from 'node:https';
import { KubeConfig, loadYaml } from '@kubernetes/client-node';
import type { ResolvedKubeconfig } from './kubeconfig-access.ts';

type RawUser = { readonly tokenFile?: unknown; readonly 'as-groups'?: unknown };

/** `context` is '' for the current one. Throws what that package throws, and where what is wanted is not there. */
export async function libraryKubeconfig(path: string, context: string): Promise<ResolvedKubeconfig> {
  const config = new KubeConfig();
  config.loadFromFile(path);
  if (context !== '') config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error(missingCluster(config, context));
  const user = config.getCurrentUser();
  allowPlainHttp(config, cluster.server);
  const options: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const raw = rawUser(path, user?.name ?? '');
  const tokenFile = raw.tokenFile ?? user?.authProvider?.config?.tokenFile;
  return {
    access: {
      server: cluster.server,
      ca: pem(options.ca),
      cert: pem(options.cert),
      key: pem(options.key),
      serverName: cluster.tlsServerName,
      verifiesServer: !cluster.skipTLSVerify,
      proxyUrl: cluster.proxyUrl,
      headers: { ...headersOf(options), ...groupsHeader(raw) },
    },
    files: {
      token: typeof tokenFile === 'string' ? resolve(dirname(path), tokenFile) : undefined,
      ca: cluster.caFile,
      cert: user?.certFile,
      key: user?.keyFile,
    },
    isDynamic: user?.exec !== undefined || (user?.authProvider !== undefined && user.authProvider.name !== 'tokenFile'),
  };
}

/** What is missing, and what there is: the package gives an absent current context as undefined, or as ''. */
function missingCluster(config: KubeConfig, context: string): string {
  const wanted: string | undefined = context === '' ? config.currentContext : context;
  const names = config.contexts.map(({ name }) => name);
  const others = names.length === 0 ? 'it has no contexts' : `there are: ${names.join(', ')}`;
  if (wanted === undefined || wanted === '') return `it has no current context, and none was named; ${others}`;
  return names.includes(wanted)
    ? `its context '${wanted}' names a cluster that it does not have`
    : `it has no context '${wanted}'; ${others}`;
}

/** The package refuses http:// unless verification is off; there is nothing to verify on http://. */
function allowPlainHttp(config: KubeConfig, server: string): void {
  if (!server.startsWith('http:')) return;
  config.loadFromOptions({
    clusters: config.clusters.map((cluster) => ({ ...cluster, skipTLSVerify: true })),
    users: config.users,
    contexts: config.contexts,
    currentContext: config.currentContext,
  });
}

/** `tokenFile` and `as-groups` are part of the format but not of the package's model. */
function rawUser(path: string, name: string): RawUser {
  const file = loadYaml<{ readonly users?: readonly { readonly name?: string; readonly user?: RawUser }[] }>(
    readFileSync(path, 'utf8'),
  );
  return file.users?.find((user) => user.name === name)?.user ?? {};
}

function groupsHeader(raw: RawUser): Record<string, readonly string[]> {
  const groups = raw['as-groups'];
  return Array.isArray(groups) && groups.length > 0 ? { 'impersonate-group': groups.map(String) } : {};
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
  if (typeof options.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  return headers;
}

function pem(value: RequestOptions['ca'] | RequestOptions['key']): string | undefined {
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : undefined;
}
