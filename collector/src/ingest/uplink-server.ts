/** The gRPC server of the uplink's one method, whose frames stay bytes. */
import * as grpc from '@grpc/grpc-js';
import { maxFrameBytes, uplinkServicePath } from '@driftline/proto';
import type { IngestLimits } from './limits.ts';
import { serverCredentials } from './server-credentials.ts';
import type { GatewayListen } from './server-credentials.ts';

export type Call = grpc.ServerDuplexStream<Buffer, Buffer>;

export type UplinkServer = {
  /** host:port it listens on. */
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
};

/** What a gateway waits for open streams when it closes. */
const closeGraceMs = 2_000;

const passThrough = (bytes: Buffer): Buffer => bytes;

const service: grpc.ServiceDefinition = {
  Stream: {
    path: uplinkServicePath,
    requestStream: true,
    responseStream: true,
    // Frames are decoded by hand, so that a bad one is a refusal and not a dead call.
    requestSerialize: passThrough,
    requestDeserialize: passThrough,
    responseSerialize: passThrough,
    responseDeserialize: passThrough,
  },
};

const bind = (server: grpc.Server, address: string, credentials: grpc.ServerCredentials): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
  });

const stop = async (server: grpc.Server): Promise<void> => {
  const stopped = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    server.forceShutdown();
    stopped.resolve();
  }, closeGraceMs);
  server.tryShutdown(() => stopped.resolve());
  await stopped.promise;
  clearTimeout(timer);
};

/** Throws ListenError for plain text beyond loopback. */
export const openUplinkServer = async (
  listen: GatewayListen,
  limits: IngestLimits,
  accept: (call: Call) => void,
): Promise<UplinkServer> => {
  const credentials = serverCredentials(listen);
  const server = new grpc.Server({
    'grpc.max_receive_message_length': maxFrameBytes,
    'grpc.max_send_message_length': maxFrameBytes,
    'grpc.keepalive_time_ms': limits.heartbeatIntervalMs,
    'grpc.keepalive_timeout_ms': limits.heartbeatIntervalMs,
  });
  server.addService(service, { Stream: accept });
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  const port = await bind(server, `${host}:${listen.port}`, credentials);
  return { address: `${host}:${port}`, port, close: () => stop(server) };
};
