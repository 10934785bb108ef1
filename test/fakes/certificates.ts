/** X.509 certificates made on the spot, in as much DER as they need: for loopback and tests only. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

/** Both as PEM. */
export type CertificatePair = { readonly cert: string; readonly key: string };

export type CertificateRequest = {
  readonly commonName: string;
  /** Host names, IPv4 addresses, and identities such as driftline://default/east. */
  readonly names: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
};

export type Authority = {
  /** PEM. */
  readonly cert: string;
  issue(request: CertificateRequest): CertificatePair;
};

const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};
const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts);
const hex = (text: string) => Buffer.from(text, 'hex');
const oid = (encoded: string) => tlv(0x06, hex(encoded));
const time = (ms: number) =>
  tlv(0x18, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`));
const octets = (...parts: Uint8Array[]) => tlv(0x04, ...parts);
const isTrue = tlv(0x01, hex('ff'));
const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
const extension = (id: string, isCritical: boolean, value: Uint8Array) =>
  sequence(oid(id), ...(isCritical ? [isTrue] : []), octets(value));
const nameOf = (commonName: string) => sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(commonName)))));

const alternativeName = (name: string): Buffer => {
  if (name.includes('://')) return tlv(0x86, Buffer.from(name));
  return isIP(name) === 4 ? tlv(0x87, Buffer.from(name.split('.').map(Number))) : tlv(0x82, Buffer.from(name));
};

const pem = (der: Buffer): string => {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
};

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

type Signer = { readonly commonName: string; readonly key: KeyObject };

const signed = (request: CertificateRequest, publicKey: KeyObject, isAuthority: boolean, signer: Signer): string => {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const extensions = sequence(
    extension('551d13', true, sequence(...(isAuthority ? [isTrue] : []))),
    // Signing of certificates and of whatever a handshake signs; servers and clients.
    extension('551d0f', true, tlv(0x03, hex(isAuthority ? '0284' : '0780'))),
    extension('551d25', false, sequence(oid('2b06010505070301'), oid('2b06010505070302'))),
    ...(request.names.length === 0
      ? []
      : [extension('551d11', false, sequence(...request.names.map(alternativeName)))]),
  );
  const toSign = sequence(
    tlv(0xa0, tlv(0x02, hex('02'))),
    tlv(0x02, serial),
    ecdsaWithSha256,
    nameOf(signer.commonName),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    nameOf(request.commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, extensions),
  );
  const signature = sign('sha256', toSign, signer.key);
  return pem(sequence(toSign, ecdsaWithSha256, tlv(0x03, hex('00'), signature)));
};

const pemKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** A certificate that is its own authority. */
export const selfSignedCertificate = (request: CertificateRequest): CertificatePair => {
  const { publicKey, privateKey } = newKey();
  const signer = { commonName: request.commonName, key: privateKey };
  return { cert: signed(request, publicKey, true, signer), key: pemKey(privateKey) };
};

const dayMs = 24 * 3_600_000;

/** An authority of its own, valid from yesterday for ten years. */
export const createAuthority = (commonName: string, nowMs: number): Authority => {
  const { publicKey, privateKey } = newKey();
  const signer = { commonName, key: privateKey };
  const own = { commonName, names: [], notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + 3_650 * dayMs };
  return {
    cert: signed(own, publicKey, true, signer),
    issue(request) {
      const pair = newKey();
      return { cert: signed(request, pair.publicKey, false, signer), key: pemKey(pair.privateKey) };
    },
  };
};
