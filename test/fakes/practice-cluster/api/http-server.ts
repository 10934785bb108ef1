import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Dispatched } from './dispatcher.ts';
import { CutConnection } from './failures.ts';
import type { ApiRequest, Reply, WatchOutput } from './request.ts';
import { badRequest, type StatusError } from '../status-error.ts';
import { bodyTooLarge, maxBodyBytes } from './size-limits.ts';
import { ProtobufError, protobufToJson } from '../wire/protobuf.ts';

export type TlsFiles = { readonly cert: string; readonly key: string };

/** Answers above this are compressed for clients that take gzip. */
const gzipFromBytes = 128 * 1024;

export type HttpServerOptions = {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsFiles | undefined;
  readonly dispatch: (request: ApiRequest) => Dispatched;
  /** Answers requests that are not the Kubernetes API's, or undefined. */
  readonly control: (method: string, path: string) => Reply | undefined;
};

/** The HTTP side: reads bodies, writes replies, keeps track of connections so that tests can cut them. */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const listener = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    this.#server = options.tls === undefined ? createServer(listener) : createSecureServer(options.tls, listener);
    this.#server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Listens and answers the base URL. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host, () => resolve());
    });
    const { port } = this.#server.address() as AddressInfo;
    return `${this.#options.tls === undefined ? 'http' : 'https'}://${this.#options.host}:${port}`;
  }

  cutConnections(): number {
    const count = this.#sockets.size;
    for (const socket of this.#sockets) socket.destroy();
    return count;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cutConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await readBody(request);
      if (body === undefined) return sendStatus(request, response, bodyTooLarge());
      const { method = 'GET', url = '/' } = request;
      const control = this.#options.control(method, url);
      if (control !== undefined) {
        // A browser page must not be able to change the practice cluster behind its user's back.
        if (request.headers.origin !== undefined) return sendText(response, 403, 'text/plain', 'not for browsers\n');
        return send(request, response, control, undefined);
      }
      const { reply, auditId } = this.#options.dispatch(apiRequest(request, body));
      send(request, response, reply, auditId);
    } catch (error) {
      if (error instanceof ProtobufError) {
        return sendStatus(request, response, badRequest(`the object provided is unrecognized: ${error.message}`));
      }
      if (!(error instanceof CutConnection) && !response.headersSent && !response.destroyed) {
        sendText(response, 500, 'text/plain', `practice cluster: ${String(error)}\n`);
      }
      request.socket.destroy();
    }
  }
}

const protobuf = 'application/vnd.kubernetes.protobuf';

const apiRequest = (request: IncomingMessage, bytes: Buffer): ApiRequest => {
  const headers: { [name: string]: string | undefined } = {};
  for (const [name, value] of Object.entries(request.headers))
    headers[name] = Array.isArray(value) ? value.join(',') : value;
  // Typed clients such as kubectl's create and auth send protobuf; from here on everything is JSON.
  const isProtobuf = headers['content-type']?.startsWith(protobuf) === true && bytes.length > 0;
  if (isProtobuf) headers['content-type'] = 'application/json';
  const body = isProtobuf ? protobufToJson(bytes) : bytes.toString('utf8');
  return {
    method: request.method ?? 'GET',
    url: request.url ?? '/',
    headers,
    body,
    sourceIps: [(request.socket.remoteAddress ?? '').replace(/^::ffff:/, '')],
  };
};

const readBody = async (request: IncomingMessage): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size <= maxBodyBytes) chunks.push(chunk as Buffer);
  }
  return size > maxBodyBytes ? undefined : Buffer.concat(chunks);
};

const sendStatus = (request: IncomingMessage, response: ServerResponse, error: StatusError): void =>
  send(request, response, { type: 'object', status: error.code, object: error.toStatus() }, undefined);

const sendText = (response: ServerResponse, status: number, contentType: string, text: string): void => {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
};

const send = (request: IncomingMessage, response: ServerResponse, reply: Reply, auditId: string | undefined): void => {
  if (auditId !== undefined) response.setHeader('audit-id', auditId);
  response.setHeader('cache-control', 'no-cache, private');
  if (reply.type === 'watch') return stream(response, reply);
  if (reply.type === 'object') {
    for (const warning of reply.warnings ?? [])
      response.appendHeader('warning', `299 - "${warning.replaceAll(/["\\]/g, '\\$&')}"`);
    const seconds = (reply.object['details'] as { retryAfterSeconds?: number } | undefined)?.retryAfterSeconds;
    if (seconds !== undefined) response.setHeader('retry-after', String(seconds));
  }
  const text = reply.type === 'object' ? `${JSON.stringify(reply.object)}\n` : reply.text;
  const contentType = reply.type === 'object' ? 'application/json' : reply.contentType;
  if (reply.type === 'text')
    for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  const takesGzip = request.headers['accept-encoding']?.includes('gzip') === true;
  if (!takesGzip || text.length < gzipFromBytes) return sendText(response, reply.status, contentType, text);
  const compressed = gzipSync(text, { level: 1 });
  response.writeHead(reply.status, {
    'content-type': contentType,
    'content-encoding': 'gzip',
    vary: 'Accept-Encoding',
    'content-length': compressed.length,
  });
  response.end(compressed);
};

const stream = (response: ServerResponse, reply: Extract<Reply, { type: 'watch' }>): void => {
  response.writeHead(200, { 'content-type': reply.contentType, 'transfer-encoding': 'chunked' });
  response.flushHeaders();
  const output: WatchOutput = {
    // Between the end of a watch and the close of its connection changes still come: nobody reads them here any more.
    write: (text) => response.writableEnded || response.destroyed || response.write(text),
    onDrain: (callback) => response.once('drain', callback),
    onClose: (callback) => response.once('close', callback),
    end: () => response.end(),
  };
  reply.start(output);
};
