/** IP addresses as Go's net/netip reads and writes them, its error texts included. */
export type Address = { readonly family: 4 | 6; readonly bits: bigint; readonly zone: string };

class AddressError extends Error {}

const quoted = (text: string): string => JSON.stringify(text);

const failed = (message: string, at = ''): AddressError =>
  new AddressError(at === '' ? message : `${message} (at ${quoted(at)})`);

/** The address, or the sentence that says why not. */
export function parseAddress(text: string): Address | string {
  try {
    const mark = /[.:%]/.exec(text)?.[0];
    if (mark === '.') return { family: 4, bits: parseIPv4(text), zone: '' };
    if (mark === ':') return parseIPv6(text);
    throw failed(mark === '%' ? 'missing IPv6 address' : 'unable to parse IP');
  } catch (error) {
    if (error instanceof AddressError) return `ParseAddr(${quoted(text)}): ${error.message}`;
    throw error;
  }
}

function parseIPv4(text: string): bigint {
  let bits = 0n;
  let octet = 0;
  let digits = 0;
  let position = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i] ?? '';
    if (character >= '0' && character <= '9') {
      if (digits === 1 && octet === 0) throw failed('IPv4 field has octet with leading zero');
      octet = octet * 10 + Number(character);
      digits++;
      if (octet > 255) throw failed('IPv4 field has value >255');
    } else if (character === '.') {
      if (digits === 0 || i === text.length - 1) throw failed('IPv4 field must have at least one digit', text.slice(i));
      if (position === 3) throw failed('IPv4 address too long');
      bits = (bits << 8n) | BigInt(octet);
      position++;
      octet = 0;
      digits = 0;
    } else throw failed('unexpected character', text.slice(i));
  }
  if (position < 3) throw failed('IPv4 address too short');
  return (bits << 8n) | BigInt(octet);
}

function parseIPv6(text: string): Address {
  const percent = text.indexOf('%');
  const zone = percent < 0 ? '' : text.slice(percent + 1);
  if (percent >= 0 && zone === '') throw failed('zone must be a non-empty string');
  const groups = new GroupReader(percent < 0 ? text : text.slice(0, percent)).read();
  return { family: 6, bits: groups.reduce((bits, group) => (bits << 16n) | BigInt(group), 0n), zone };
}

/** Reads the eight groups of an IPv6 address, an ellipsis expanded. */
class GroupReader {
  private rest: string;
  private readonly groups: number[] = [];
  private ellipsis = -1;

  constructor(text: string) {
    this.rest = text;
  }

  read(): readonly number[] {
    if (this.rest.startsWith('::')) {
      this.ellipsis = 0;
      this.rest = this.rest.slice(2);
    }
    while (this.groups.length < 8 && (this.rest !== '' || this.ellipsis !== 0 || this.groups.length > 0)) {
      if (!this.group()) break;
    }
    if (this.rest !== '') throw failed('trailing garbage after address', this.rest);
    return this.expanded();
  }

  /** False at the end of the text. */
  private group(): boolean {
    const digits = /^[0-9a-fA-F]*/.exec(this.rest)?.[0] ?? '';
    if (digits.length > 4) throw failed('each group must have 4 or fewer digits', this.rest);
    if (digits === '') throw failed('each colon-separated field must have at least one digit', this.rest);
    if (this.rest[digits.length] === '.') {
      this.embeddedIPv4();
      return false;
    }
    this.groups.push(Number.parseInt(digits, 16));
    this.rest = this.rest.slice(digits.length);
    return this.rest !== '' && this.separator();
  }

  private embeddedIPv4(): void {
    if (this.ellipsis < 0 && this.groups.length !== 6) {
      throw failed('embedded IPv4 address must replace the final 2 fields of the address', this.rest);
    }
    if (this.groups.length > 6) {
      throw failed('too many hex fields to fit an embedded IPv4 at the end of the address', this.rest);
    }
    const bits = Number(parseIPv4(this.rest));
    this.groups.push(Math.floor(bits / 65536), bits % 65536);
    this.rest = '';
  }

  private separator(): boolean {
    if (!this.rest.startsWith(':')) throw failed('unexpected character, want colon', this.rest);
    if (this.rest.length === 1) throw failed('colon must be followed by more characters', this.rest);
    this.rest = this.rest.slice(1);
    if (!this.rest.startsWith(':')) return true;
    if (this.ellipsis >= 0) throw failed('multiple :: in address', this.rest);
    this.ellipsis = this.groups.length;
    this.rest = this.rest.slice(1);
    return this.rest !== '';
  }

  private expanded(): readonly number[] {
    const missing = 8 - this.groups.length;
    if (missing > 0 && this.ellipsis < 0) throw failed('address string too short');
    if (missing === 0 && this.ellipsis >= 0) throw failed('the :: must expand to at least one field of zeros');
    if (missing === 0) return this.groups;
    const zeros = Array.from({ length: missing }, () => 0);
    return [...this.groups.slice(0, this.ellipsis), ...zeros, ...this.groups.slice(this.ellipsis)];
  }
}

/** Whether an IPv6 address is `::ffff:a.b.c.d`. */
export const isMapped = ({ family, bits }: Address): boolean => family === 6 && bits >> 32n === 0xffffn;

/** The canonical form: RFC 5952. */
export function formatAddress({ family, bits, zone }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bits >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  const { start, length } = longestZeros(groups);
  const text =
    length < 2 ? groups.join(':') : `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
  return zone === '' ? text : `${text}%${zone}`;
}

function longestZeros(groups: readonly string[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
