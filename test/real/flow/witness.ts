/**
 * What really happened in a cluster, seen by an administrator's own watches from before the first change: the history of
 * every object as canonical texts, and what exists now. Of the product it uses only the pure functions that say what an
 * object's canonical form is.
 */
import { canonicalJson, redact } from '@driftline/proto';
import type { Hmac, JsonObject } from '@driftline/proto';
import { createHmac } from 'node:crypto';
import { normalise } from '../../../agent/src/capture/normalise.ts';
import { call, openWatch } from '../../contract/kube-client.ts';
import type { ContractCluster, Loose, Watch } from '../../contract/kube-client.ts';
import { discover, nameOf, pathOf, watchable } from '../discover.ts';
import type { Served } from '../discover.ts';

/** Canonical texts in order; '' stands for a deletion. No two neighbours are equal. */
export type Histories = ReadonlyMap<string, readonly string[]>;

export const hmacOf =
  (key: Buffer): Hmac =>
  (text) =>
    createHmac('sha256', key).update(text).digest('base64url').slice(0, 22);

export class Witness {
  readonly #cluster: ContractCluster;
  readonly #hmac: Hmac;
  readonly #histories = new Map<string, string[]>();
  readonly #watches = new Map<string, Watch>();
  #failure: Error | undefined;
  #isClosed = false;

  constructor(cluster: ContractCluster, hmac: Hmac) {
    this.#cluster = cluster;
    this.#hmac = hmac;
  }

  /** Follows every kind that is served now and is not followed yet. */
  async followAll(): Promise<void> {
    const kinds = watchable(await discover(this.#cluster)).filter((kind) => !this.#watches.has(nameOf(kind)));
    for (const kind of kinds) await this.#follow(kind);
  }

  async #follow(kind: Served): Promise<void> {
    const list = await call(this.#cluster, pathOf(kind));
    for (const item of list.body.items as Loose[]) this.#saw(kind, item, this.#formOf(kind, item));
    const resourceVersion = String(list.body.metadata.resourceVersion);
    const watch = await openWatch(this.#cluster, pathOf(kind), { resourceVersion, timeoutSeconds: '3600' });
    this.#watches.set(nameOf(kind), watch);
    void this.#read(kind, watch).catch((error: unknown) => {
      if (!this.#isClosed) this.#failure ??= new Error(`the witness lost ${nameOf(kind)}`, { cause: error });
    });
  }

  async #read(kind: Served, watch: Watch): Promise<void> {
    for (;;) {
      const event = await watch.next(3_600_000);
      if (event === undefined) throw new Error('the watch ended');
      if (event.type === 'ERROR') throw new Error(JSON.stringify(event.object));
      this.#saw(kind, event.object, event.type === 'DELETED' ? '' : this.#formOf(kind, event.object));
    }
  }

  #saw(kind: Served, object: Loose, form: string): void {
    const key = keyOf(kind, object);
    const history = this.#histories.get(key) ?? [];
    this.#histories.set(key, history);
    if (history.at(-1) !== form) history.push(form);
  }

  #formOf(kind: Served, object: Loose): string {
    const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
    const typed = { ...object, apiVersion, kind: kind.kind } as JsonObject;
    return canonicalJson(redact(normalise(typed, nameOf(kind)), this.#hmac));
  }

  /** Throws when a watch of the witness was cut: then it knows nothing. */
  histories(): Histories {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#histories;
  }

  /** What exists now: key → canonical text, listed anew. */
  async list(): Promise<ReadonlyMap<string, string>> {
    const objects = new Map<string, string>();
    for (const kind of watchable(await discover(this.#cluster))) {
      const list = await call(this.#cluster, pathOf(kind));
      for (const item of list.body.items as Loose[]) objects.set(keyOf(kind, item), this.#formOf(kind, item));
    }
    return objects;
  }

  close(): void {
    this.#isClosed = true;
    for (const watch of this.#watches.values()) watch.close();
  }
}

const keyOf = (kind: Served, { metadata }: Loose): string =>
  `${nameOf(kind)} ${metadata.namespace ?? ''}/${metadata.name}`;
