import { CelOpaque } from '../equality.ts';
import { type CelError, invalid } from '../error.ts';
import { define, type Definition } from '../signature.ts';
import { int } from '../value.ts';
import { traversal } from './cost.ts';

const maxUint64 = 2n ** 64n - 1n;

export class CelSemver extends CelOpaque {
  readonly celKind = 'kubernetes.Semver';
  readonly numbers: readonly [major: bigint, minor: bigint, patch: bigint];
  readonly preRelease: readonly string[];
  readonly text: string;
  constructor(numbers: readonly [bigint, bigint, bigint], preRelease: readonly string[], text: string) {
    super();
    this.numbers = numbers;
    this.preRelease = preRelease;
    this.text = text;
  }
  equals(other: CelOpaque): boolean {
    return other instanceof CelSemver && compareTo(this, other) === 0;
  }
  override toString(): string {
    return this.text;
  }
}

const identifier = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
const syntax = new RegExp(
  `^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(?:-(${identifier}(?:\\.${identifier})*))?(?:\\+([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?$`,
);
const maxLength = 256;

function parseSemver(text: string): CelSemver | CelError {
  const match = text.length > maxLength ? null : syntax.exec(text);
  const [, major = '0', minor = '0', patch = '0', preRelease] = match ?? [];
  const numbers = [BigInt(major), BigInt(minor), BigInt(patch)] as const;
  if (match === null || numbers.some((number) => number > maxUint64)) {
    return invalid(`Semver ${JSON.stringify(text)} parse error during conversion from string: not a semantic version`);
  }
  return new CelSemver(numbers, preRelease?.split('.') ?? [], text);
}

/** Takes a `v` off, leading zeros too, and adds the numbers that are missing. */
function normalized(text: string): string {
  const bare = text.replace(/^v/, '');
  const [major = '', minor, ...rest] = bare.split('.');
  const parts = [major, ...(minor === undefined ? [] : [minor]), ...(rest.length === 0 ? [] : [rest.join('.')])];
  const stripped = parts.map((part) => part.replace(/^0+(?=\d)/, ''));
  if (stripped.length < 3 && /[+-]/.test(stripped.at(-1) ?? '')) return text;
  while (stripped.length < 3) stripped.push('0');
  return stripped.join('.');
}

const parse = (text: string, normalize = false): CelSemver | CelError =>
  parseSemver(normalize && text !== '' ? normalized(text) : text);

function compareTo(a: CelSemver, b: CelSemver): number {
  for (let i = 0; i < 3; i++) {
    const [x = 0n, y = 0n] = [a.numbers[i], b.numbers[i]];
    if (x !== y) return x < y ? -1 : 1;
  }
  if (a.preRelease.length === 0 || b.preRelease.length === 0) {
    return Math.sign(Number(a.preRelease.length === 0) - Number(b.preRelease.length === 0));
  }
  return comparePreReleases(a.preRelease, b.preRelease);
}

function comparePreReleases(a: readonly string[], b: readonly string[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareIdentifiers(a[i] ?? '', b[i] ?? '');
    if (order !== 0) return order;
  }
  return Math.sign(a.length - b.length);
}

function compareIdentifiers(x: string, y: string): number {
  if (x === y) return 0;
  const isNumberX = /^\d+$/.test(x);
  const isNumberY = /^\d+$/.test(y);
  if (isNumberX && isNumberY) return BigInt(x) < BigInt(y) ? -1 : 1;
  if (isNumberX !== isNumberY) return isNumberX ? -1 : 1;
  return x < y ? -1 : 1;
}

const part = (name: string, index: 0 | 1 | 2): Definition =>
  define(`kubernetes.Semver::${name}() -> int`, ({ numbers }: CelSemver) => int(numbers[index]));

export const semverDefinitions: readonly Definition[] = [
  define('semver(string) -> kubernetes.Semver', parse, traversal),
  define('semver(string, bool) -> kubernetes.Semver', parse, traversal),
  define('isSemver(string) -> bool', (text: string) => parse(text) instanceof CelSemver, traversal),
  define(
    'isSemver(string, bool) -> bool',
    (text: string, normalize: boolean) => parse(text, normalize) instanceof CelSemver,
    traversal,
  ),
  part('major', 0),
  part('minor', 1),
  part('patch', 2),
  define(
    'kubernetes.Semver::isGreaterThan(kubernetes.Semver) -> bool',
    (a: CelSemver, b: CelSemver) => compareTo(a, b) > 0,
  ),
  define(
    'kubernetes.Semver::isLessThan(kubernetes.Semver) -> bool',
    (a: CelSemver, b: CelSemver) => compareTo(a, b) < 0,
  ),
  define('kubernetes.Semver::compareTo(kubernetes.Semver) -> int', compareTo),
];
