/**
 * Several people change the same objects at once, in every way that attribution has to tell apart, and the API server's
 * own answers say which request (its Audit-Id) made which version.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../../contract/kube-client.ts';
import type { Answer, ContractCluster, Loose } from '../../contract/kube-client.ts';

export type Truth = {
  /** `<uid> <resourceVersion>`, or `<uid> end` for a deletion → Audit-Id of the request that made it. */
  readonly made: Map<string, string>;
  /** Audit-Ids of requests that made nothing: refused, dry runs, and those that changed nothing. */
  readonly idle: Set<string>;
  /** Requests that were answered with success. */
  written: number;
  /** Those of them that changed nothing, dry runs among them. */
  noops: number;
  refused: number;
};

export type Writer = {
  readonly as: ContractCluster;
  readonly user: string;
  /** In [0, 1); decides everything that the writer tries. */
  readonly random: () => number;
};

type Collection = { readonly path: string; readonly fixed: Loose };

/** Of ConfigMaps the audit policy keeps no bodies; of NetworkPolicies the audit event names the very version. */
export const collections = (namespace: string): readonly Collection[] => [
  { path: `/api/v1/namespaces/${namespace}/configmaps`, fixed: { apiVersion: 'v1', kind: 'ConfigMap' } },
  {
    path: `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`,
    fixed: { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec: { podSelector: {} } },
  },
];

const merge = 'application/merge-patch+json';
const apply = 'application/apply-patch+yaml';

/** What all writers know of the objects: only one at a time deletes one. */
export type Desk = { readonly truth: Truth; readonly deleting: Set<string>; turn: number };

export const openDesk = (): Desk => ({
  truth: { made: new Map(), idle: new Set(), written: 0, noops: 0, refused: 0 },
  deleting: new Set(),
  turn: 0,
});

const objectsOfAll = 12;

type Act = {
  readonly writer: Writer;
  readonly desk: Desk;
  readonly collection: Collection;
  readonly name: string;
  readonly path: string;
};

const auditIdOf = ({ headers }: Answer): string => String(headers['audit-id']);

const send = async (act: Act, path: string, options: Parameters<typeof call>[2]): Promise<Answer | undefined> => {
  const answer = await call(act.writer.as, path, { userAgent: 'tool/1.0 (linux)', ...options });
  const { truth } = act.desk;
  if (answer.status < 300) truth.written += 1;
  else if ([404, 409].includes(answer.status)) {
    truth.refused += 1;
    truth.idle.add(auditIdOf(answer));
  } else throw new Error(`${options?.method} ${path}: ${answer.status} ${answer.text}`);
  return answer.status < 300 ? answer : undefined;
};

const note = ({ desk }: Act, answer: Answer | undefined): void => {
  const { uid, resourceVersion } = answer?.body.metadata ?? {};
  if (answer !== undefined) desk.truth.made.set(`${uid} ${resourceVersion}`, auditIdOf(answer));
};

const annotated = ({ desk, writer }: Act): Loose => ({ turn: `${writer.user} ${++desk.turn}` });

const create = async (act: Act): Promise<void> => {
  const finalizers = act.writer.random() < 0.3 ? { finalizers: ['example.com/wait'] } : {};
  const body = { ...act.collection.fixed, metadata: { name: act.name, annotations: annotated(act), ...finalizers } };
  note(act, await send(act, act.collection.path, { method: 'POST', body }));
};

const patch = async (act: Act): Promise<void> => {
  const body = { metadata: { annotations: { ...annotated(act), note: 'x'.repeat(act.desk.turn % 200) } } };
  note(act, await send(act, act.path, { method: 'PATCH', body, contentType: merge }));
};

const applyForced = async (act: Act): Promise<void> => {
  const body = { ...act.collection.fixed, metadata: { name: act.name, annotations: annotated(act) } };
  const path = `${act.path}?fieldManager=apply-${act.writer.user}&force=true`;
  note(act, await send(act, path, { method: 'PATCH', body, contentType: apply }));
};

const replace = async (act: Act): Promise<void> => {
  const { status, body } = await call(act.writer.as, act.path);
  if (status !== 200) return;
  body.metadata.annotations = { ...body.metadata.annotations, ...annotated(act) };
  note(act, await send(act, act.path, { method: 'PUT', body }));
};

const changeNothing = async (act: Act): Promise<void> => {
  countIdle(act, await send(act, act.path, { method: 'PATCH', body: {}, contentType: merge }));
};

const tryOnly = async (act: Act): Promise<void> => {
  const body = { metadata: { annotations: annotated(act) } };
  countIdle(act, await send(act, `${act.path}?dryRun=All`, { method: 'PATCH', body, contentType: merge }));
};

const countIdle = ({ desk: { truth } }: Act, answer: Answer | undefined): void => {
  if (answer === undefined) return;
  truth.noops += 1;
  truth.idle.add(auditIdOf(answer));
};

const release = async (act: Act): Promise<void> => {
  const body = { metadata: { finalizers: null, annotations: annotated(act) } };
  const answer = await send(act, act.path, { method: 'PATCH', body, contentType: merge });
  // Of one that waited for this, nothing is left but its end, which is whose who deleted it.
  if (answer?.body.metadata.deletionTimestamp === undefined) note(act, answer);
};

const remove = async (act: Act): Promise<void> => {
  const { deleting, truth } = act.desk;
  if (deleting.has(act.path)) return;
  deleting.add(act.path);
  try {
    const before = await call(act.writer.as, act.path);
    if (before.status !== 200 || before.body.metadata.deletionTimestamp !== undefined) return;
    const answer = await send(act, act.path, { method: 'DELETE' });
    if (answer === undefined) return;
    const uid = answer.body.metadata?.uid ?? answer.body.details?.uid;
    truth.made.set(`${uid} end`, auditIdOf(answer));
    if (answer.body.metadata?.uid !== undefined) note(act, answer);
  } finally {
    deleting.delete(act.path);
  }
};

const acts = [create, create, patch, patch, patch, applyForced, replace, changeNothing, tryOnly, release, remove];

export type WritingOptions = {
  readonly namespace: string;
  readonly pauseMs: number;
  readonly signal: AbortSignal;
  /** The API server may be away or busy: what was not answered may have been done, and by whom is not in the truth. */
  readonly mayFail?: boolean;
};

const pauseAfterFailureMs = 250;

/** Writes until the signal aborts, as fast as one client that thinks a little. */
export async function writeAttributed(writer: Writer, desk: Desk, options: WritingOptions): Promise<void> {
  const all = collections(options.namespace);
  const { random } = writer;
  while (!options.signal.aborted) {
    const collection = all[Math.floor(random() * all.length)];
    const act = acts[Math.floor(random() * acts.length)];
    if (collection === undefined || act === undefined) return;
    const name = `w-${Math.floor(random() * objectsOfAll)}`;
    await act({ writer, desk, collection, name, path: `${collection.path}/${name}` }).catch(async (error: unknown) => {
      if (options.mayFail !== true) throw error;
      await sleep(pauseAfterFailureMs);
    });
    await sleep(random() * options.pauseMs);
  }
}
