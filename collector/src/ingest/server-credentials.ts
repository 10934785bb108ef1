import * as grpc from '@grpc/grpc-js';
import { gatewaySettings, refusePlaintext } from '../tls/plaintext.ts';
import type { TlsMaterial, TlsSource } from '../tls/tls-files.ts';

export type GatewayListen = {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** With a client CA every agent needs a certificate of it. */
  readonly tls?: Pick<TlsSource, 'current' | 'onChange'> | undefined;
  /** Plain text beyond the loopback interface; only behind something that encrypts. */
  readonly allowPlaintext: boolean;
};

const contextOf = ({ cert, key, clientCa }: TlsMaterial) => ({ cert, key, ca: clientCa });

/** Takes new certificates while the server listens; streams that are open go on. */
class RotatingCredentials extends grpc.ServerCredentials {
  constructor(material: TlsMaterial) {
    const requestCert = material.clientCa !== undefined;
    super({ requestCert, rejectUnauthorized: requestCert, minVersion: 'TLSv1.2' }, contextOf(material));
  }

  update(material: TlsMaterial): void {
    this.updateSecureContextOptions(contextOf(material));
  }

  _equals(other: grpc.ServerCredentials): boolean {
    return this === other;
  }
}

/** Throws ListenError for plain text beyond loopback. */
export const serverCredentials = ({ host, tls, allowPlaintext }: GatewayListen): grpc.ServerCredentials => {
  refusePlaintext({ part: 'gateway', host, hasTls: tls !== undefined, allowPlaintext, settings: gatewaySettings });
  if (tls === undefined) return grpc.ServerCredentials.createInsecure();
  const credentials = new RotatingCredentials(tls.current());
  tls.onChange((material) => credentials.update(material));
  return credentials;
};
