/**
 * Which cluster a peer may speak for: by client certificate (a URI name `driftline://<tenant>/<cluster>`) or by bearer
 * token. Never by what it says.
 */
import type { Metadata } from '@grpc/grpc-js';
import { safeName } from './tokens.ts';
import type { Credential, TokenBook } from './tokens.ts';

export type PeerIdentity =
  | { readonly type: 'known'; readonly credential: Credential }
  | { readonly type: 'unknown'; readonly code: 'unauthenticated' | 'forbidden'; readonly message: string };

const uriName = /^URI:driftline:\/\/([^/]+)\/([^/]+)$/;

/** The identity in a certificate's subjectAltName as Node prints it. Quoted (unusual) names are not read at all. */
export const identityOfCertificate = (subjectAltName: string | undefined): Credential | undefined => {
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined;
  const found: Credential[] = [];
  for (const name of subjectAltName.split(', ')) {
    const [, tenant = '', cluster = ''] = uriName.exec(name) ?? [];
    if (safeName.test(tenant) && safeName.test(cluster)) found.push({ tenant, cluster, role: 'agent' });
  }
  // Two identities in one certificate are none.
  return found.length === 1 ? found[0] : undefined;
};

const bearerOf = (metadata: Metadata): string | undefined => {
  const [header] = metadata.get('authorization');
  const match = typeof header === 'string' ? /^Bearer ([\x21-\x7e]{1,512})$/i.exec(header) : null;
  return match?.[1];
};

export const identify = (metadata: Metadata, subjectAltName: string | undefined, tokens: TokenBook): PeerIdentity => {
  const certified = identityOfCertificate(subjectAltName);
  if (certified !== undefined) return { type: 'known', credential: certified };
  const token = bearerOf(metadata);
  if (token === undefined)
    return {
      type: 'unknown',
      code: 'unauthenticated',
      message: 'no credential: send a bearer token in the authorization metadata, or a client certificate',
    };
  const credential = tokens.find(token);
  if (credential === undefined)
    return { type: 'unknown', code: 'unauthenticated', message: 'the token is not known to this collector' };
  if (credential.role !== 'agent')
    return { type: 'unknown', code: 'forbidden', message: `a token of role ${credential.role} cannot send a stream` };
  return { type: 'known', credential };
};
