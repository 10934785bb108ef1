import type { Agent, IncomingMessage } from 'node:http';
import https from 'node:https';
import { http } from '../node-http.ts';
import type { Answered } from '../cluster-clock.ts';
import type { KubeAccess, KubeAccessSource } from './kube-access.ts';
import { KubeError, errorFromResponse } from './kube-error.ts';

export type KubeLimits = {
  /** From the request to the answer's headers. The API server itself gives up on a list after 60 s. */
  readonly headersTimeoutMs: number;
  /** Without a byte in an answer that is read whole. */
  readonly bodyIdleTimeoutMs: number;
  /** Largest answer that is read whole (discovery). Lists and watches are streamed. */
  readonly maxDocumentBytes: number;
  /** Credential files are looked at again after this. */
  readonly credentialRefreshMs: number;
};

export const defaultKubeLimits: KubeLimits = {
  headersTimeoutMs: 65_000,
  bodyIdleTimeoutMs: 60_000,
  maxDocumentBytes: 32 * 1024 * 1024,
  credentialRefreshMs: 10_000,
};

/** An answer whose body is read as it comes: not reading it holds the server back through the socket. */
export type KubeStream = {
  readonly chunks: AsyncIterable<Buffer>;
  /** Drops the connection. Reading on throws KubeError. */
  destroy(error?: Error): void;
};

type Options = { readonly signal: AbortSignal; readonly accept?: string };

/** GET only: the agent has nothing to write. Every failure is a KubeError. */
export type KubeClient = {
  /** Resolves when the status is 200 and the headers are there. */
  stream(path: string, options: Options): Promise<KubeStream>;
  /** One JSON document, within maxDocumentBytes. */
  getJson(path: string, options: Options): Promise<unknown>;
  close(): void;
};

/** Answers beyond this say nothing more about an error. */
const maxErrorBytes = 64 * 1024;

type Ports = {
  readonly access: KubeAccessSource;
  readonly userAgent: string;
  readonly limits?: Partial<KubeLimits>;
  /** Told about every answer; status 0 when there was none. */
  readonly onResponse?: (status: number) => void;
  /** Told what the answers say about the API server's clock. */
  readonly onAnswered?: (answer: Answered) => void;
};

/** node:http(s) with keep-alive; one connection per open watch. Close it to drop all connections. */
export function openKubeClient(ports: Ports): KubeClient {
  const limits = { ...defaultKubeLimits, ...ports.limits };
  const connections = createConnections(ports.access, limits.credentialRefreshMs);

  async function request(path: string, options: Options, isRetry = false): Promise<IncomingMessage> {
    const where = `GET ${path.split('?', 1)[0] ?? path}`;
    const { agent, access } = await connections.current();
    try {
      const sentAtMs = performance.now();
      const response = await send({ agent, access, path, options, limits, userAgent: ports.userAgent });
      ports.onAnswered?.({ sentAtMs, answeredAtMs: performance.now(), date: response.headers.date });
      ports.onResponse?.(response.statusCode ?? 0);
      if (response.statusCode === 200) return response;
      const error = errorFromResponse(response.statusCode ?? 0, response.headers, await readError(response), where);
      if (error.code !== 'unauthorized' || isRetry) throw error;
    } catch (thrown) {
      if (thrown instanceof StaleConnection && !isRetry) return await request(path, options, true);
      if (!(thrown instanceof KubeError)) ports.onResponse?.(0);
      throw KubeError.from(thrown instanceof StaleConnection ? thrown.cause : thrown, where);
    }
    await connections.renew(access);
    return await request(path, options, true);
  }

  return {
    async stream(path, options): Promise<KubeStream> {
      const response = await request(path, options);
      return {
        chunks: translateErrors(response, path, options.signal),
        destroy(error): void {
          response.destroy(error);
        },
      };
    },
    async getJson(path, options): Promise<unknown> {
      const response = await request(path, options);
      response.setTimeout(limits.bodyIdleTimeoutMs, () =>
        response.destroy(new KubeError('timeout', `GET ${path}: no byte for ${limits.bodyIdleTimeoutMs} ms`)),
      );
      const text = await readWhole(translateErrors(response, path, options.signal), limits.maxDocumentBytes, path);
      try {
        return JSON.parse(text) as unknown;
      } catch (cause) {
        throw new KubeError('malformed', `GET ${path}: the answer is not JSON`, { cause });
      }
    },
    close(): void {
      connections.close();
    },
  };
}

/** A kept-alive connection that the server had closed already: the request never reached it and may be sent again. */
class StaleConnection extends Error {}

type Sending = {
  readonly agent: Agent;
  readonly access: KubeAccess;
  readonly path: string;
  readonly options: Options;
  readonly limits: KubeLimits;
  readonly userAgent: string;
};

function send({ agent, access, path, options, limits, userAgent }: Sending): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { accept: options.accept ?? 'application/json', 'user-agent': userAgent, ...access.headers };
    const module = access.server.startsWith('https:') ? https : http;
    const request = module.get(`${access.server}${path}`, { agent, headers, signal: options.signal }, (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    const timer = setTimeout(() => {
      request.destroy(new KubeError('timeout', `GET ${path}: no answer within ${limits.headersTimeoutMs} ms`));
    }, limits.headersTimeoutMs);
    request.on('error', (error) => {
      clearTimeout(timer);
      const isReset = 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      reject(request.reusedSocket && isReset ? new StaleConnection('stale connection', { cause: error }) : error);
    });
  });
}

async function* translateErrors(response: IncomingMessage, path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const where = `GET ${path.split('?', 1)[0] ?? path}`;
  try {
    yield* response as AsyncIterable<Buffer>;
  } catch (thrown) {
    // An abort shows as a reset of the connection.
    if (signal.aborted) throw new KubeError('aborted', `${where}: stopped`, { cause: thrown });
    throw KubeError.from(thrown, where);
  }
}

async function readWhole(chunks: AsyncIterable<Buffer>, maxBytes: number, path: string): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new KubeError('too-large', `GET ${path}: more than ${maxBytes} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

async function readError(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxErrorBytes) break;
      parts.push(chunk);
    }
  } catch {
    // The status alone still says what is wrong.
  }
  return Buffer.concat(parts).toString('utf8');
}

type Connections = {
  current(): Promise<{ readonly agent: Agent; readonly access: KubeAccess }>;
  /** Reads the credentials anew, unless somebody did since `rejected` was current. */
  renew(rejected: KubeAccess): Promise<void>;
  close(): void;
};

/** Keeps one agent for as long as the TLS identity stays the same; a new token alone keeps the connections. */
function createConnections(source: KubeAccessSource, refreshMs: number): Connections {
  let access: KubeAccess | undefined;
  let agent: Agent | undefined;
  let identity = '';
  let readAtMs = 0;
  let reading: Promise<void> | undefined;

  async function readNow(why: 'scheduled' | 'rejected'): Promise<void> {
    const next = await source.read(why);
    readAtMs = performance.now();
    access = next;
    const nextIdentity = JSON.stringify([next.server, next.ca, next.cert, next.key, next.proxyUrl]);
    if (nextIdentity === identity && agent !== undefined) return;
    closeIdle(agent);
    agent = createAgent(next);
    identity = nextIdentity;
  }

  function read(why: 'scheduled' | 'rejected'): Promise<void> {
    reading ??= readNow(why).finally(() => {
      reading = undefined;
    });
    return reading;
  }

  return {
    async current() {
      if (access === undefined || performance.now() - readAtMs > refreshMs) await read('scheduled');
      if (access === undefined || agent === undefined) throw new KubeError('credentials', 'no credentials were read');
      return { agent, access };
    },
    async renew(rejected) {
      if (access === rejected) await read('rejected');
    },
    close() {
      agent?.destroy();
    },
  };
}

function createAgent(access: KubeAccess): Agent {
  const common = {
    keepAlive: true,
    maxSockets: Number.POSITIVE_INFINITY,
    ...(access.proxyUrl === undefined
      ? {}
      : { proxyEnv: { HTTPS_PROXY: access.proxyUrl, HTTP_PROXY: access.proxyUrl } }),
  };
  if (access.server.startsWith('http:')) return new http.Agent(common);
  return new https.Agent({
    ...common,
    ca: access.ca,
    cert: access.cert,
    key: access.key,
    rejectUnauthorized: access.verifiesServer,
    ...(access.serverName === undefined ? {} : { servername: access.serverName }),
  });
}

/** Watches on the old identity end by themselves; idle connections are of no more use. */
function closeIdle(agent: Agent | undefined): void {
  for (const sockets of Object.values(agent?.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy();
}
