import * as grpc from '@grpc/grpc-js';

export type GatewayListen = {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM. With `clientCa` every agent needs a certificate of it. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa?: Buffer | undefined } | undefined;
  /** Plain text beyond the loopback interface; only behind something that encrypts. */
  readonly allowPlaintext: boolean;
};

export class ListenError extends Error {
  readonly code = 'plaintext-refused';
  readonly retryable = false;
  constructor(host: string) {
    super(
      `gateway: refusing to listen on ${host} without TLS, since tokens would travel in the clear: ` +
        'give a certificate and key, listen on 127.0.0.1, or allow plain text explicitly',
    );
    this.name = 'ListenError';
  }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** Throws ListenError for plain text beyond loopback. */
export const serverCredentials = ({ host, tls, allowPlaintext }: GatewayListen): grpc.ServerCredentials => {
  if (tls !== undefined) {
    const pair = { cert_chain: tls.cert, private_key: tls.key };
    return grpc.ServerCredentials.createSsl(tls.clientCa ?? null, [pair], tls.clientCa !== undefined);
  }
  if (!isLoopback(host) && !allowPlaintext) throw new ListenError(host);
  return grpc.ServerCredentials.createInsecure();
};
