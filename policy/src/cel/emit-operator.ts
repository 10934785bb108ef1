import { add, divide, modulo, multiply, negate, subtract } from './arithmetic.ts';
import type { CallExpr } from './ast.ts';
import { canLookUp, CelMap, mapGet } from './cel-map.ts';
import type { Emitter } from './emit.ts';
import { compare, costSize, equal } from './equality.ts';
import { CelError, noSuchOverload } from './error.ts';
import type { Code, Run } from './run.ts';
import { isError, isPlainObject, kindOf, type Value } from './value.ts';
import { labour } from './work.ts';

/** Charged per code point or element that a call walks over. */
export const traversalCost = 0.1;

/** Code for an operator; undefined when the call is of a function. */
export function emitOperator(emitter: Emitter, expr: CallExpr): Code | undefined {
  if (expr.target !== undefined) return undefined;
  const args = () => expr.args.map((arg) => emitter.emit(arg));
  switch (expr.name) {
    case '_&&_':
      return emitLogic(args(), false);
    case '_||_':
      return emitLogic(args(), true);
    case '_?_:_':
      return emitChoice(args());
    case '!_':
      return emitNot(args());
    case '@in':
      return emitIn(emitter, args());
    case '_==_':
      return emitEquality(emitter, args(), true);
    case '_!=_':
      return emitEquality(emitter, args(), false);
    case '-_':
      return emitUnary(args(), negate);
    default: {
      const operation = binary.get(expr.name);
      return operation === undefined ? undefined : emitBinary(args(), operation);
    }
  }
}

type Operation = (run: Run, a: Value, b: Value) => Value;

function emitBinary([left, right]: readonly Code[], operation: Operation): Code {
  if (left === undefined || right === undefined) throw new TypeError('a binary operator has two operands');
  return (run) => {
    const a = left(run);
    const b = right(run);
    if (a instanceof CelError || b instanceof CelError) {
      run.cost += 1;
      return a instanceof CelError ? a : b;
    }
    return operation(run, a, b);
  };
}

const simple =
  (operation: (a: Value, b: Value) => Value): Operation =>
  (run, a, b) => {
    run.cost += 1;
    return operation(a, b);
  };

const ordered =
  (holds: (order: number) => boolean): Operation =>
  (run, a, b) => {
    if (typeof a === 'number' && typeof b === 'number') {
      run.cost += 1;
      return holds(a - b);
    }
    const isText = typeof a === 'string' || a instanceof Uint8Array;
    run.charge(isText ? Math.ceil(Math.min(costSize(a), costSize(b)) * traversalCost) : 1);
    const order = compare(a, b);
    return typeof order === 'number' ? holds(order) : order;
  };

function concatenate(run: Run, a: Value, b: Value): Value {
  if (typeof a === 'string' || a instanceof Uint8Array) {
    run.charge(Math.ceil((costSize(a) + costSize(b)) * traversalCost));
  } else {
    run.cost += 1;
    if (Array.isArray(a) && Array.isArray(b)) labour(a.length + b.length);
  }
  return add(a, b);
}

const binary: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['_+_', concatenate],
  ['_-_', simple(subtract)],
  ['_*_', simple(multiply)],
  ['_/_', simple(divide)],
  ['_%_', simple(modulo)],
  ['_<_', ordered((order) => order < 0)],
  ['_<=_', ordered((order) => order <= 0)],
  ['_>_', ordered((order) => order > 0)],
  ['_>=_', ordered((order) => order >= 0)],
]);

function emitUnary([operand]: readonly Code[], operation: (value: Value) => Value): Code {
  return (run) => {
    const value = operand?.(run);
    run.cost += 1;
    if (isError(value)) return value;
    return operation(value);
  };
}

const notBool = (value: Value): CelError => noSuchOverload(`${kindOf(value)} is not bool`);

function emitNot([operand]: readonly Code[]): Code {
  return (run) => {
    const value = operand?.(run);
    run.cost += 1;
    if (value instanceof CelError) return value;
    return typeof value === 'boolean' ? !value : notBool(value);
  };
}

/** `&&` and `||`: one operand that decides outweighs errors in the others, whatever their order. */
function emitLogic(operands: readonly Code[], decisive: boolean): Code {
  const [left, right] = operands;
  if (operands.length === 2 && left !== undefined && right !== undefined) {
    return (run) => {
      const a = left(run);
      if (a === decisive) return decisive;
      const b = right(run);
      if (b === decisive) return decisive;
      if (a === b && a === !decisive) return a;
      return a === !decisive ? failed(b) : failed(a);
    };
  }
  return (run) => {
    let error: CelError | undefined;
    for (const operand of operands) {
      const value = operand(run);
      if (value === decisive) return decisive;
      if (value !== !decisive) error ??= failed(value);
    }
    return error ?? !decisive;
  };
}

const failed = (value: Value): CelError => (value instanceof CelError ? value : notBool(value));

function emitChoice([condition, yes, no]: readonly Code[]): Code {
  return (run) => {
    const value = condition?.(run);
    if (value === true) return yes?.(run);
    if (value === false) return no?.(run);
    return failed(value);
  };
}

function equalityCost(a: Value, b: Value): number {
  if (typeof a !== 'string' && typeof a !== 'object') return 1;
  return Math.ceil(Math.min(costSize(a), costSize(b)) * traversalCost);
}

function emitEquality(emitter: Emitter, operands: readonly Code[], expected: boolean): Code {
  const [left, right] = operands;
  const known = right && emitter.constant(right)?.value;
  if (left !== undefined && typeof known === 'string') {
    const knownCost = costSize(known);
    return (run) => {
      const a = left(run);
      if (a === known) {
        run.cost += Math.ceil(knownCost * traversalCost);
        return expected;
      }
      run.cost += equalityCost(a, known);
      if (a instanceof CelError) return a;
      return !expected;
    };
  }
  return emitBinary(operands, (run, a, b) => {
    run.charge(equalityCost(a, b));
    return equal(a, b) === expected;
  });
}

function emitIn(emitter: Emitter, operands: readonly Code[]): Code {
  const [left, right] = operands;
  const known = right && emitter.constant(right)?.value;
  if (left !== undefined && Array.isArray(known) && known.every((element) => typeof element === 'string')) {
    const members: ReadonlySet<Value> = new Set<Value>(known);
    return (run) => {
      const value = left(run);
      run.cost += known.length;
      if (value instanceof CelError) return value;
      return members.has(value);
    };
  }
  return emitBinary(operands, contains);
}

function contains(run: Run, value: Value, holder: Value): Value {
  if (Array.isArray(holder)) {
    run.charge(holder.length);
    return holder.some((element) => equal(value, element));
  }
  run.cost += 1;
  if (typeof value === 'string' && isPlainObject(holder)) return Object.hasOwn(holder, value);
  if (holder instanceof CelMap || kindOf(holder) === 'map') {
    if (canLookUp(value)) return mapGet(holder, value) !== undefined;
    return noSuchOverload(`a ${kindOf(value)} is no map key`);
  }
  return noSuchOverload(`${kindOf(value)} in ${kindOf(holder)}`);
}
