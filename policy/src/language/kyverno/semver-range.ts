/** Whether a version lies in a range such as `>=1.2.0 <2.0.0 || 3.x`, as semver_compare asks. */
import { FunctionError } from './function-error.ts';

type Version = { readonly numbers: readonly [number, number, number]; readonly pre: readonly string[] };

const syntax = /^v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;
const partial = /^v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

export function isInRange(version: string, range: string): boolean {
  const found = parse(version);
  if (found === undefined) throw new FunctionError(`semver_compare: ${version} is no version`);
  return range.split('||').some((alternative) =>
    alternative
      .trim()
      .split(/\s+/)
      .filter((part) => part !== '')
      .every((part) => meets(found, part)),
  );
}

function parse(text: string): Version | undefined {
  const match = syntax.exec(text.trim());
  if (match === null) return undefined;
  const [, major, minor, patch, pre] = match;
  return { numbers: [Number(major), Number(minor), Number(patch)], pre: pre === undefined ? [] : pre.split('.') };
}

function meets(version: Version, part: string): boolean {
  const [, operator = '=', operand = ''] = /^(>=|<=|>|<|!=|!|==|=)?(.*)$/s.exec(part) ?? [];
  const match = partial.exec(operand);
  if (match === null) throw new FunctionError(`semver_compare: ${part} is no range`);
  const fixed = [match[1], match[2], match[3]].findIndex((one) => one === undefined || /[xX*]/.test(one));
  const wanted = [match[1], match[2], match[3]].map((one) =>
    one === undefined || /[xX*]/.test(one) ? 0 : Number(one),
  );
  const bound: Version = {
    numbers: [wanted[0] ?? 0, wanted[1] ?? 0, wanted[2] ?? 0],
    pre: match[4] === undefined ? [] : match[4].split('.'),
  };
  const order = fixed === -1 ? compare(version, bound) : comparePrefix(version, bound, fixed);
  switch (operator) {
    case '>=':
      return order >= 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '<':
      return order < 0;
    case '!':
    case '!=':
      return order !== 0;
    default:
      return order === 0;
  }
}

/** Only the numbers that the range names count. */
function comparePrefix(a: Version, b: Version, length: number): number {
  for (let index = 0; index < length; index += 1) {
    const difference = (a.numbers[index] ?? 0) - (b.numbers[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compare(a: Version, b: Version): number {
  return comparePrefix(a, b, 3) || comparePre(a.pre, b.pre);
}

/** A version with a pre-release is before the one without. */
function comparePre(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [left, right] = [a[index], b[index]];
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    if (left !== right) return compareIdentifiers(left, right);
  }
  return 0;
}

function compareIdentifiers(a: string, b: string): number {
  const [left, right] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (left && right) return Number(a) - Number(b);
  if (left !== right) return left ? -1 : 1;
  return a < b ? -1 : 1;
}
