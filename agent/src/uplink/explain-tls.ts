/**
 * Why TLS with the collector fails, in words. gRPC tells a failed connection as text only, so when one fails the handshake
 * is done once more without it: its errors have codes.
 */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { checkAddress } from './connect.ts';
import type { ConnectOptions } from './connect.ts';

/** For the handshake, and then for the collector to say that it does not take the client certificate. */
const handshakeTimeoutMs = 5_000;
const rejectionTimeoutMs = 500;

/** undefined: plain text, or TLS is not what is wrong. Never rejects. */
export async function explainTls(options: ConnectOptions, signal: AbortSignal): Promise<string | undefined> {
  const { target, isEncrypted } = checkAddress(options);
  if (!isEncrypted) return undefined;
  try {
    const code = await handshakeFault(new URL(`https://${target}`), options, signal);
    return code === undefined ? undefined : sentenceOf(code, target);
  } catch {
    return undefined;
  }
}

/** OpenSSL's or Node's code of what went wrong. */
async function handshakeFault(url: URL, options: ConnectOptions, signal: AbortSignal): Promise<string | undefined> {
  const { caFile, certificateFile, keyFile, serverName } = options;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const name = serverName ?? host;
  const [ca, cert, key] = await Promise.all(
    [caFile, certificateFile, keyFile].map(async (path) => (path === undefined ? undefined : readFile(path))),
  );
  const fault = Promise.withResolvers<string | undefined>();
  const socket = connect({
    host,
    port: Number(url.port === '' ? 443 : url.port),
    ca,
    cert,
    key,
    ALPNProtocols: ['h2'],
    ...(isIP(name) === 0 ? { servername: name } : {}),
  });
  socket.setTimeout(handshakeTimeoutMs, () => fault.resolve(undefined));
  const stop = (): void => fault.resolve(undefined);
  signal.addEventListener('abort', stop, { once: true });
  let isShaken = false;
  // A server that does not take a certificate may just hang up once it has seen it.
  const hungUp = (): string | undefined => (isShaken && cert !== undefined ? 'client-certificate' : undefined);
  socket.once('error', ({ code }: NodeJS.ErrnoException) => fault.resolve(code === 'ECONNRESET' ? hungUp() : code));
  socket.once('secureConnect', () => {
    isShaken = true;
    socket.setTimeout(rejectionTimeoutMs);
  });
  socket.once('close', () => fault.resolve(hungUp()));
  try {
    return await fault.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}

function sentenceOf(code: string, target: string): string | undefined {
  switch (code) {
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'CERT_SIGNATURE_FAILURE':
      return `the certificate of ${target} is not from an authority this agent trusts (${code}): give the right one with --collector-ca-file`;
    case 'CERT_HAS_EXPIRED':
      return `the certificate of ${target} has expired (${code}): renew it at the collector`;
    case 'CERT_NOT_YET_VALID':
      return `the certificate of ${target} is not valid yet (${code}): compare the clocks of both machines`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${target} is for another name (${code}): say which with --collector-server-name`;
    case 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED':
      return `${target} wants a client certificate (${code}): give one with --collector-cert-file and --collector-key-file`;
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return `${target} does not speak TLS (${code}): check the port, or use http:// on a network you trust`;
    case 'client-certificate':
      return `${target} hangs up after the handshake: it may not take this agent's certificate (expired, or of an authority it does not know)`;
    default:
      return undefined;
  }
}
