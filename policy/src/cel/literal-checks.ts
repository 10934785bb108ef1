import type { CallExpr, Expr } from './ast.ts';
import { children } from './children.ts';
import { SourceError } from './error.ts';
import { compileRegex } from './library/regex.ts';
import { parseDuration, parseTimestamp } from './time.ts';
import { type CelType, dynType, first, formatType, isOptional, sameType } from './types.ts';
import { isError } from './value.ts';

/**
 * What Kubernetes asks of literals beyond the types: the elements of a list or map have one type (arguments of
 * functions that take anything apart), and literal regular expressions, durations and timestamps can be read. Throws SourceError at the
 * first place in the source that does not comply.
 */
export function checkLiterals(root: Expr, types: ReadonlyMap<Expr, CelType>): void {
  const problems: SourceError[] = [];
  const visit = (expr: Expr, mayMix: boolean): void => {
    if (!mayMix) problems.push(...mixed(expr, types));
    if (expr.kind === 'call') problems.push(...unreadable(expr));
    const takesAll = expr.kind === 'call' && takeMixedLists.has(expr.name);
    for (const child of children(expr)) visit(child, mayMix || takesAll);
  };
  visit(root, false);
  const [earliest] = problems.toSorted((a, b) => a.offset - b.offset);
  if (earliest !== undefined) throw earliest;
}

/** Functions whose arguments are a list of anything. */
const takeMixedLists: ReadonlySet<string> = new Set(['format', 'greatest', 'least']);

type Member = { readonly value: Expr; readonly optional: boolean };

function mixed(expr: Expr, types: ReadonlyMap<Expr, CelType>): readonly SourceError[] {
  if (expr.kind === 'list') return oddOneOut(expr.elements, types);
  if (expr.kind !== 'map') return [];
  const keys = expr.entries.map(({ key }) => ({ value: key, optional: false }));
  return [...oddOneOut(keys, types), ...oddOneOut(expr.entries, types)];
}

function oddOneOut(members: readonly Member[], types: ReadonlyMap<Expr, CelType>): readonly SourceError[] {
  const typeOf = ({ value, optional }: Member): CelType => {
    const type = types.get(value) ?? dynType;
    return optional && isOptional(type) ? first(type) : type;
  };
  const [head] = members;
  const expected = head === undefined ? dynType : typeOf(head);
  const odd = members.find((member) => !areAlike(expected, typeOf(member)));
  if (odd === undefined) return [];
  const message = `expected type '${formatType(expected)}' but found '${formatType(typeOf(odd))}'`;
  return [new SourceError(message, odd.value.at)];
}

const areAlike = (a: CelType, b: CelType): boolean => a.kind === 'dyn' || b.kind === 'dyn' || sameType(a, b);

const readers: ReadonlyMap<string, (text: string) => unknown> = new Map<string, (text: string) => unknown>([
  ['matches', compileRegex],
  ['find', compileRegex],
  ['findAll', compileRegex],
  ['duration', parseDuration],
  ['timestamp', parseTimestamp],
]);

function unreadable(call: CallExpr): readonly SourceError[] {
  const read = readers.get(call.name);
  const text = call.name === 'matches' && call.target === undefined ? call.args[1] : call.args[0];
  if (read === undefined || text?.kind !== 'literal' || typeof text.value !== 'string') return [];
  const result = read(text.value);
  return isError(result) ? [new SourceError(`invalid ${call.name} argument: ${result.message}`, text.at)] : [];
}
