/**
 * The receiver of the API server's audit webhook: POST of an audit.k8s.io EventList; below /eks, /gke and /aks, of what the
 * log services of managed clusters deliver. 200 means durable, nothing less. What the sender may try again is answered 429
 * or 503 with Retry-After. What it must not is 400 or 413: it drops such a batch, so that is recorded as rejected, and
 * confessed as a gap.
 */
import { timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { isJsonArray, isJsonObject, ownString, ownValue } from '@driftline/proto';
import type { Json } from '@driftline/proto';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { logEvents } from '../log-events.ts';
import { http } from '../node-http.ts';
import { AuditError } from './audit-error.ts';
import type { AuditMetrics } from './audit-metrics.ts';
import { openCloudEnvelope } from './cloud-envelope.ts';
import type { CloudForm, OpenedEnvelope } from './cloud-envelope.ts';
import { auditDrop, rejectedAudit } from './record-audit.ts';
import type { AuditRecorder, RawAuditEvent } from './record-audit.ts';
import { rotateCertificates } from './rotate-certificates.ts';

export type AuditWebhookLimits = {
  /** Bytes of one request's body. The API server's batches hold up to 400 events. */
  readonly bodyLimitBytes: number;
  /** Bytes of all requests that are not answered yet; beyond it the API server is asked to come back. */
  readonly waitingLimitBytes: number;
  /** From the whole body to the answer. The API server gives up after 30 s and repeats the batch. */
  readonly answerTimeoutMs: number;
  readonly retryAfterSeconds: number;
};

export const defaultAuditWebhookLimits: AuditWebhookLimits = {
  bodyLimitBytes: 16 * 1024 * 1024,
  waitingLimitBytes: 32 * 1024 * 1024,
  answerTimeoutMs: 20_000,
  retryAfterSeconds: 5,
};

export type AuditWebhookOptions = {
  readonly host: string;
  readonly port: number;
  /** PEM files. Without them the webhook speaks plain HTTP. */
  readonly tls?: {
    readonly certificateFile: string;
    readonly keyFile: string;
    /** Clients must show a certificate of this authority. */
    readonly clientCaFile?: string;
  };
  /** Requests must bear the token in this file; it is read for each, so it can be rotated. */
  readonly tokenFile?: string;
  readonly limits: AuditWebhookLimits;
  readonly recorder: AuditRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AuditMetrics;
};

export type AuditWebhook = {
  readonly port: number;
  /** Answers what was received, then stops. */
  close(): Promise<void>;
};

/** `json`: what the sender wants to read beside the status. */
type Answer = { readonly status: number; readonly message: string; readonly json?: Readonly<Record<string, Json>> };

const cloudForms: Readonly<Record<string, CloudForm>> = { '/eks': 'eks', '/gke': 'gke', '/aks': 'aks' };

/** By the last part of the path; the API server's own batches may come to any other. */
function formOf(url: string | undefined): CloudForm | undefined {
  const [path = ''] = (url ?? '').split('?', 1);
  return cloudForms[path.slice(path.lastIndexOf('/'))];
}

/** Throws AuditError 'listen-failed' or 'files-unreadable'. */
export async function openAuditWebhook(options: AuditWebhookOptions): Promise<AuditWebhook> {
  const { host, logger } = options;
  const server = await createServer(options);
  const rotation = rotateCertificates(server, options.tls, options);
  const receiver = new Receiver(options);
  server.on('request', (request: IncomingMessage, response: ServerResponse) => void receiver.handle(request, response));
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  logger.info({ event: logEvents.auditWebhookListening, host, port, isEncrypted: options.tls !== undefined });
  return {
    port,
    async close() {
      rotation.stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await receiver.idle();
      server.closeAllConnections();
      await closed;
    },
  };
}

class Receiver {
  readonly #options: AuditWebhookOptions;
  /** Until then every batch that came is recorded. */
  #storedAtUs: number;
  #waitingBytes = 0;
  readonly #open = new Set<Promise<void>>();

  constructor(options: AuditWebhookOptions) {
    this.#options = options;
    this.#storedAtUs = options.clock.nowUs();
  }

  handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const handled = this.#answer(request, response).catch(() => void response.destroy());
    this.#open.add(handled);
    return handled.finally(() => this.#open.delete(handled));
  }

  async idle(): Promise<void> {
    await Promise.all(this.#open);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, message, json } = await this.#receive(request);
    this.#options.metrics.webhookAnswered(status);
    if (status >= 400) this.#options.logger.warn({ event: logEvents.auditWebhookRejected, status, reason: message });
    const retry =
      status === 429 || status === 503 ? { 'retry-after': String(this.#options.limits.retryAfterSeconds) } : {};
    // A body that was not read to its end leaves the connection unusable.
    const close = request.complete ? {} : { connection: 'close' };
    const type = json === undefined ? 'text/plain; charset=utf-8' : 'application/json';
    response.writeHead(status, { 'content-type': type, ...retry, ...close });
    response.end(json === undefined ? `${message}\n` : JSON.stringify(json));
  }

  async #receive(request: IncomingMessage): Promise<Answer> {
    if (request.method !== 'POST') return { status: 405, message: 'POST an audit.k8s.io/v1 EventList' };
    const refusal = await this.#authenticate(request);
    if (refusal !== undefined) return refusal;
    const { bodyLimitBytes, waitingLimitBytes } = this.#options.limits;
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > bodyLimitBytes) return this.#tooLarge(announced);
    if (this.#waitingBytes > 0 && this.#waitingBytes + announced > waitingLimitBytes) {
      return { status: 429, message: 'too many events wait to be stored: send them again later' };
    }
    const held = { bytes: 0 };
    try {
      const body = await this.#readBody(request, held);
      return body === undefined ? await this.#tooLarge(held.bytes) : await this.#store(body, request);
    } finally {
      this.#hold(held, -held.bytes);
    }
  }

  async #authenticate(request: IncomingMessage): Promise<Answer | undefined> {
    const { tokenFile } = this.#options;
    if (tokenFile === undefined) return undefined;
    const token = await readFile(tokenFile, 'utf8').catch(() => undefined);
    if (token === undefined) return { status: 503, message: 'the token file of the webhook cannot be read' };
    const expected = Buffer.from(`Bearer ${token.trim()}`);
    // Firehose can send a key, but no authorization header.
    const key = request.headers['x-amz-firehose-access-key'];
    const given = Buffer.from(request.headers.authorization ?? (typeof key === 'string' ? `Bearer ${key}` : ''));
    const isRight = given.length === expected.length && timingSafeEqual(given, expected);
    return isRight ? undefined : { status: 401, message: 'the bearer token is missing or wrong' };
  }

  /** Undefined beyond the limit. What is held counts against everybody's limit until the answer. */
  async #readBody(request: IncomingMessage, held: { bytes: number }): Promise<Buffer | undefined> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) {
      this.#hold(held, chunk.length);
      if (held.bytes > this.#options.limits.bodyLimitBytes) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  #hold(held: { bytes: number }, bytes: number): void {
    held.bytes += bytes;
    this.#waitingBytes += bytes;
    this.#options.metrics.webhookWaitingBytes(this.#waitingBytes);
  }

  async #store(body: Buffer, request: IncomingMessage): Promise<Answer> {
    const { recorder, limits, clock } = this.#options;
    const form = formOf(request.url);
    const json = parseBody(body, request.headers['content-encoding'] === 'gzip', limits.bodyLimitBytes);
    const events =
      json.type === 'unreadable'
        ? json.reason
        : form === undefined
          ? readEventList(json.json, json.bytes)
          : openCloudEnvelope(form, json.json, limits.bodyLimitBytes);
    if (typeof events === 'string') return this.#refuse({ status: 400, message: events }, 'malformed', body.length);
    const atUs = clock.nowUs();
    const requestId = request.headers['x-amz-firehose-request-id'];
    const receipt =
      typeof requestId === 'string' ? { json: { requestId, timestamp: Math.floor(atUs / 1000) } } : undefined;
    const answer = await this.#untilDurable(recorder.record(events, 'webhook'), {
      status: 200,
      message: 'stored',
      ...receipt,
    });
    if (answer.status === 200) this.#storedAtUs = Math.max(this.#storedAtUs, atUs);
    return answer;
  }

  /** The sender drops a batch that is refused for good. */
  #refuse(answer: Answer, reason: string, bytes: number): Promise<Answer> {
    const { recorder, clock } = this.#options;
    const rejected = rejectedAudit('webhook', reason, answer.message, bytes);
    const gap = auditDrop(this.#storedAtUs, clock.nowUs(), `a batch of ${bytes} bytes or more was refused: ${reason}`);
    return this.#untilDurable(recorder.append(rejected, gap), answer);
  }

  /** The answer once it is true; after answerTimeoutMs the API server is asked to send the batch again. */
  async #untilDurable(appended: Promise<void>, answer: Answer): Promise<Answer> {
    const timer = new AbortController();
    const late = sleep(this.#options.limits.answerTimeoutMs, undefined, { signal: timer.signal }).then(
      (): Answer => ({ status: 503, message: 'not stored yet: send it again' }),
      () => answer,
    );
    const stored = appended.then(
      () => answer,
      (): Answer => ({ status: 503, message: 'the agent is stopping: send it again' }),
    );
    try {
      return await Promise.race([stored, late]);
    } finally {
      timer.abort();
    }
  }

  #tooLarge(bytes: number): Promise<Answer> {
    const { bodyLimitBytes } = this.#options.limits;
    const message = `a body of ${bytes} bytes or more passes the limit of ${bodyLimitBytes} bytes`;
    const advice = 'lower --audit-webhook-batch-max-size of the API server, or raise the limit';
    return this.#refuse({ status: 413, message: `${message}: ${advice}` }, 'too-large', bytes);
  }
}

function parseBody(body: Buffer, isZipped: boolean, limitBytes: number): RawAuditEvent {
  let plain = body;
  try {
    if (isZipped) plain = gunzipSync(body, { maxOutputLength: limitBytes });
  } catch {
    return { type: 'unreadable', reason: 'the body cannot be unpacked within the limit', bytes: body.length };
  }
  const bytes = plain.length;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(plain);
    return { type: 'parsed', json: JSON.parse(text) as Json, bytes };
  } catch (error) {
    const reason = error instanceof TypeError ? 'the body is not valid UTF-8' : 'the body is not valid JSON';
    return { type: 'unreadable', reason, bytes };
  }
}

/** The events of a list, or the sentence that says why it is none. */
function readEventList(json: Json, bytes: number): OpenedEnvelope {
  if (!isJsonObject(json)) return 'the body is not a JSON object';
  if (!ownString(json, 'apiVersion').startsWith('audit.k8s.io/') || ownString(json, 'kind') !== 'EventList') {
    return 'the body is not an audit.k8s.io EventList';
  }
  const items = ownValue(json, 'items');
  if (!isJsonArray(items)) return 'the list has no items';
  const each = items.length === 0 ? 0 : Math.ceil(bytes / items.length);
  return items.map((item): RawAuditEvent => ({ type: 'parsed', json: item, bytes: each }));
}

async function createServer({ tls }: AuditWebhookOptions): Promise<Server> {
  if (tls === undefined) return http.createServer();
  try {
    const [cert, key] = await Promise.all([readFile(tls.certificateFile), readFile(tls.keyFile)]);
    const ca = tls.clientCaFile === undefined ? undefined : await readFile(tls.clientCaFile);
    const clients = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true };
    return createHttpsServer({ cert, key, minVersion: 'TLSv1.2', ...clients });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown error';
    throw new AuditError('files-unreadable', `the TLS files of the audit webhook cannot be used: ${reason}`, { cause });
  }
}

function listen(server: Server, { host, port }: AuditWebhookOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `the audit webhook cannot listen on ${host}:${port} (${cause.code}): choose another port or address`;
      reject(new AuditError('listen-failed', message, { cause }));
    });
    server.listen(port, host, resolve);
  });
}
