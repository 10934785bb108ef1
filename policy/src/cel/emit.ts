import type { BindExpr, CallExpr, Expr, LiteralExpr, MapExpr, StructExpr } from './ast.ts';
import { CelMap, isMapKey } from './cel-map.ts';
import type { Checked } from './check-context.ts';
import { emitFunction } from './emit-call.ts';
import { answerOf, type Constants, fixedIn, withConstants } from './emit-fixed.ts';
import { emitFold } from './emit-fold.ts';
import { emitOperator } from './emit-operator.ts';
import { emitIndex, emitReference, emitSelect } from './emit-path.ts';
import { CelError, invalid, noSuchOverload } from './error.ts';
import { buildMessage } from './message-value.ts';
import type { Code } from './run.ts';
import { CelOptional, CelUint, double, int, isError, kindOf, none, some, type Value } from './value.ts';

/** Compiles the parts of an expression; what emitters of each sort of node get to work with. */
export type Emitter = {
  readonly checked: Checked;
  emit(expr: Expr): Code;
  /** The value, when the code is one: then it costs nothing to run. */
  constant(code: Code): { readonly value: Value } | undefined;
};

/** What working out a fixed part may cost. */
const maxFixedCost = 100_000;

const values = new WeakMap<Code, { readonly value: Value }>();
const constantOf = (code: Code) => values.get(code);

export function constantCode(value: Value): Code {
  const code: Code = () => value;
  values.set(code, { value });
  return code;
}

/** A checked tree to a closure. */
export function emitProgram(expr: Expr, checked: Checked, constants: Constants = {}): Code {
  const known = withConstants(checked, constants);
  const isFixed = known === checked ? () => false : fixedIn(known);
  const emitter: Emitter = {
    checked: known,
    emit(node) {
      const code = emitNode(emitter, node);
      if (constantOf(code) !== undefined || !isFixed(node)) return code;
      const answer = answerOf(code, maxFixedCost);
      return answer === undefined ? code : constantCode(answer);
    },
    constant: constantOf,
  };
  return emitter.emit(expr);
}

function emitNode(emitter: Emitter, expr: Expr): Code {
  const reference = emitter.checked.references.get(expr);
  if (reference !== undefined) {
    return reference.kind === 'constant' ? constantCode(reference.value) : emitReference(reference);
  }
  switch (expr.kind) {
    case 'literal':
      return constantCode(literalValue(expr));
    case 'ident':
      return constantCode(new CelError('no-such-attribute', `no such attribute(s): ${expr.name}`));
    case 'select':
      return emitSelect(emitter, expr);
    case 'index':
      return emitIndex(emitter, expr);
    case 'call':
      return emitCall(emitter, expr);
    case 'list':
      return emitList(emitter, expr.elements);
    case 'map':
      return emitMap(emitter, expr);
    case 'struct':
      return emitStruct(emitter, expr);
    case 'fold':
      return emitFold(emitter, expr);
    case 'bind':
      return emitBind(emitter, expr);
  }
}

function literalValue(expr: LiteralExpr): Value {
  const { type, value } = expr;
  if (typeof value === 'bigint') return type === 'uint' ? new CelUint(compactUint(value)) : int(value);
  return type === 'double' && typeof value === 'number' ? double(value) : value;
}

const compactUint = (value: bigint): number | bigint => (value <= 9007199254740991n ? Number(value) : value);

function emitCall(emitter: Emitter, expr: CallExpr): Code {
  return emitOperator(emitter, expr) ?? emitFunction(emitter, expr);
}

/** What creating a list or a map costs, unless it is constant. */
const listCost = 10;
const mapCost = 30;

function emitList(emitter: Emitter, elements: readonly { readonly value: Expr; readonly optional: boolean }[]): Code {
  const codes = elements.map(({ value }) => emitter.emit(value));
  const known = codes.map((code) => emitter.constant(code));
  const hasOptional = elements.some(({ optional }) => optional);
  if (!hasOptional && known.every((constant) => constant !== undefined)) {
    return constantCode(known.map((constant) => constant.value));
  }
  const optional = elements.map((element) => element.optional);
  return (run) => {
    const list: Value[] = [];
    for (let i = 0; i < codes.length; i++) {
      const value = codes[i]?.(run);
      if (isError(value)) return value;
      if (optional[i] !== true) list.push(value);
      else if (!(value instanceof CelOptional)) return notOptional(value);
      else if (value.hasValue) list.push(value.value);
    }
    run.cost += listCost;
    return list;
  };
}

const notOptional = (value: Value): CelError => noSuchOverload(`cannot use ${kindOf(value)} as an optional element`);

function addEntry(map: CelMap, key: Value, value: Value): CelError | undefined {
  if (map.add(key, value)) return undefined;
  return isMapKey(key)
    ? invalid(`duplicate key in map: ${String(key)}`)
    : noSuchOverload(`map key of type ${kindOf(key)}`);
}

function emitMap(emitter: Emitter, expr: MapExpr): Code {
  const entries = expr.entries.map(({ key, value, optional }) => ({
    key: emitter.emit(key),
    value: emitter.emit(value),
    optional,
  }));
  const code: Code = (run) => {
    const map = new CelMap();
    for (const entry of entries) {
      const key = entry.key(run);
      if (isError(key)) return key;
      const value = entry.value(run);
      if (isError(value)) return value;
      if (entry.optional && !(value instanceof CelOptional)) return notOptional(value);
      if (value instanceof CelOptional && entry.optional && !value.hasValue) continue;
      const failed = addEntry(map, key, entry.optional && value instanceof CelOptional ? value.value : value);
      if (failed !== undefined) return failed;
    }
    run.cost += mapCost;
    return map;
  };
  const parts = entries.flatMap(({ key, value }) => [emitter.constant(key), emitter.constant(value)]);
  if (parts.some((part) => part === undefined) || entries.some(({ optional }) => optional)) return code;
  return constantCode(constantMap(parts.map((part) => part?.value)));
}

function constantMap(parts: readonly Value[]): Value {
  const map = new CelMap();
  for (let i = 0; i < parts.length; i += 2) {
    const failed = addEntry(map, parts[i], parts[i + 1]);
    if (failed !== undefined) return failed;
  }
  return map;
}

const structCost = 40;

function emitStruct(emitter: Emitter, expr: StructExpr): Code {
  const fields = expr.fields.map(({ name, value, optional }) => ({ name, code: emitter.emit(value), optional }));
  const candidates = emitter.checked.scope.candidates(expr.name);
  return (run) => {
    const values = new Map<string, Value>();
    for (const { name, code, optional } of fields) {
      const value = code(run);
      if (isError(value)) return value;
      if (!optional) values.set(name, value);
      else if (!(value instanceof CelOptional)) return notOptional(value);
      else if (value.hasValue) values.set(name, value.value);
    }
    run.cost += structCost;
    return buildMessage(candidates, values);
  };
}

function emitBind(emitter: Emitter, expr: BindExpr): Code {
  const init = emitter.emit(expr.init);
  const body = emitter.emit(expr.body);
  const slot = emitter.checked.localSlots.get(expr)?.[0] ?? 0;
  if (expr.optional === 'no') {
    return (run) => {
      run.slots[slot] = init(run);
      return body(run);
    };
  }
  const wraps = expr.optional === 'map';
  return (run) => {
    const value = init(run);
    if (isError(value)) return value;
    if (!(value instanceof CelOptional)) return noSuchOverload(`${kindOf(value)} is not an optional`);
    run.cost += 1;
    if (!value.hasValue) return none;
    run.slots[slot] = value.value;
    run.cost += 2;
    const result = body(run);
    if (isError(result)) return result;
    if (wraps) return some(result);
    return result instanceof CelOptional ? result : noSuchOverload(`${kindOf(result)} is not an optional`);
  };
}
