import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import type { Address } from './config.ts';
import { StartError } from './config-error.ts';
import { http } from './node-http.ts';

/** Whether a part of the agent does its work, and the sentence that says so. */
export type Check = { readonly name: string; readonly isGood: boolean; readonly message: string };

export type HealthOptions = {
  readonly listen: Address;
  readonly registry: Registry;
  /** The process should be restarted when one is not good. */
  readonly health: () => readonly Check[];
  /** The agent does not do all its work while one is not good. */
  readonly readiness: () => readonly Check[];
};

export type HealthServer = { readonly port: number; close(): Promise<void> };

/** GET /healthz, /readyz (200 or 503, one line a check) and /metrics. Throws StartError 'listen-failed'. */
export async function openHealthServer(options: HealthOptions): Promise<HealthServer> {
  const { host, port } = options.listen;
  const server = http.createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') return respond(response, 405, 'GET only\n');
    if (path === '/healthz') return answerChecks(response, options.health());
    if (path === '/readyz') return answerChecks(response, options.readiness());
    if (path === '/metrics') return void answerMetrics(response, options.registry);
    respond(response, 404, '/healthz, /readyz or /metrics\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `the health server cannot listen on ${host}:${port} (${cause.code}): choose another --health-listen`;
      reject(new StartError('listen-failed', message, { cause }));
    });
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answerChecks(response: ServerResponse, checks: readonly Check[]): void {
  const lines = checks.map(({ name, isGood, message }) => `${isGood ? 'ok  ' : 'fail'} ${name}: ${message}\n`);
  respond(response, checks.every((check) => check.isGood) ? 200 : 503, lines.join(''));
}

async function answerMetrics(response: ServerResponse, registry: Registry): Promise<void> {
  try {
    const text = await registry.metrics();
    response.writeHead(200, { 'content-type': registry.contentType });
    response.end(text);
  } catch {
    respond(response, 500, 'the metrics could not be collected\n');
  }
}

function respond(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}
