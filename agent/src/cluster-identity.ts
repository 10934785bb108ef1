import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isJsonObject, ownObject, ownString } from '@driftline/proto';
import type { Json } from '@driftline/proto';
import type { Logger } from 'pino';
import { StartError } from './config-error.ts';
import type { KubeClient } from './kube/kube-client.ts';
import { KubeError } from './kube/kube-error.ts';
import { logEvents } from './log-events.ts';

export type ClusterIdentity = {
  /** uid of the kube-system namespace; '' where the agent may not read it. */
  readonly clusterUid: string;
  readonly kubernetesVersion: string;
};

const retryPauseMs = 2_000;

/** An API server that has just started refuses everybody until it has read its roles: for so long that is not believed. */
export const refusalWaitMs = 10_000;

export type IdentityOptions = {
  /** How long to wait for an API server that cannot be reached. */
  readonly waitMs: number;
  /** How long a refusal is asked about again. */
  readonly refusalWaitMs: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
};

/**
 * Asks the API server which cluster it is. Tries again while it cannot be reached, or refuses at first; throws StartError
 * 'api-server' that says what to do.
 */
export async function readClusterIdentity(kube: KubeClient, options: IdentityOptions): Promise<ClusterIdentity> {
  const startedMs = performance.now();
  const isRefused = (error: KubeError): boolean => error.code === 'forbidden';
  for (;;) {
    const passedMs = performance.now() - startedMs;
    try {
      const version = await getObject(kube, '/version', options.signal);
      return {
        kubernetesVersion: ownString(version, 'gitVersion'),
        clusterUid: await readClusterUid(kube, passedMs < options.refusalWaitMs, options.signal),
      };
    } catch (thrown) {
      const error = KubeError.from(thrown, 'the API server');
      const leftMs = (isRefused(error) ? options.refusalWaitMs : options.waitMs) - passedMs;
      if (!(error.retryable || isRefused(error)) || leftMs <= 0)
        throw new StartError('api-server', explain(error), { cause: error });
      options.logger.warn({ event: logEvents.apiServerAwaited, reason: error.message, leftMs: Math.round(leftMs) });
      await sleep(Math.min(retryPauseMs, leftMs), undefined, { signal: options.signal });
    }
  }
}

/**
 * The state directory belongs to the first cluster it was used for: what is known of that one's objects would make
 * another's look as if everything had been deleted and created. Throws StartError 'other-cluster'.
 */
export async function bindStateToCluster(stateDir: string, clusterUid: string): Promise<void> {
  if (clusterUid === '') return;
  const path = join(stateDir, 'cluster-uid');
  const bound = (await readFile(path, 'utf8').catch(() => '')).trim();
  if (bound === clusterUid) return;
  if (bound !== '') {
    throw new StartError(
      'other-cluster',
      `${stateDir} holds the stream of another cluster (kube-system had the uid ${bound}, here it is ${clusterUid}): ` +
        'give this cluster a name, a credential and a state directory of its own',
    );
  }
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, `${clusterUid}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** '' when it may not be read. With `doubtsRefusal` that is thrown instead. */
async function readClusterUid(kube: KubeClient, doubtsRefusal: boolean, signal: AbortSignal): Promise<string> {
  try {
    const namespace = await getObject(kube, '/api/v1/namespaces/kube-system', signal);
    return ownString(ownObject(namespace, 'metadata'), 'uid');
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.code === 'not-found' || (error.code === 'forbidden' && !doubtsRefusal)) return '';
    throw error;
  }
}

async function getObject(
  kube: KubeClient,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly [key: string]: Json }> {
  const json = (await kube.getJson(path, { signal })) as Json;
  if (!isJsonObject(json)) throw new KubeError('malformed', `GET ${path}: the answer is not a JSON object`);
  return json;
}

function explain(error: KubeError): string {
  switch (error.code) {
    case 'credentials':
      return `${error.message}: check --kubeconfig and --context, or run in a Pod with a ServiceAccount`;
    case 'unauthorized':
      return `the API server does not accept the agent's credentials (${error.message}): renew the token or certificate`;
    case 'forbidden':
      return `the agent may not read the API server's version (${error.message}): bind it to system:discovery`;
    case 'network':
    case 'timeout':
      return `the API server cannot be reached (${error.message}): check its address, the network and the proxy settings`;
    default:
      return `the API server does not answer as it should (${error.message})`;
  }
}
