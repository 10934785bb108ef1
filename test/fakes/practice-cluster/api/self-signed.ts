import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import type { TlsFiles } from './http-server.ts';

// DER, as much of it as an X.509 certificate needs.
const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};
const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts);
const hex = (text: string) => Buffer.from(text, 'hex');
const oid = (encoded: string) => tlv(0x06, hex(encoded));
const time = (date: Date) => tlv(0x18, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`));
const octets = (...parts: Uint8Array[]) => tlv(0x04, ...parts);
const isTrue = tlv(0x01, hex('ff'));
const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
const extension = (id: string, isCritical: boolean, value: Uint8Array) =>
  sequence(oid(id), ...(isCritical ? [isTrue] : []), octets(value));

const alternativeName = (host: string): Buffer =>
  isIP(host) === 4 ? tlv(0x87, Buffer.from(host.split('.').map(Number))) : tlv(0x82, Buffer.from(host));

const validityMs = 10 * 365 * 24 * 3600_000;

/** A certificate for the hosts that is its own authority, and its key, both as PEM. For loopback and tests only. */
export const selfSigned = (hosts: readonly string[], nowMs: number): TlsFiles => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from('practice cluster')))));
  const extensions = sequence(
    extension('551d13', true, sequence(isTrue)),
    extension('551d0f', true, tlv(0x03, hex('0284'))),
    extension('551d25', false, sequence(oid('2b06010505070301'))),
    extension('551d11', false, sequence(...hosts.map(alternativeName))),
  );
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const toSign = sequence(
    tlv(0xa0, tlv(0x02, hex('02'))),
    tlv(0x02, serial),
    ecdsaWithSha256,
    name,
    sequence(time(new Date(nowMs - 24 * 3600_000)), time(new Date(nowMs + validityMs))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, extensions),
  );
  const signature = sign('sha256', toSign, privateKey);
  const certificate = sequence(toSign, ecdsaWithSha256, tlv(0x03, hex('00'), signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
};
