/**
 * Stands before an API server and answers some requests itself: busy, broken, silent, or not believing the token. It ends
 * the TLS of the client with the API server's own certificate and speaks to the API server as the agent's account.
 */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import { join } from 'node:path';
import type { ServingCertificate } from './certificates.ts';

export type ApiFrontOptions = {
  readonly port: number;
  readonly server: string;
  readonly ca: string;
  /** Folder with the API server's certificate and key. */
  readonly pki: string;
  /** What the API server believes. */
  readonly token: string;
};

export type ApiAnswer =
  | { readonly type: 'status'; readonly status: 401 | 429 | 500 | 503; readonly retryAfterS?: number }
  /** No answer at all. */
  | { readonly type: 'silence' };

export class ApiFront {
  readonly #options: ApiFrontOptions;
  readonly #server: Server;
  readonly #agent: Agent;
  /** What clients have to show. */
  token = 'agent-token-1';
  /** Answers instead of the API server; undefined lets the request through. */
  answer: (path: string) => ApiAnswer | undefined = () => undefined;

  private constructor(options: ApiFrontOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, ca: options.ca });
    const certificate = {
      cert: readFileSync(join(options.pki, 'apiserver.crt')),
      key: readFileSync(join(options.pki, 'apiserver.key')),
    };
    this.#server = createServer(certificate, (incoming, outgoing) => this.#handle(incoming, outgoing));
    this.#server.on('clientError', (_error, socket) => socket.destroy());
  }

  static async listen(options: ApiFrontOptions): Promise<ApiFront> {
    const front = new ApiFront(options);
    front.#server.listen(options.port, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  /** For connections to come. */
  serveWith(certificate: ServingCertificate): void {
    this.#server.setSecureContext(certificate);
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const isKnown = incoming.headers.authorization === `Bearer ${this.token}`;
    const answer: ApiAnswer | undefined = isKnown ? this.answer(incoming.url ?? '') : { type: 'status', status: 401 };
    if (answer?.type === 'silence') return;
    if (answer !== undefined) {
      const { status, retryAfterS } = answer;
      const after = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) };
      outgoing.writeHead(status, { 'content-type': 'application/json', ...after });
      outgoing.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status }));
      return;
    }
    this.#forward(incoming, outgoing);
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const headers = { ...incoming.headers, authorization: `Bearer ${this.#options.token}` };
    const fail = (): void => void outgoing.destroy();
    const sent = request(`${this.#options.server}${incoming.url}`, {
      method: incoming.method,
      headers,
      agent: this.#agent,
    });
    outgoing.once('close', () => sent.destroy());
    sent.once('error', fail);
    sent.once('response', (response) => {
      response.once('error', fail);
      response.once('aborted', fail);
      outgoing.writeHead(response.statusCode ?? 502, response.headers);
      outgoing.flushHeaders();
      response.pipe(outgoing);
    });
    incoming.pipe(sent);
  }
}
