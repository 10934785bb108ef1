import { readFile } from 'node:fs/promises';
import { agentFrame, collectorFrame, maxFrameBytes, uplinkServicePath } from '@driftline/proto';
import type { AgentFrame, CollectorFrame } from '@driftline/proto';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { ChannelCredentials, ClientDuplexStream } from '@grpc/grpc-js';
import { isLoopback } from '../loopback.ts';
import { UplinkError } from './uplink-error.ts';

/** Where the collector is and how to prove who calls. Files are read at every connect, so that they can be rotated. */
export type ConnectOptions = {
  /** `https://host:port`, or `http://host:port` for clear text. */
  readonly collectorUrl: string;
  readonly tokenFile?: string;
  /** PEM; without it the authorities that Node trusts. */
  readonly caFile?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** Name in the collector's certificate, where it differs from the host in the address. */
  readonly serverName?: string;
  /** Lets a token travel in clear text to another machine. */
  readonly allowInsecureTransport: boolean;
};

export type Connection = {
  readonly stream: ClientDuplexStream<AgentFrame, CollectorFrame>;
  close(): void;
};

type Address = { readonly target: string; readonly isEncrypted: boolean; readonly isLoopback: boolean };

/** Throws UplinkError 'invalid-address', or 'insecure-transport' where a token would leave the machine in clear text. */
export function checkAddress(options: ConnectOptions): Address {
  const url = URL.canParse(options.collectorUrl) ? new URL(options.collectorUrl) : undefined;
  const isEncrypted = url?.protocol === 'https:';
  if (url === undefined || url.hostname === '' || (!isEncrypted && url.protocol !== 'http:')) {
    const wanted = 'it must be https://host:port, or http://host:port for clear text';
    throw new UplinkError(
      'invalid-address',
      `the collector's address '${options.collectorUrl}' is not usable: ${wanted}`,
    );
  }
  const port = url.port === '' ? (isEncrypted ? '443' : '80') : url.port;
  const address = { target: `${url.hostname}:${port}`, isEncrypted, isLoopback: isLoopback(url.hostname) };
  if (options.tokenFile !== undefined && !isEncrypted && !address.isLoopback && !options.allowInsecureTransport) {
    const advice = 'use https://, or allow it with --allow-insecure-transport on a network you trust';
    throw new UplinkError(
      'insecure-transport',
      `the token would be sent to ${address.target} in clear text: ${advice}`,
    );
  }
  return address;
}

/** One connection of its own with one stream. Throws UplinkError; network errors come from the stream. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { target, isEncrypted } = checkAddress(options);
  const metadata = new Metadata();
  if (options.tokenFile !== undefined) metadata.set('authorization', `Bearer ${await readToken(options.tokenFile)}`);
  const client = new Client(target, isEncrypted ? await tlsCredentials(options) : credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxFrameBytes,
    'grpc.max_send_message_length': maxFrameBytes,
    // A channel of its own: closing it closes the socket, so that a half-open one does not linger for the next attempt.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    ...(options.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': options.serverName }),
  });
  const stream = client.makeBidiStreamRequest<AgentFrame, CollectorFrame>(
    uplinkServicePath,
    (frame) => asBuffer(agentFrame.encode(frame)),
    (bytes) => collectorFrame.decode(bytes),
    metadata,
  );
  return {
    stream,
    close() {
      stream.cancel();
      client.close();
    },
  };
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

async function readToken(path: string): Promise<string> {
  const token = (await readCredential(path, 'token')).toString('utf8').trim();
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new UplinkError('credentials-unreadable', `the token file ${path} is empty or holds more than one word`);
  }
  return token;
}

async function tlsCredentials(options: ConnectOptions): Promise<ChannelCredentials> {
  const { caFile, certificateFile, keyFile } = options;
  const [ca, key, certificate] = await Promise.all([
    caFile === undefined ? null : readCredential(caFile, 'CA'),
    keyFile === undefined ? null : readCredential(keyFile, 'client key'),
    certificateFile === undefined ? null : readCredential(certificateFile, 'client certificate'),
  ]);
  try {
    return credentials.createSsl(ca, key, certificate);
  } catch (cause) {
    const message = 'the TLS files of the uplink do not fit together: give PEM, and a client certificate with its key';
    throw new UplinkError('credentials-unreadable', message, { cause });
  }
}

async function readCredential(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = `the ${what} file ${path} cannot be read (${code ?? 'unknown error'}): check the path and its mode`;
    throw new UplinkError('credentials-unreadable', message, { cause });
  }
}
