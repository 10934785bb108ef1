/** Questions about a kind that the smallest of its lists answers, and in which version to ask them. Throw KubeError. */
import { isJsonObject, ownObject, ownString } from '@driftline/proto';
import type { Json, JsonObject } from '@driftline/proto';
import { type ApiKind, collectionPath } from '../kube/api-kind.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { KubeError } from '../kube/kube-error.ts';
import type { KnownKind } from '../known/known.ts';

/** False also where the agent may not read the kind: then nobody knows better than the list of kinds. */
export async function isFound(kube: KubeClient, kind: ApiKind, signal: AbortSignal): Promise<boolean> {
  const path = `${collectionPath(kind)}?limit=1`;
  try {
    await kube.getJson(path, { signal });
    return true;
  } catch (thrown) {
    const { code } = KubeError.from(thrown, path);
    if (code === 'not-found' || code === 'forbidden') return false;
    throw thrown;
  }
}

/** A version of now, from the store that holds the kind; '' when it may not be read. */
export async function versionNow(kube: KubeClient, kind: ApiKind, signal: AbortSignal): Promise<string> {
  const path = `${collectionPath(kind)}?limit=1`;
  try {
    const list = await kube.getJson(path, { signal });
    return isJsonObject(list as Json) ? ownString(ownObject(list as JsonObject, 'metadata'), 'resourceVersion') : '';
  } catch (thrown) {
    if (KubeError.from(thrown, path).code === 'forbidden') return '';
    throw thrown;
  }
}

/** With a version in which it can be asked for: of what is known of it when this life has not found it served. */
export function servedAs(kind: ApiKind, known: KnownKind): ApiKind {
  if (kind.version !== '') return kind;
  const [[name] = []] = known.names();
  const apiVersion = (name && known.get(name)?.apiVersion) ?? '';
  return { ...kind, version: apiVersion.slice(apiVersion.indexOf('/') + 1) };
}
