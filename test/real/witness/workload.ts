/**
 * The writers. Each has its own random stream and its own objects, so that what it does next depends on the seed alone; what
 * the API server makes of it when it is away or busy does not matter, since etcd is the witness of what was done.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, KubeWriter, PatchKind } from './kube-writer.ts';
import { customKind, materials } from './materials.ts';
import type { Material } from './materials.ts';
import type { Random } from './random.ts';

export type WorkloadOptions = {
  readonly writer: KubeWriter;
  readonly random: Random;
  /** Begins the names of everything, so that schedules that share a cluster do not meet. */
  readonly prefix: string;
  /** Longest pause between two writes of one writer. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
};

const namesOfWriter = 6;
const finalizer = 'witness.example.com/hold';
const customKinds = 2;

/** Resolves when the signal has aborted and every writer has stopped. */
export async function runWorkload(options: WorkloadOptions): Promise<void> {
  const { writer, random, prefix } = options;
  const namespaces = [`${prefix}-a`, `${prefix}-b`];
  for (const name of namespaces) await createNamespace(writer, name);
  const objects = materials.map((material, at) =>
    writeObjects({ ...options, random: random.fork(`objects ${at}`) }, material, namespaces[at % 2] ?? ''),
  );
  await Promise.all([
    ...objects,
    holdWithFinalizers({ ...options, random: random.fork('finalizers') }, namespaces[0] ?? ''),
    evict({ ...options, random: random.fork('evictions') }, namespaces),
    comeAndGoKinds({ ...options, random: random.fork('kinds') }, namespaces[1] ?? ''),
    comeAndGoNamespaces({ ...options, random: random.fork('namespaces') }),
  ]);
}

/** As many writes at once as the API server takes, for a while: a burst beside the workload. */
export async function burst(options: WorkloadOptions, namespace: string, writes: number): Promise<void> {
  const { writer, random } = options;
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  const lanes = Array.from({ length: 20 }, async (_, lane) => {
    const name = `burst-${lane}`;
    await writer.send('POST', collection, { body: { metadata: { name }, data: { n: '0' } } });
    for (let n = 1; n <= writes / 20 && !options.signal.aborted; n++) {
      const body = { data: { n: String(n), noise: String(random.next()) } };
      await writer.send('PATCH', `${collection}/${name}`, { body, patch: 'merge' });
    }
  });
  await Promise.all(lanes);
}

export async function createNamespace(writer: KubeWriter, name: string): Promise<void> {
  await untilTaken(() => writer.send('POST', '/api/v1/namespaces', { body: { metadata: { name } } }));
}

/** A write without which the others make no sense. */
async function untilTaken(send: () => Promise<Answer>): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const { status } = await send();
    if ((status >= 200 && status < 300) || status === 409) return;
  }
}

const pause = ({ random, pauseMs, signal }: WorkloadOptions): Promise<void> =>
  sleep(random.next() * pauseMs, undefined, { signal }).catch(() => undefined);

/** Creates, changes in every way there is, and deletes. */
async function writeObjects(options: WorkloadOptions, material: Material, namespace: string): Promise<void> {
  const { signal } = options;
  for (let turn = 1; !signal.aborted; turn++) {
    await changeOne(options, { material, namespace, turn });
    await pause(options);
  }
}

type Turn = { readonly material: Material; readonly namespace: string; readonly turn: number };

async function changeOne({ writer, random }: WorkloadOptions, { material, namespace, turn }: Turn): Promise<void> {
  const { apiVersion, kind, isBuiltIn } = material;
  const collection = material.collection.replace('NS', namespace);
  const name = `${kind.toLowerCase()}-${random.between(1, namesOfWriter)}`;
  const path = `${collection}/${name}`;
  const content = material.content(turn, random);
  const annotations = { turn: String(turn) };
  const object = { apiVersion, kind, metadata: { name, annotations }, ...content };
  const isPod = kind === 'Pod';
  const dice = random.next();
  const patches: readonly PatchKind[] = isBuiltIn
    ? ['json', 'merge', 'strategic', 'apply']
    : ['json', 'merge', 'apply'];
  const patch = random.pick(patches);
  if (dice < 0.25) await writer.send('POST', collection, { body: object });
  else if (dice < 0.4) await writer.send('DELETE', path);
  else if (dice < 0.45) await writer.send('DELETE', `${collection}?fieldSelector=metadata.name%3D${name}`);
  else if (dice < 0.5) {
    // A heartbeat, and the same value again: versions for etcd, none for the timeline.
    const beat = { metadata: { annotations: { 'kubernetes.io/last-heartbeat': String(turn) } } };
    await writer.send('PATCH', path, { body: beat, patch: 'merge' });
  } else if (dice < 0.6 && !isPod) await update(writer, path, object);
  else if (patch === 'json') {
    const operations = [{ op: 'add', path: '/metadata/annotations', value: annotations }];
    await writer.send('PATCH', path, { body: operations, patch });
  } else if (patch === 'apply' && !isPod) {
    await writer.send('PATCH', `${path}?fieldManager=witness&force=true`, { body: object, patch });
  } else {
    const body = isPod ? { metadata: { annotations } } : { metadata: { annotations }, ...content };
    await writer.send('PATCH', path, { body, patch: patch === 'strategic' ? patch : 'merge' });
  }
}

/** Reads, and writes back with something else in it. */
async function update(
  writer: KubeWriter,
  path: string,
  object: { readonly metadata: { readonly annotations: object } },
): Promise<void> {
  const { status, body } = await writer.send('GET', path);
  if (status !== 200) return;
  const { spec, data } = object as { spec?: object; data?: object };
  const metadata = { ...(body['metadata'] as object), annotations: object.metadata.annotations };
  const merged = { ...body, metadata, ...(data === undefined ? {} : { data }) };
  const withSpec = spec === undefined ? merged : { ...merged, spec: { ...(body['spec'] as object), ...spec } };
  await writer.send('PUT', path, { body: withSpec });
}

/** Deleted, but held until a finalizer goes. */
async function holdWithFinalizers(options: WorkloadOptions, namespace: string): Promise<void> {
  const { writer, random, signal } = options;
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  for (let turn = 1; !signal.aborted; turn++) {
    const path = `${collection}/held-${turn}`;
    await writer.send('POST', collection, { body: { metadata: { name: `held-${turn}`, finalizers: [finalizer] } } });
    await pause(options);
    await writer.send('DELETE', path);
    await pause(options);
    if (random.chance(0.5))
      await writer.send('PATCH', path, { body: { data: { late: String(turn) } }, patch: 'merge' });
    await untilTaken(async () => {
      const answer = await writer.send('PATCH', path, { body: { metadata: { finalizers: null } }, patch: 'merge' });
      return answer.status === 404 ? { ...answer, status: 200 } : answer;
    });
    await pause(options);
  }
}

/** Evicts pods that run, whoever made them. */
async function evict(options: WorkloadOptions, namespaces: readonly string[]): Promise<void> {
  const { writer, random, signal } = options;
  while (!signal.aborted) {
    for (let waits = 0; waits < 8; waits++) await pause(options);
    const namespace = random.pick(namespaces);
    const { body } = await writer.send('GET', `/api/v1/namespaces/${namespace}/pods?limit=20`);
    const names = ((body['items'] ?? []) as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
    if (names.length === 0) continue;
    const name = random.pick(names);
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    await writer.send('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, { body: eviction });
  }
}

/** Custom kinds are installed, used, and removed with whatever objects they still have. */
async function comeAndGoKinds(options: WorkloadOptions, namespace: string): Promise<void> {
  const { writer, random, signal } = options;
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  while (!signal.aborted) {
    const { definition, name, material } = customKind(random.between(1, customKinds));
    await writer.send('POST', definitions, { body: definition });
    const uses = random.between(20, 120);
    for (let turn = 1; turn <= uses && !signal.aborted; turn++) {
      await changeOne(options, { material, namespace, turn });
      await pause(options);
    }
    if (random.chance(0.7)) await writer.send('DELETE', `${definitions}/${name}`);
    for (let waits = 0; waits < 10 && !signal.aborted; waits++) await pause(options);
  }
}

/** Namespaces are deleted with what is in them. */
async function comeAndGoNamespaces(options: WorkloadOptions): Promise<void> {
  const { writer, prefix, signal } = options;
  for (let turn = 1; !signal.aborted; turn++) {
    const namespace = `${prefix}-short-${turn}`;
    await createNamespace(writer, namespace);
    for (const material of materials.slice(0, 5)) {
      for (let n = 1; n <= 3 && !signal.aborted; n++) await changeOne(options, { material, namespace, turn: n });
      await pause(options);
    }
    await writer.send('DELETE', `/api/v1/namespaces/${namespace}`);
    for (let waits = 0; waits < 20 && !signal.aborted; waits++) await pause(options);
  }
}
