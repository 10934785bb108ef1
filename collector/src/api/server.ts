/**
 * The public HTTP API: read-only, JSON, bearer tokens. Every answer is about the tenant of the credential. Health,
 * metrics and the OpenAPI document need no credential: they say nothing about any cluster.
 */
import { fastify, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { openApiDocument } from './openapi.ts';
import { type ApiPorts, operations, type Reader } from './operations.ts';
import type { RawQuery } from './parameters.ts';
import { TimelineError } from '../timeline/timeline-error.ts';
import { Problem } from './problem.ts';

export type ApiOptions = ApiPorts & {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly logger: Logger;
  /** Whose token this is, or undefined when it may not read. */
  readonly authenticate: (token: string) => Reader | undefined;
  readonly isReady: () => boolean;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
};

export type ApiServer = { readonly url: string; close(): Promise<void> };

export const apiLog = { failed: 'api.failed' } as const;

/** A request line holds filters, and a cursor, which holds names and a field path. */
const maxParameterCharacters = 1_024;
const maxCursorCharacters = 8_192;
const requestTimeoutMs = 30_000;

export async function openApi(options: ApiOptions): Promise<ApiServer> {
  const server = fastify({ requestTimeout: requestTimeoutMs, bodyLimit: 1_024 });
  server.setErrorHandler((error, request, reply) => {
    const problem = asProblem(error);
    if (problem.status >= 500)
      options.logger.error({ event: apiLog.failed, path: request.url.split('?', 1)[0], err: error }, problem.message);
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
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
  for (const operation of operations) {
    server.get(`/api/v1/${operation.path}`, async (request) => {
      const reader = readerOf(request, options);
      return operation.run(options, reader, parseQuery(request.query, operation.parameters));
    });
  }
  const document = openApiDocument(options.about().version);
  server.get('/openapi.json', async () => document);
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) =>
    reply.status(options.isReady() ? 200 : 503).send({ status: options.isReady() ? 'ready' : 'not ready' }),
  );
  server.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await options.metrics();
    return reply.type(contentType).send(text);
  });
  const url = await server.listen({ host: options.host, port: options.port });
  return { url, close: () => server.close() };
}

function readerOf(request: FastifyRequest, options: ApiOptions): Reader {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
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
  if (isStoreError(error))
    return new Problem('store-unavailable', 'the timeline store does not answer: try again in a moment', {
      cause: error,
    });
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500)
    return new Problem('bad-request', error instanceof Error ? error.message : 'the request cannot be read');
  return new Problem('internal', 'something went wrong here; the log of the collector says what', { cause: error });
}

/** A refusal (grants, schema) is for whoever runs the collector to mend: to a caller the store is just as unavailable. */
function isStoreError(error: unknown): boolean {
  return error instanceof TimelineError && (error.code === 'store-unreachable' || error.code === 'store-refused');
}
