/** A client that writes to an API server which may be away, and counts what was taken. */
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type PatchKind = 'json' | 'merge' | 'strategic' | 'apply';
export type Answer = { readonly status: number; readonly body: Record<string, unknown> };
export type Sending = { readonly body?: unknown; readonly patch?: PatchKind };

const contentTypes: Readonly<Record<PatchKind, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};
const requestTimeoutMs = 10_000;
const retryPauseMs = 250;

export class KubeWriter {
  readonly #server: string;
  readonly #token: string;
  readonly #agent: Agent;
  /** Writes that the API server answered with success. */
  written = 0;
  readonly perVerb = new Map<string, number>();
  readonly refused = new Map<string, number>();

  constructor(options: { readonly server: string; readonly token: string; readonly ca: string }) {
    this.#server = options.server;
    this.#token = options.token;
    this.#agent = new Agent({ keepAlive: true, ca: options.ca });
  }

  /** Status 0: nobody answered, and whether it was done is not known. */
  async send(verb: Verb, path: string, { body, patch }: Sending = {}): Promise<Answer> {
    const answer = await this.#once(verb, path, { body, ...(patch === undefined ? {} : { patch }) });
    if (answer.status === 0 || answer.status === 429 || answer.status >= 500) await sleep(retryPauseMs);
    if (verb === 'GET') return answer;
    const name = patch === undefined ? verb : `${verb} ${patch}`;
    const isDone = answer.status >= 200 && answer.status < 300;
    if (isDone) this.written += 1;
    const counts = isDone ? this.perVerb : this.refused;
    const counted = isDone ? name : `${name} ${answer.status}`;
    counts.set(counted, (counts.get(counted) ?? 0) + 1);
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }

  #once(method: Verb, path: string, { body, patch }: Sending): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const text = body === undefined ? '' : JSON.stringify(body);
    const failed = (): void => resolve({ status: 0, body: {} });
    const sent = request(`${this.#server}${path}`, {
      method,
      agent: this.#agent,
      timeout: requestTimeoutMs,
      headers: {
        authorization: `Bearer ${this.#token}`,
        'content-type': patch === undefined ? 'application/json' : contentTypes[patch],
        'content-length': Buffer.byteLength(text),
      },
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', failed);
    sent.once('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.once('error', failed);
      response.once('end', () => {
        const answer = Buffer.concat(parts).toString();
        const isJson = (response.headers['content-type'] ?? '').includes('json');
        resolve({ status: response.statusCode ?? 0, body: isJson ? (JSON.parse(answer) as Answer['body']) : {} });
      });
    });
    sent.end(text);
    return promise;
  }
}
