/** The HTTP or HTTPS server under the API, with its bounds; certificates are changed while it listens. */
import { createServer as createHttpServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { TlsMaterial, TlsSource } from '../tls/tls-files.ts';
import type { ApiLimits } from './limits.ts';

/** How often Node looks for requests that take too long. */
const connectionsCheckingIntervalMs = 1_000;

const contextOf = ({ cert, key }: TlsMaterial) => ({ cert, key });

export const createListener = (
  handler: RequestListener,
  limits: ApiLimits,
  tls: Pick<TlsSource, 'current' | 'onChange'> | undefined,
): Server => {
  const bounds = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(connectionsCheckingIntervalMs, limits.headersTimeoutMs),
  };
  const server = tls === undefined ? createHttpServer(bounds, handler) : createTlsServer(handler, bounds, limits, tls);
  server.maxConnections = limits.connections;
  return server;
};

const createTlsServer = (
  handler: RequestListener,
  bounds: object,
  { tlsHandshakeTimeoutMs }: ApiLimits,
  tls: Pick<TlsSource, 'current' | 'onChange'>,
): Server => {
  const options = { ...bounds, handshakeTimeout: tlsHandshakeTimeoutMs, minVersion: 'TLSv1.2' as const };
  const server = createHttpsServer({ ...options, ...contextOf(tls.current()) }, handler);
  tls.onChange((material) => server.setSecureContext({ minVersion: 'TLSv1.2', ...contextOf(material) }));
  return server;
};
