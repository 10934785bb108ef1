import { type Json, isJsonObject, ownObject, ownString } from '@driftline/proto';
import { collectionPath } from '../kube/api-kind.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { KubeError } from '../kube/kube-error.ts';
import { readList } from '../kube/list-reader.ts';
import type { ClusterClock } from '../cluster-clock.ts';
import { withIdleTimeout } from './idle-timeout.ts';
import type { KindLine } from './kind-line.ts';
import type { ListEnd } from './sighting.ts';
import type { ListPass } from './list-pass.ts';
import type { Slots } from './slots.ts';
import { parseJsonObject } from './watch-event.ts';
import type { WatchLimits } from './watch-limits.ts';

export type ListPorts = {
  readonly kube: KubeClient;
  readonly line: KindLine;
  readonly lists: Slots;
  readonly limits: WatchLimits;
  readonly clock: ClusterClock;
  readonly signal: AbortSignal;
};

type Page = ListEnd & { readonly continueToken: string };

/**
 * Lists a kind in pages into a pass, and completes the pass. The place among concurrent lists is given up between
 * pages, so a kind of many pages does not hold up the small ones. A continue token that expired on the way begins the
 * list anew in one piece: it is read as a stream, so its size does not matter here.
 */
export async function listPages(ports: ListPorts, pass: ListPass): Promise<void> {
  let pageItems = ports.limits.listPageItems;
  let page: Page | undefined;
  let first: Page | undefined;
  do {
    try {
      page = await readPage(ports, pass, { pageItems, continueToken: page?.continueToken ?? '' });
      first ??= page;
    } catch (error) {
      const isExpiredToken = error instanceof KubeError && error.code === 'expired' && page !== undefined;
      if (!isExpiredToken) throw error;
      pass.restart();
      page = undefined;
      pageItems = 0;
      first = undefined;
      continue;
    }
  } while (page === undefined || page.continueToken !== '');
  const { begunAtUs, seenAtUs } = first ?? page;
  await pass.complete({ resourceVersion: page.resourceVersion, begunAtUs, seenAtUs });
}

type PageRequest = { readonly pageItems: number; readonly continueToken: string };

async function readPage(ports: ListPorts, pass: ListPass, request: PageRequest): Promise<Page> {
  const { kube, line, lists, limits, signal } = ports;
  const query = new URLSearchParams();
  if (request.pageItems > 0) query.set('limit', String(request.pageItems));
  if (request.continueToken !== '') query.set('continue', request.continueToken);
  const path = `${collectionPath(line.kind)}?${query.toString()}`;
  const release = await lists.acquire(signal);
  try {
    const begunAtUs = ports.clock.earliestUs();
    const stream = await kube.stream(path, { signal });
    const seenAtUs = ports.clock.nowUs();
    let envelope: Json | undefined;
    for await (const parts of readList(withIdleTimeout(stream, limits.idleTimeoutMs), limits.maxObjectBytes)) {
      for (const part of parts) {
        if (part.type === 'item') await readItem(line, pass, part.bytes);
        else if (part.type === 'envelope') envelope = part.json as Json;
        else await rejectItem(line, pass, { reason: 'an object beyond the size limit', bytes: part.bytes });
      }
    }
    return { ...readEnvelope(envelope, path), begunAtUs, seenAtUs };
  } finally {
    release();
  }
}

async function readItem(line: KindLine, pass: ListPass, bytes: Buffer): Promise<void> {
  const object = parseJsonObject(bytes);
  if (typeof object === 'string') await rejectItem(line, pass, { reason: object, bytes: bytes.length });
  else await pass.item(object, bytes.length);
}

type Refusal = { readonly reason: string; readonly bytes: number };

async function rejectItem(line: KindLine, pass: ListPass, { reason, bytes }: Refusal): Promise<void> {
  pass.hasUnnamed();
  await line.reject('list', reason, bytes);
}

function readEnvelope(envelope: Json | undefined, path: string): Pick<Page, 'resourceVersion' | 'continueToken'> {
  const metadata = isJsonObject(envelope) ? ownObject(envelope, 'metadata') : undefined;
  const resourceVersion = ownString(metadata, 'resourceVersion');
  if (resourceVersion === '') throw new KubeError('malformed', `GET ${path}: a list without a resource version`);
  return { resourceVersion, continueToken: ownString(metadata, 'continue') };
}
