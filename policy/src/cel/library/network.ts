import { CelOpaque, costSize } from '../equality.ts';
import { type CelError, invalid, isCelError } from '../error.ts';
import { define, type CostRule, type Definition } from '../signature.ts';
import type { Value } from '../value.ts';
import { traversal, walk } from './cost.ts';
import { type Address, formatAddress, isMapped, parseAddress } from './ip-address.ts';

export class CelIp extends CelOpaque {
  readonly celKind = 'net.IP';
  readonly address: Address;
  constructor(address: Address) {
    super();
    this.address = address;
  }
  equals(other: CelOpaque): boolean {
    return other instanceof CelIp && this.toString() === other.toString();
  }
  override toString(): string {
    return formatAddress(this.address);
  }
}

export class CelCidr extends CelOpaque {
  readonly celKind = 'net.CIDR';
  readonly address: Address;
  readonly length: number;
  constructor(address: Address, length: number) {
    super();
    this.address = address;
    this.length = length;
  }
  equals(other: CelOpaque): boolean {
    return other instanceof CelCidr && this.toString() === other.toString();
  }
  contains({ family, bits }: Address): boolean {
    return family === this.address.family && this.network(bits) === this.network(this.address.bits);
  }
  masked(): CelCidr {
    const shift = this.hostBits();
    return new CelCidr({ ...this.address, bits: (this.address.bits >> shift) << shift }, this.length);
  }
  override toString(): string {
    return `${formatAddress(this.address)}/${this.length}`;
  }
  private hostBits(): bigint {
    return BigInt((this.address.family === 4 ? 32 : 128) - this.length);
  }
  private network(bits: bigint): bigint {
    return bits >> this.hostBits();
  }
}

function parseIp(text: string): CelIp | CelError {
  const address = parseAddress(text);
  const prefix = `IP Address ${JSON.stringify(text)} parse error during conversion from string:`;
  if (typeof address === 'string') return invalid(`${prefix} ${address}`);
  if (address.zone !== '') return invalid(`IP address ${JSON.stringify(text)} with zone value is not allowed`);
  if (isMapped(address)) return invalid(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
  return new CelIp(address);
}

function parsePrefix(text: string): CelCidr | string {
  const slash = text.lastIndexOf('/');
  if (slash < 0) return "no '/'";
  const address = parseAddress(text.slice(0, slash));
  if (typeof address === 'string') return address;
  if (address.zone !== '') return 'IPv6 zones cannot be present in a prefix';
  const bits = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,8})$/.test(bits)) return `bad bits after slash: ${JSON.stringify(bits)}`;
  return Number(bits) > (address.family === 4 ? 32 : 128)
    ? 'prefix length out of range'
    : new CelCidr(address, Number(bits));
}

function parseCidr(text: string): CelCidr | CelError {
  const prefix = parsePrefix(text);
  const failed = 'network address parse error during conversion from string:';
  if (typeof prefix === 'string') {
    return invalid(`${failed} ${failed} netip.ParsePrefix(${JSON.stringify(text)}): ${prefix}`);
  }
  if (isMapped(prefix.address)) return invalid(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
  return prefix;
}

function isCanonical(text: string): Value {
  const ip = parseIp(text);
  return isCelError(ip) ? ip : ip.toString() === text;
}

/** Whether the bits of an address begin with those of a prefix, by family. */
const within =
  (prefix4: readonly [bits: bigint, length: number] | undefined, prefix6: readonly [bits: bigint, length: number]) =>
  ({ family, bits }: Address): boolean => {
    const prefix = family === 4 ? prefix4 : prefix6;
    return prefix !== undefined && bits >> BigInt((family === 4 ? 32 : 128) - prefix[1]) === prefix[0];
  };

const isUnspecified = ({ bits }: Address): boolean => bits === 0n;
const isLoopback = within([127n, 8], [1n, 128]);
const isLinkLocalMulticast = within([0xe00000n, 24], [0xff02n, 16]);
const isLinkLocalUnicast = within([0xa9fen, 16], [0x3fan, 10]);
const isMulticast = within([0xen, 4], [0xffn, 8]);
const isBroadcast = ({ family, bits }: Address): boolean => family === 4 && bits === 0xffffffffn;
const isGlobalUnicast = (address: Address): boolean =>
  ![isUnspecified, isLoopback, isLinkLocalUnicast, isMulticast, isBroadcast].some((test) => test(address));

const test = (name: string, holds: (address: Address) => boolean): Definition =>
  define(`net.IP::${name}() -> bool`, ({ address }: CelIp) => holds(address));

const containsIp = (cidr: CelCidr, ip: CelIp | CelError): Value => (isCelError(ip) ? ip : cidr.contains(ip.address));
const containsCidr = (cidr: CelCidr, other: CelCidr | CelError): Value =>
  isCelError(other) ? other : cidr.contains(other.address) && cidr.length <= other.length;

const canonicalCost: CostRule = (text) => walk(costSize(text) * 2);
const parseAnd =
  (cost: number): CostRule =>
  (_, text) =>
    cost + walk(costSize(text));
const containsCidrCost = 3;

export const networkDefinitions: readonly Definition[] = [
  define('ip(string) -> net.IP', parseIp, traversal),
  define('isIP(string) -> bool', (text: string) => !isCelError(parseIp(text)), traversal),
  define('ip.isCanonical(string) -> bool', isCanonical, canonicalCost),
  define('net.IP::family() -> int', ({ address }: CelIp) => address.family),
  test('isUnspecified', isUnspecified),
  test('isLoopback', isLoopback),
  test('isLinkLocalMulticast', isLinkLocalMulticast),
  test('isLinkLocalUnicast', isLinkLocalUnicast),
  test('isGlobalUnicast', isGlobalUnicast),
  define('string(net.IP) -> string', String),
  define('cidr(string) -> net.CIDR', parseCidr, traversal),
  define('isCIDR(string) -> bool', (text: string) => !isCelError(parseCidr(text)), traversal),
  define('net.CIDR::containsIP(net.IP) -> bool', containsIp),
  define(
    'net.CIDR::containsIP(string) -> bool',
    (cidr: CelCidr, text: string) => containsIp(cidr, parseIp(text)),
    parseAnd(1),
  ),
  define('net.CIDR::containsCIDR(net.CIDR) -> bool', containsCidr, () => containsCidrCost),
  define(
    'net.CIDR::containsCIDR(string) -> bool',
    (cidr: CelCidr, text: string) => containsCidr(cidr, parseCidr(text)),
    parseAnd(containsCidrCost),
  ),
  define('net.CIDR::ip() -> net.IP', ({ address }: CelCidr) => new CelIp(address)),
  define('net.CIDR::masked() -> net.CIDR', (cidr: CelCidr) => cidr.masked()),
  define('net.CIDR::prefixLength() -> int', ({ length }: CelCidr) => length),
  define('string(net.CIDR) -> string', String),
];
