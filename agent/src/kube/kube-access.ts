import { readFile } from 'node:fs/promises';
import { KubeError } from './kube-error.ts';

/** All that is needed to speak to one API server. PEM texts; a header may have several values. */
export type KubeAccess = {
  /** Base URL, without a trailing slash. */
  readonly server: string;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
  readonly verifiesServer: boolean;
  readonly proxyUrl: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
};

/**
 * Where access comes from. `read` is called at the start and again from time to time, so rotated tokens and
 * certificates are picked up; 'rejected' says that the API server answered 401 to what was read last.
 */
export type KubeAccessSource = {
  read(why: 'scheduled' | 'rejected'): Promise<KubeAccess>;
};

/** Access that never changes. */
export function fixedAccess(access: Partial<KubeAccess> & { readonly server: string }): KubeAccessSource {
  const whole: KubeAccess = { ...emptyAccess, ...access, server: trimSlash(access.server) };
  return { read: () => Promise.resolve(whole) };
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The Pod's own ServiceAccount: kubelet rotates the token file, so it is read anew each time. */
export function inClusterAccess(
  environment: Readonly<Record<string, string | undefined>>,
  folder = serviceAccountFolder,
): KubeAccessSource {
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443';
  return {
    async read(): Promise<KubeAccess> {
      if (host === undefined || host === '') {
        throw new KubeError('credentials', 'KUBERNETES_SERVICE_HOST is not set: run in a Pod or give a kubeconfig');
      }
      const [token, ca] = await Promise.all([
        readCredentialFile(`${folder}/token`),
        readCredentialFile(`${folder}/ca.crt`),
      ]);
      const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
      return { ...emptyAccess, server, ca, headers: { authorization: `Bearer ${token.trim()}` } };
    },
  };
}

/** Reads a token, key or certificate. Throws KubeError 'credentials' that names the file. */
export async function readCredentialFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new KubeError('credentials', `cannot read ${path}`, { cause });
  }
}

export function trimSlash(url: string): string {
  return url.endsWith('/') ? url.slice(0, -1) : url;
}

export const emptyAccess: KubeAccess = {
  server: '',
  ca: undefined,
  cert: undefined,
  key: undefined,
  serverName: undefined,
  verifiesServer: true,
  proxyUrl: undefined,
  headers: {},
};
