import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type KubeAccess, type KubeAccessSource, readCredentialFile, trimSlash } from './kube-access.ts';
import { KubeError } from './kube-error.ts';

/** What resolve-kubeconfig.ts prints. Undefined members are absent from its JSON. */
export type ResolvedKubeconfig = {
  readonly access: Partial<KubeAccess> & { readonly server: string };
  /** Files whose content may be rotated under us. */
  readonly files: {
    readonly token?: string | undefined;
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
  };
  /** True when credentials come from a program or provider and can change without a file changing. */
  readonly isDynamic: boolean;
};

/** How old credentials of an exec plugin may become before it is asked again; a 401 asks at once. */
const dynamicRefreshMs = 10 * 60_000;
/** An exec plugin that needs longer than this is given up. */
const resolveTimeoutMs = 60_000;
const maxResolvedBytes = 1024 * 1024;

const program = fileURLToPath(new URL('./resolve-kubeconfig.ts', import.meta.url));
const run = promisify(execFile);

/** A kubeconfig file and a context in it (the current one when not given). Token and certificate files are followed. */
export function kubeconfigAccess(path: string, context = ''): KubeAccessSource {
  let resolved: ResolvedKubeconfig | undefined;
  let resolvedAtMs = 0;
  return {
    async read(why): Promise<KubeAccess> {
      const isOld = resolved?.isDynamic === true && performance.now() - resolvedAtMs > dynamicRefreshMs;
      if (resolved === undefined || why === 'rejected' || isOld) {
        resolved = await resolveKubeconfig(path, context);
        resolvedAtMs = performance.now();
      }
      return withFiles(resolved);
    },
  };
}

async function resolveKubeconfig(path: string, context: string): Promise<ResolvedKubeconfig> {
  try {
    const { stdout } = await run(process.execPath, [program, path, context], {
      timeout: resolveTimeoutMs,
      maxBuffer: maxResolvedBytes,
      windowsHide: true,
    });
    return JSON.parse(stdout) as ResolvedKubeconfig;
  } catch (cause) {
    const stderr = typeof cause === 'object' && cause !== null && 'stderr' in cause ? String(cause.stderr) : '';
    throw new KubeError('credentials', `kubeconfig ${path}: ${withoutSecrets(stderr) || 'cannot be resolved'}`);
  }
}

/** A plugin's complaint may quote a token: nothing that could be one is passed on. */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/[\w+/=.-]{32,}/g, '…')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}

async function withFiles(resolved: ResolvedKubeconfig): Promise<KubeAccess> {
  const { access, files } = resolved;
  const [token, ca, cert, key] = await Promise.all([
    optionalFile(files.token),
    optionalFile(files.ca),
    optionalFile(files.cert),
    optionalFile(files.key),
  ]);
  const bearer = token === undefined ? {} : { authorization: `Bearer ${token.trim()}` };
  return {
    server: trimSlash(access.server),
    ca: ca ?? access.ca,
    cert: cert ?? access.cert,
    key: key ?? access.key,
    serverName: access.serverName,
    verifiesServer: access.verifiesServer ?? true,
    proxyUrl: access.proxyUrl,
    headers: { ...access.headers, ...bearer },
  };
}

function optionalFile(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? Promise.resolve(undefined) : readCredentialFile(path);
}
