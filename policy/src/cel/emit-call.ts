import type { CallExpr, Expr } from './ast.ts';
import type { Emitter } from './emit.ts';
import { CelError, noSuchOverload } from './error.ts';
import type { Code, Run } from './run.ts';
import { guardOf, type Overload } from './signature.ts';
import { kindOf, type Value } from './value.ts';

type Call = {
  readonly name: string;
  readonly codes: readonly Code[];
  readonly overloads: readonly Overload[];
  /** The static types already say which overload it is. */
  readonly settled: boolean;
  /** Stop at the first error, as cel-go does with three arguments or more: then the call itself costs nothing. */
  readonly stopsAtError: boolean;
};

/** Code for a call of a library function: bound to one overload when the types say which, else chosen by kind. */
export function emitFunction(emitter: Emitter, expr: CallExpr): Code {
  const { target, name } = expr;
  const isMember = target !== undefined && !emitter.checked.namespaced.has(expr);
  const argExprs = isMember ? [target, ...expr.args] : expr.args;
  const codes = argExprs.map((arg) => emitter.emit(arg));
  const overloads = emitter.checked.overloads.get(expr) ?? [];
  const [only, other] = overloads;
  const settled = only !== undefined && other === undefined && isSettled(emitter, argExprs, only);
  const pattern = codes[1];
  const isCompiledRegex = name === 'matches' && pattern !== undefined && emitter.constant(pattern) !== undefined;
  const call: Call = { name, codes, overloads, settled, stopsAtError: codes.length > 2 || isCompiledRegex };
  const [first, second] = codes;
  if (codes.length === 1 && first !== undefined) return emitOne(call, first);
  if (codes.length === 2 && first !== undefined && second !== undefined) return emitTwo(call, first, second);
  return emitMany(call);
}

/** Whether the static types already guarantee the kinds that the overload asks for. */
function isSettled(emitter: Emitter, args: readonly Expr[], overload: Overload): boolean {
  return overload.guards.every((guard, i) => {
    const arg = args[i];
    const type = arg && emitter.checked.types.get(arg);
    return guard === '' || (type !== undefined && guardOf(type) === guard);
  });
}

const fits = (guard: string | undefined, value: Value): boolean =>
  guard === '' || guard === undefined || kindOf(value) === guard;

function charge(run: Run, overload: Overload, a: Value, b: Value): void {
  if (overload.cost === undefined) run.cost += 1;
  else run.charge(overload.cost(a, b));
}

function unmatched(run: Run, { name }: Call, args: readonly Value[]): CelError {
  run.cost += 1;
  return noSuchOverload(`${name}(${args.map(kindOf).join(', ')})`);
}

function emitOne(call: Call, argument: Code): Code {
  const { overloads, settled } = call;
  return (run) => {
    const a = argument(run);
    if (a instanceof CelError) {
      run.cost += 1;
      return a;
    }
    for (const overload of overloads) {
      if (!settled && !fits(overload.guards[0], a)) continue;
      charge(run, overload, a, undefined);
      return overload.apply(a);
    }
    return unmatched(run, call, [a]);
  };
}

function emitTwo(call: Call, first: Code, second: Code): Code {
  const { overloads, settled, stopsAtError } = call;
  return (run) => {
    const a = first(run);
    if (stopsAtError && a instanceof CelError) return a;
    const b = second(run);
    if (a instanceof CelError || b instanceof CelError) {
      run.cost += 1;
      return a instanceof CelError ? a : b;
    }
    for (const overload of overloads) {
      if (!settled && !(fits(overload.guards[0], a) && fits(overload.guards[1], b))) continue;
      charge(run, overload, a, b);
      return overload.apply(a, b);
    }
    return unmatched(run, call, [a, b]);
  };
}

function emitMany(call: Call): Code {
  const { codes, overloads, settled } = call;
  return (run) => {
    const args: Value[] = [];
    for (const code of codes) {
      const value = code(run);
      args.push(value);
      if (!(value instanceof CelError)) continue;
      if (args.length === codes.length) run.cost += 1;
      return value;
    }
    for (const overload of overloads) {
      if (!settled && !overload.guards.every((guard, i) => fits(guard, args[i]))) continue;
      charge(run, overload, args[0], args[1]);
      return overload.apply(...args);
    }
    return unmatched(run, call, args);
  };
}
