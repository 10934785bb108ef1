/**
 * The public HTTP API: read-only, JSON, bearer tokens. Every answer is about the tenant of the credential. Health,
 * metrics and the OpenAPI document need no credential: they say nothing about any cluster.
 */
import { fastify, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { openApiDocument } from './openapi.ts';
import { type ApiPorts, operations } from './operations.ts';
import type { RawQuery } from './parameters.ts';
import { Problem } from './problem.ts';

export type ApiOptions = ApiPorts & {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly logger: Logger;
  /** Whose token this is, or undefined. */
  readonly authenticate: (token: string) => { readonly tenant: string } | undefined;
  readonly isReady: () => boolean;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
};

export type ApiServer = { readonly url: string; close(): Promise<void> };

export const apiLog = { failed: 'api.failed' } as const;

/** A request line holds filters only. */
const maxParameterCharacters = 1_024;
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
      const tenant = tenantOf(request, options);
      return operation.run(options, tenant, parseQuery(request.query, operation.parameters));
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

function tenantOf(request: FastifyRequest, options: ApiOptions): string {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) throw new Problem('unauthenticated', 'send a token: authorization: Bearer <token>');
  const owner = options.authenticate(token);
  if (owner === undefined) throw new Problem('unauthenticated', 'this token is not known here, or may not read');
  return owner.tenant;
}

/** Each known parameter once, as text. An unknown one is a mistake that must not silently widen the answer. */
function parseQuery(raw: unknown, known: Readonly<Record<string, string>>): RawQuery {
  const query: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(raw as Record<string, unknown>)) {
    if (!Object.hasOwn(known, name))
      throw new Problem('bad-request', `no parameter '${name}'; there are: ${Object.keys(known).join(', ')}`);
    if (typeof value !== 'string') throw new Problem('bad-request', `${name}: given more than once`);
    if (value.length > maxParameterCharacters)
      throw new Problem('bad-request', `${name}: longer than ${maxParameterCharacters} characters`);
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

const connectionCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND']);

function isStoreError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && connectionCodes.has(String(error.code));
}
