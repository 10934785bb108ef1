/**
 * The witness's eye: etcd's own account of every revision of every key, by its JSON gateway (the v3 API over HTTP). Nothing
 * here knows Kubernetes or the product.
 */
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export type EtcdEvent = {
  readonly key: string;
  readonly revision: number;
  /** undefined: the key was deleted. */
  readonly value: string | undefined;
};

type Header = { readonly revision?: string };
type WatchLine = {
  readonly result?: {
    readonly header?: Header;
    readonly created?: boolean;
    readonly canceled?: boolean;
    readonly compact_revision?: string;
    readonly events?: readonly {
      readonly type?: 'PUT' | 'DELETE';
      readonly kv: { readonly key: string; readonly mod_revision: string; readonly value?: string };
    }[];
  };
  readonly error?: unknown;
};

/** In the gateway's JSON all keys are base64; NUL to NUL is every key. */
const everyKey = { key: 'AA==', range_end: 'AA==' };
const reconnectPauseMs = 100;
const requestTimeoutMs = 5_000;

export class EtcdWitness {
  readonly #url: string;
  readonly #onEvent: (event: EtcdEvent) => void;
  #seenRevision = 0;
  #response: IncomingMessage | undefined;
  #failure: Error | undefined;
  #isClosed = false;
  #done: Promise<void> = Promise.resolve();

  constructor(url: string, onEvent: (event: EtcdEvent) => void) {
    this.#url = url;
    this.#onEvent = onEvent;
  }

  /** Follows everything from revision 1; a watch that ends (etcd was killed) goes on behind the last revision seen. */
  start(): void {
    this.#done = this.#followForEver().catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  /** Everything up to here was reported. Throws when the witness has lost something: then it knows nothing. */
  seenRevision(): number {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#seenRevision;
  }

  /** What etcd says its newest revision is. */
  async newestRevision(): Promise<number> {
    const { header } = await this.#post<{ header: Header }>('/v3/kv/range', { ...everyKey, count_only: true });
    return Number(header.revision);
  }

  /** Resolves with etcd's newest revision once everything up to it was reported. */
  async caughtUp(timeoutMs = 30_000): Promise<number> {
    const newest = await this.newestRevision();
    for (const endMs = performance.now() + timeoutMs; this.seenRevision() < newest; await sleep(20)) {
      if (performance.now() > endMs) throw new Error(`etcd is at ${newest}, the witness at ${this.#seenRevision}`);
    }
    return newest;
  }

  /** Makes etcd forget what was before a revision that the witness has seen. */
  async compact(revision: number): Promise<void> {
    await this.#post('/v3/kv/compaction', { revision: String(revision), physical: false });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#response?.destroy();
    await this.#done;
  }

  async #followForEver(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#follow(await this.#open('/v3/watch', { create_request: this.#watchRequest() }));
      } catch (error) {
        if (error instanceof LostHistory) throw error;
      }
      await sleep(reconnectPauseMs);
    }
  }

  #watchRequest(): object {
    return { ...everyKey, start_revision: String(this.#seenRevision + 1) };
  }

  async #follow(response: IncomingMessage): Promise<void> {
    this.#response = response;
    if (this.#isClosed) response.destroy();
    let rest = '';
    response.setEncoding('utf8');
    for await (const chunk of response) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.#take(JSON.parse(line) as WatchLine);
    }
  }

  #take({ result, error }: WatchLine): void {
    if (error !== undefined) throw new Error(JSON.stringify(error));
    if (result?.canceled === true) {
      throw new LostHistory(
        `etcd has compacted up to ${result.compact_revision}, the witness saw ${this.#seenRevision}`,
      );
    }
    for (const { type, kv } of result?.events ?? []) {
      const revision = Number(kv.mod_revision);
      if (revision < this.#seenRevision) throw new LostHistory(`etcd went back to ${revision}`);
      const value = type === 'DELETE' ? undefined : decode(kv.value ?? '');
      this.#onEvent({ key: decode(kv.key), revision, value });
      this.#seenRevision = revision;
    }
  }

  async #post<T>(path: string, body: object): Promise<T> {
    const answer = await fetch(`${this.#url}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`etcd ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }

  #open(path: string, body: object): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#url}${path}`, { method: 'POST', agent: false });
      sent.once('response', resolve);
      sent.once('error', reject);
      // The gateway takes the end of the request for the end of the watch only when it is told so by `Connection: close`.
      sent.end(JSON.stringify(body));
    });
  }
}

/** The witness cannot know any more what happened: the run proves nothing. */
class LostHistory extends Error {}

const decode = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');
