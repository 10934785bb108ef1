/** A life of the agent's observing half against the practice cluster, and the cluster's own commits as the witness. */
import { createHash, createHmac } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Gap, type JsonObject, type MessageBody, canonicalJson, redact } from '@driftline/proto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { normalise } from '../../agent/src/capture/normalise.ts';
import { systemClock } from '../../agent/src/clock.ts';
import { followClusterClock } from '../../agent/src/cluster-clock.ts';
import { type KubeAccessSource, fixedAccess } from '../../agent/src/kube/kube-access.ts';
import { type KubeClient, openKubeClient } from '../../agent/src/kube/kube-client.ts';
import { type Known, openKnown } from '../../agent/src/known/known.ts';
import { replay } from '../../agent/src/known/replay.ts';
import type { MessageSink, SequenceRange } from '../../agent/src/message-sink.ts';
import { type Watch, type WatchPorts, openWatch } from '../../agent/src/watch/open-watch.ts';
import {
  type WatchConfig,
  type WatchLimits,
  defaultWatchConfig,
  defaultWatchLimits,
} from '../../agent/src/watch/watch-limits.ts';
import { createWatchMetrics } from '../../agent/src/watch/watch-metrics.ts';
import { type PracticeCluster, openPracticeCluster } from '../fakes/practice-cluster/index.ts';
import { storageKey } from '../fakes/practice-cluster/store/kind.ts';

export const capturePorts = {
  hmac: (text: string) => createHmac('sha256', 'test key').update(text).digest('base64url').slice(0, 22),
  sha256: (text: string) => createHash('sha256').update(text).digest('hex'),
};

export type Spooled = { readonly sequence: number; readonly body: MessageBody };

/** Durable after a while, in order; `crash` forgets what was not durable yet, as a kill does. */
export class RecordingSink implements MessageSink {
  readonly messages: Spooled[] = [];
  readonly #delayMs: () => number;
  #next = 1;
  #line: Promise<void> = Promise.resolve();
  #isDead = false;

  constructor(delayMs: () => number = () => 1, earlier: readonly Spooled[] = []) {
    this.#delayMs = delayMs;
    this.messages.push(...earlier);
    this.#next = (earlier.at(-1)?.sequence ?? 0) + 1;
  }

  append(bodies: readonly MessageBody[]): Promise<SequenceRange> {
    const firstSequence = this.#next;
    this.#next += bodies.length;
    const lastSequence = this.#next - 1;
    const durable = this.#afterAll(bodies, firstSequence);
    this.#line = durable;
    return durable.then(() => ({ firstSequence, lastSequence }));
  }

  async #afterAll(bodies: readonly MessageBody[], firstSequence: number): Promise<void> {
    const delayMs = this.#delayMs();
    await this.#line;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (this.#isDead) await new Promise(() => undefined);
    this.messages.push(...bodies.map((body, index) => ({ sequence: firstSequence + index, body })));
  }

  crash(): void {
    this.#isDead = true;
  }
}

export type Life = {
  readonly sink: RecordingSink;
  readonly known: Known;
  readonly watch: Watch;
  readonly kube: KubeClient;
};

export type LifeOptions = {
  readonly knownPath: string;
  readonly sink: RecordingSink;
  readonly config?: Partial<WatchConfig>;
  readonly limits?: Partial<WatchLimits>;
  readonly token?: string;
  readonly random?: () => number;
  /** Between the agent and its API server. */
  readonly throughKube?: (kube: KubeClient) => KubeClient;
  /** With it, first lists are compared and not sent. */
  readonly onDigest?: WatchPorts['onDigest'];
};

export async function beginLife(
  cluster: Pick<PracticeCluster, 'url' | 'adminToken'>,
  options: LifeOptions,
): Promise<Life> {
  const practice = fixedAccess({
    server: cluster.url,
    headers: { authorization: `Bearer ${options.token ?? cluster.adminToken}` },
  });
  return await observe(practice, options);
}

/** The same against any API server. */
export async function observe(access: KubeAccessSource, options: LifeOptions): Promise<Life> {
  const clock = followClusterClock({ host: systemClock, monotonicMs: () => performance.now() });
  const onAnswered = clock.answered.bind(clock);
  const client = openKubeClient({ access, userAgent: 'driftline-test', onAnswered });
  const kube = options.throughKube?.(client) ?? client;
  const known = openKnown({ path: options.knownPath, epoch: 'one', limits: { commitIntervalMs: 40, closeWaitMs: 50 } });
  await replay(known, fromArray(options.sink.messages));
  const limits = {
    ...defaultWatchLimits,
    retryBaseMs: 20,
    retryMaxMs: 200,
    discoveryDebounceMs: 30,
    ...options.limits,
  };
  const watch = openWatch({
    kube,
    sink: options.sink,
    known,
    capture: capturePorts,
    config: { ...defaultWatchConfig, limits, ...options.config },
    logger: pino({ level: process.env['DRIFTLINE_TEST_LOG'] ?? 'silent' }),
    metrics: createWatchMetrics(new Registry()),
    clock,
    ...(options.random === undefined ? {} : { random: options.random }),
    ...(options.onDigest === undefined ? {} : { onDigest: options.onDigest }),
  });
  return { sink: options.sink, known, watch, kube };
}

export async function endLife({ known, watch, kube }: Life): Promise<void> {
  await watch.close();
  await known.close();
  kube.close();
}

/** The files as a kill at this moment leaves them, in a new place. */
export function crashImage(knownPath: string, newPath: string): void {
  for (const suffix of ['', '-wal']) {
    if (existsSync(`${knownPath}${suffix}`)) cpSync(`${knownPath}${suffix}`, `${newPath}${suffix}`);
  }
}

/** Stops without closing anything in order: what was not durable never was. Its files are what crashImage took before. */
export async function killLife(life: Life): Promise<void> {
  life.sink.crash();
  await endLife(life);
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'driftline-watch-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 10 }) };
}

async function* fromArray<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** Forms of each object in the order they were committed; 'deleted' ends one. Equal forms in a row are one. */
export type History = Map<string, string[]>;

const unwatched = /^(events|events\.events\.k8s\.io|leases\.coordination|endpoints|endpointslices\.discovery)/;

/** What the cluster committed from now on, each object beginning with the form it has now. */
export function witness(cluster: PracticeCluster): { readonly history: History; stop(): void } {
  const history: History = new Map();
  const note = (key: string, form: string): void => {
    const forms = history.get(key) ?? [];
    if (forms.at(-1) !== form) forms.push(form);
    history.set(key, forms);
  };
  const formOf = (resource: string, object: JsonObject): string =>
    canonicalJson(redact(normalise(object, resource), capturePorts.hmac));
  for (const kind of cluster.store.kinds.all()) {
    const resource = storageKey(kind);
    if (unwatched.test(resource)) continue;
    for (const object of cluster.store.list(resource)) {
      const { namespace = '', name } = object.metadata;
      note(`${resource} ${namespace}/${name}`, formOf(resource, object as unknown as JsonObject));
    }
  }
  const stop = cluster.store.subscribe(({ kind, change }) => {
    const resource = storageKey(kind);
    if (unwatched.test(resource)) return;
    const { namespace = '', name } = change.object.metadata;
    const form = change.type === 'DELETED' ? 'deleted' : formOf(resource, change.object as unknown as JsonObject);
    note(`${resource} ${namespace}/${name}`, form);
  });
  return { history, stop };
}

/** The same, as the messages tell it. Patches are checked against their base on the way. */
export async function told(messages: readonly Spooled[]): Promise<History> {
  const { applyPatch, parsePatch } = await import('@driftline/proto');
  const history: History = new Map();
  for (const { body } of messages) {
    if (body.type !== 'delta') continue;
    const { group, resource, namespace, name } = body.ref;
    const key = `${group === '' ? resource : `${resource}.${group}`} ${namespace}/${name}`;
    const forms = history.get(key) ?? [];
    history.set(key, forms);
    if (body.op === 'deleted') forms.push('deleted');
    else if (body.full !== undefined) forms.push(body.full);
    else {
      const base = forms.at(-1) ?? '';
      if (capturePorts.sha256(base) !== body.baseHash) throw new Error(`${key}: a patch against another base`);
      forms.push(canonicalJson(applyPatch(JSON.parse(base), parsePatch(body.patch ?? ''))));
    }
    const last = forms.at(-1) ?? '';
    if (last !== 'deleted' && capturePorts.sha256(last) !== body.contentHash) throw new Error(`${key}: wrong hash`);
  }
  return history;
}

export async function until(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 120_000,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Last form of every object that is there. */
export function current(history: History): Map<string, string> {
  const last = [...history].map(([key, forms]) => [key, forms.at(-1) ?? 'deleted'] as const);
  return new Map(last.filter(([, form]) => form !== 'deleted').sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function sorted(history: History): [string, string[]][] {
  return [...history].sort(([a], [b]) => (a < b ? -1 : 1));
}

export type Setup = {
  readonly cluster: PracticeCluster;
  readonly folder: string;
  /** beginLife; a life that the test did not end is ended for it. */
  readonly begin: (options: LifeOptions) => Promise<Life>;
};

export async function withCluster(run: (setup: Setup) => Promise<void>, controllers = false): Promise<void> {
  const folder = temporaryFolder();
  const cluster = await openPracticeCluster({ world: 'company', controllers, bookmarkIntervalMs: 50 });
  const lives: Life[] = [];
  const begin = async (options: LifeOptions): Promise<Life> => {
    const life = await beginLife(cluster, options);
    lives.push(life);
    return life;
  };
  try {
    await run({ cluster, folder: folder.path, begin });
  } finally {
    // Those that a test has ended are ended.
    await Promise.allSettled(lives.map(endLife));
    await cluster.stop();
    folder.remove();
  }
}

export function gaps(sink: RecordingSink): Gap[] {
  return sink.messages.flatMap(({ body }) => (body.type === 'gap' ? [body] : []));
}

export function states(watch: {
  status(): readonly { readonly kind: string; readonly state: string }[];
}): Record<string, string> {
  return Object.fromEntries(
    watch
      .status()
      .filter(({ state }) => state !== 'excluded')
      .map(({ kind, state }) => [kind, state]),
  );
}
