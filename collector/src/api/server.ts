/**
 * The public HTTP API: read-only, JSON, bearer tokens, TLS beyond loopback. Every answer is about the tenant of the
 * credential. Health and the OpenAPI document need no credential: they say nothing about any cluster. Metrics count
 * over all tenants: beyond loopback they need a token that is for nothing else.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ClickHouseError } from '@clickhouse/client';
import { fastify, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { apiSettings, isLoopback, refusePlaintext } from '../tls/plaintext.ts';
import type { TlsSource } from '../tls/tls-files.ts';
import { type ApiLimits, maxCursorCharacters, maxParameterCharacters } from './limits.ts';
import { createListener } from './listener.ts';
import { type ApiMetrics, createApiMetrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { type ApiPorts, operations } from './operations.ts';
import type { RawQuery } from './parameters.ts';
import { TimelineError } from '../timeline/timeline-error.ts';
import { Problem } from './problem.ts';
import type { Reader } from './reader.ts';
import { RequestSlots } from './request-slots.ts';

export type ApiOptions = ApiPorts & {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Without it the API speaks plain HTTP. */
  readonly tls?: Pick<TlsSource, 'current' | 'onChange'> | undefined;
  /** Plain HTTP beyond the loopback interface; only behind something that encrypts. */
  readonly allowPlaintext: boolean;
  readonly limits: ApiLimits;
  readonly logger: Logger;
  /** Whose token this is, or undefined when it may not read. */
  readonly authenticate: (token: string) => Reader | undefined;
  readonly isReady: () => boolean;
  readonly registry: Registry;
  /** Whether this token is for reading metrics. */
  readonly isMonitor: (token: string) => boolean;
};

export type ApiServer = { readonly url: string; close(): Promise<void> };

export const apiLog = { failed: 'api.failed' } as const;

/** Throws ListenError for plain HTTP beyond loopback. */
export async function openApi(options: ApiOptions): Promise<ApiServer> {
  const { host, port, tls, allowPlaintext, limits, registry } = options;
  refusePlaintext({ part: 'api', host, hasTls: tls !== undefined, allowPlaintext, settings: apiSettings });
  const server = fastify({
    bodyLimit: limits.bodyBytes,
    serverFactory: (handler) => createListener(handler, limits, tls),
  });
  const metrics = createApiMetrics(registry, () => openConnections(server.server));
  server.server.on('drop', () => metrics.limited.inc({ limit: 'connections' }));
  server.server.on('clientError', () => metrics.limited.inc({ limit: 'request' }));
  server.setErrorHandler((error, request, reply) => {
    const problem = asProblem(error);
    if (problem.status >= 500)
      options.logger.error({ event: apiLog.failed, path: request.url.split('?', 1)[0], err: error }, problem.message);
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
    if (problem.status === 429) reply.header('retry-after', '1');
    countLimit(problem, metrics);
    return reply.status(problem.status).send({ error: { code: problem.code, message: problem.message } });
  });
  server.setNotFoundHandler((request, reply) => {
    const known = operations.map((operation) => `/api/v1/${operation.path}`).join(', ');
    return reply.status(404).send({
      error: {
        code: 'not-found',
        message: `no such path: ${request.url.split('?', 1)[0]}; there are ${known}, /openapi.json`,
      },
    });
  });
  const slots = new RequestSlots(limits);
  for (const operation of operations) {
    server.get(`/api/v1/${operation.path}`, async (request, reply) => {
      reply.raw.once('close', () => {
        metrics.requests.inc({ operation: operation.path, status: String(reply.statusCode) });
        metrics.seconds.observe({ operation: operation.path }, reply.elapsedTime / 1_000);
      });
      const reader = readerOf(request, options);
      const query = parseQuery(request.query, operation.parameters);
      return slots.run(reader.tenant, () => operation.run(options, reader, query));
    });
  }
  const document = openApiDocument(options.about().version);
  server.get('/openapi.json', async () => document);
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) =>
    reply.status(options.isReady() ? 200 : 503).send({ status: options.isReady() ? 'ready' : 'not ready' }),
  );
  server.get('/metrics', async (request, reply) => {
    if (!isLoopback(host) && !options.isMonitor(bearerOf(request) ?? ''))
      throw new Problem('unauthenticated', 'send a token of role monitor: authorization: Bearer <token>');
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  await server.listen({ host, port });
  return { url: urlOf(server.server, host, tls !== undefined), close: () => server.close() };
}

const urlOf = (server: Server, host: string, isEncrypted: boolean): string => {
  const { port } = server.address() as AddressInfo;
  return `${isEncrypted ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
};

const openConnections = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });

function countLimit({ code }: Problem, metrics: ApiMetrics): void {
  if (code === 'too-many-requests') metrics.limited.inc({ limit: 'requests-at-once' });
  if (code === 'query-limit') metrics.limited.inc({ limit: 'query' });
}

const bearerOf = ({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined =>
  /^Bearer +([\x21-\x7e]{1,512})$/i.exec(headers.authorization ?? '')?.[1];

function readerOf(request: FastifyRequest, options: ApiOptions): Reader {
  const token = bearerOf(request);
  if (token === undefined) throw new Problem('unauthenticated', 'send a token: authorization: Bearer <token>');
  const reader = options.authenticate(token);
  if (reader === undefined) throw new Problem('unauthenticated', 'this token is not known here, or may not read');
  return reader;
}

/** Each known parameter once, as text. An unknown one is a mistake that must not silently widen the answer. */
function parseQuery(raw: unknown, known: Readonly<Record<string, string>>): RawQuery {
  const query: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(raw as Record<string, unknown>)) {
    if (!Object.hasOwn(known, name))
      throw new Problem('bad-request', `no parameter '${name}'; there are: ${Object.keys(known).join(', ')}`);
    if (typeof value !== 'string') throw new Problem('bad-request', `${name}: given more than once`);
    const limit = name === 'cursor' ? maxCursorCharacters : maxParameterCharacters;
    if (value.length > limit) throw new Problem('bad-request', `${name}: longer than ${limit} characters`);
    if (value !== '') query[name] = value;
  }
  return query;
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isQueryLimit(error))
    return new Problem(
      'query-limit',
      'this asks for more than one question may: narrow it (cluster, namespace, since)',
      {
        cause: error,
      },
    );
  if (isStoreError(error))
    return new Problem('store-unavailable', 'the timeline store does not answer: try again in a moment', {
      cause: error,
    });
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500)
    return new Problem('bad-request', error instanceof Error ? error.message : 'the request cannot be read');
  return new Problem('internal', 'something went wrong here; the log of the collector says what', { cause: error });
}

/** By ClickHouse's codes: TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED. */
const queryLimitCodes: ReadonlySet<string> = new Set(['159', '160', '241']);

function isQueryLimit(error: unknown): boolean {
  return (
    error instanceof TimelineError && error.cause instanceof ClickHouseError && queryLimitCodes.has(error.cause.code)
  );
}

/** A refusal (grants, schema) is for whoever runs the collector to mend: to a caller the store is just as unavailable. */
function isStoreError(error: unknown): boolean {
  return error instanceof TimelineError && (error.code === 'store-unreachable' || error.code === 'store-refused');
}
