/** IPv4 addresses in CIDR blocks. */

/** Whether the block holds the address; false for what is no IPv4 block. */
export function blockHolds(cidr: string, address: string): boolean {
  const [network = '', length = '32'] = cidr.split('/');
  const bits = Number(length);
  const [from, asked] = [numberOf(network), numberOf(address)];
  if (from === undefined || asked === undefined || !(bits >= 0 && bits <= 32)) return false;
  const size = 2 ** (32 - bits);
  return Math.floor(from / size) === Math.floor(asked / size);
}

function numberOf(address: string): number | undefined {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}
