import type { CallExpr, Expr, FoldMacro } from './ast.ts';
import { SourceError } from './error.ts';

/** Deliberately by shape: a call that has a macro's name but another number of arguments is an ordinary call. */
export function expandMacro(call: CallExpr): Expr | undefined {
  const { name, target, args } = call;
  if (target === undefined) return name === 'has' && args.length === 1 ? has(call, args[0]) : undefined;
  if (isNamed(target, 'cel')) return cel(call);
  if ((name === 'greatest' || name === 'least') && args.length > 2 && isNamed(target, 'math')) return ofList(call);
  if ((name === 'optMap' || name === 'optFlatMap') && args.length === 2) return optionalBind(call, target);
  return fold(call, target);
}

const isNamed = (expr: Expr, name: string): boolean => expr.kind === 'ident' && expr.name === name;

/** Any number of arguments as one list. */
function ofList(call: CallExpr): CallExpr {
  const elements = call.args.map((value) => ({ value, optional: false }));
  return { ...call, args: [{ kind: 'list', at: call.at, elements }] };
}

function has(call: CallExpr, arg: Expr | undefined): Expr {
  if (arg?.kind !== 'select' || arg.test) throw new SourceError('invalid argument to has() macro', call.at);
  return { ...arg, at: call.at, test: true };
}

function variable(expr: Expr | undefined, fallbackAt: number): string {
  if (expr?.kind === 'ident' && !expr.rooted) return expr.name;
  throw new SourceError('argument must be a simple name', expr?.at ?? fallbackAt);
}

function bind(call: CallExpr): Expr | undefined {
  const [name, init, body] = call.args;
  if (init === undefined || body === undefined) return undefined;
  return { kind: 'bind', at: call.at, name: variable(name, call.at), init, body, optional: 'no' };
}

/** `cel.bind`, and what optimisers write: `cel.block([e0, e1], body)`, where `cel.index(0)` is e0. */
function cel(call: CallExpr): Expr | undefined {
  const { name, args, at } = call;
  if (name === 'bind' && args.length === 3) return bind(call);
  if (name === 'block' && args.length === 2) return block(call);
  const numbers = args.map((arg) => (arg.kind === 'literal' && arg.type === 'int' ? String(arg.value) : undefined));
  const isIndex = name === 'index' && args.length === 1;
  const isVariable = (name === 'iterVar' || name === 'accuVar') && args.length === 2;
  if ((!isIndex && !isVariable) || numbers.includes(undefined)) return undefined;
  return { kind: 'ident', at, name: `@${name}:${numbers.join(':')}`, rooted: false };
}

function block(call: CallExpr): Expr | undefined {
  const [list, body] = call.args;
  if (list?.kind !== 'list' || body === undefined) return undefined;
  return list.elements.reduceRight<Expr>(
    (inner, { value }, i) => ({
      kind: 'bind',
      at: call.at,
      name: `@index:${i}`,
      init: value,
      body: inner,
      optional: 'no',
    }),
    body,
  );
}

function optionalBind(call: CallExpr, init: Expr): Expr | undefined {
  const [name, body] = call.args;
  if (body === undefined) return undefined;
  const optional = call.name === 'optMap' ? 'map' : 'flat-map';
  return { kind: 'bind', at: call.at, name: variable(name, call.at), init, body, optional };
}

type Shape = { readonly macro: FoldMacro; readonly vars: 1 | 2; readonly hasFilter: boolean };

/** Macro and number of arguments, to how the arguments are read. */
const shapes: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['all/2', { macro: 'all', vars: 1, hasFilter: false }],
  ['exists/2', { macro: 'exists', vars: 1, hasFilter: false }],
  ['exists_one/2', { macro: 'exists_one', vars: 1, hasFilter: false }],
  ['existsOne/2', { macro: 'exists_one', vars: 1, hasFilter: false }],
  ['filter/2', { macro: 'filter', vars: 1, hasFilter: false }],
  ['map/2', { macro: 'map', vars: 1, hasFilter: false }],
  ['map/3', { macro: 'map', vars: 1, hasFilter: true }],
  ['all/3', { macro: 'all', vars: 2, hasFilter: false }],
  ['exists/3', { macro: 'exists', vars: 2, hasFilter: false }],
  ['existsOne/3', { macro: 'exists_one', vars: 2, hasFilter: false }],
  ['exists_one/3', { macro: 'exists_one', vars: 2, hasFilter: false }],
  ['transformList/3', { macro: 'map', vars: 2, hasFilter: false }],
  ['transformList/4', { macro: 'map', vars: 2, hasFilter: true }],
  ['transformMap/3', { macro: 'transformMap', vars: 2, hasFilter: false }],
  ['transformMap/4', { macro: 'transformMap', vars: 2, hasFilter: true }],
  ['transformMapEntry/3', { macro: 'transformMapEntry', vars: 2, hasFilter: false }],
  ['transformMapEntry/4', { macro: 'transformMapEntry', vars: 2, hasFilter: true }],
]);

function fold(call: CallExpr, range: Expr): Expr | undefined {
  const shape = shapes.get(`${call.name}/${call.args.length}`);
  if (shape === undefined) return undefined;
  const vars = call.args.slice(0, shape.vars).map((arg) => variable(arg, call.at));
  if (vars.length === 2 && vars[0] === vars[1]) {
    throw new SourceError(`duplicate variable name: ${vars[0]}`, call.args[1]?.at ?? call.at);
  }
  const body = call.args.at(-1);
  if (body === undefined) return undefined;
  const filter = shape.hasFilter ? call.args[shape.vars] : undefined;
  return { kind: 'fold', at: call.at, macro: shape.macro, range, vars, filter, body };
}
