import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TlsFiles } from '../api/http-server.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { storageKey } from './kind.ts';
import type { Change } from './storage.ts';
import type { Commit, Store } from './store.ts';

/**
 * A snapshot (one JSON document) and the changes since (JSON lines). A start reads both, so that objects, revisions and
 * the watch window go on where they were; a line that was cut short by a crash is dropped. Writes reach the operating
 * system before a request is answered, but are not fsynced: this is for practice.
 */
export type StateFiles = {
  readonly tokenKey: string;
  /** The certificate of the first start, so that kubeconfigs stay good. */
  readonly tls: (create: () => TlsFiles) => TlsFiles;
  readonly close: () => void;
};

/** Changes in the log before it is folded into a new snapshot. */
const maxLogChanges = 20_000;

type Saved = {
  readonly revision: number;
  readonly tokenKey: string;
  readonly objects: readonly (readonly [string, string, KubeObject])[];
};

export const openStateFiles = (directory: string, store: Store): StateFiles => {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const snapshotPath = join(directory, 'snapshot.json');
  const logPath = join(directory, 'changes.jsonl');
  const saved = existsSync(snapshotPath) ? (JSON.parse(readFileSync(snapshotPath, 'utf8')) as Saved) : undefined;
  const tokenKey = saved?.tokenKey ?? randomBytes(32).toString('base64url');
  if (saved === undefined) save(snapshotPath, { revision: store.revision, tokenKey, objects: [] });
  else restore(store, saved);
  let changes = existsSync(logPath) ? replay(store, logPath) : 0;
  let log = openSync(logPath, 'a', 0o600);
  const unsubscribe = store.subscribe((commit) => {
    writeSync(log, `${JSON.stringify(line(commit))}\n`);
    changes += 1;
    if (changes < maxLogChanges) return;
    const objects = [...store.entries()].map((entry) => [entry.storageKey, entry.key, entry.object] as const);
    save(snapshotPath, { revision: store.revision, tokenKey, objects });
    closeSync(log);
    log = openSync(logPath, 'w', 0o600);
    changes = 0;
  });
  return {
    tokenKey,
    tls: (create) => {
      const path = join(directory, 'tls.json');
      if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as TlsFiles;
      const files = create();
      writeFileSync(path, JSON.stringify(files), { mode: 0o600 });
      return files;
    },
    close: () => {
      unsubscribe();
      closeSync(log);
    },
  };
};

const save = (path: string, saved: Saved): void => {
  writeFileSync(`${path}.new`, JSON.stringify(saved), { mode: 0o600 });
  renameSync(`${path}.new`, path);
};

const restore = (store: Store, saved: Saved): void => {
  store.startAt(saved.revision);
  // Definitions first: the kinds of the other objects may come from them.
  const isDefinition = ([key]: Saved['objects'][number]) => key === 'customresourcedefinitions.apiextensions.k8s.io';
  for (const [resource, key, object] of [
    ...saved.objects.filter(isDefinition),
    ...saved.objects.filter((item) => !isDefinition(item)),
  ]) {
    const kind = store.kinds.byStorageKey(resource);
    if (kind !== undefined) store.restore(kind, key, object);
  }
};

type Line = {
  readonly resource: string;
  readonly type: Change['type'];
  readonly revision: number;
  readonly key: string;
  readonly object: KubeObject;
};

const line = ({ kind, change }: Commit): Line => {
  const { type, revision, key, object } = change;
  return { resource: storageKey(kind), type, revision, key, object };
};

const replay = (store: Store, path: string): number => {
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  const lines = whole.split('\n').filter((item) => item !== '');
  for (const item of lines) {
    const { resource, type, revision, key, object } = JSON.parse(item) as Line;
    const kind = store.kinds.byStorageKey(resource);
    // A crash between the new snapshot and the empty log leaves changes that the snapshot already holds.
    if (kind === undefined || revision <= store.revision) continue;
    store.replay(kind, { type, revision, key, object, previous: store.storage(kind).get(key) });
  }
  return lines.length;
};
