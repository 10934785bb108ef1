import type { CallExpr, Expr } from './ast.ts';
import type { Emitter } from './emit.ts';
import { CelError, noSuchOverload } from './error.ts';
import type { Code, Run } from './run.ts';
import { guardOf, type Overload } from './signature.ts';
import { kindOf, type Value } from './value.ts';

/** Code for a call of a library function: bound to one overload when the types say which, else chosen by kind. */
export function emitFunction(emitter: Emitter, expr: CallExpr): Code {
  const { target } = expr;
  const isMember = target !== undefined && !emitter.checked.namespaced.has(expr);
  const argExprs = isMember ? [target, ...expr.args] : expr.args;
  const codes = argExprs.map((arg) => emitter.emit(arg));
  const overloads = emitter.checked.overloads.get(expr) ?? [];
  const [only] = overloads;
  const call =
    only !== undefined && overloads.length === 1 && isSettled(emitter, argExprs, only)
      ? (run: Run, args: readonly Value[]) => apply(run, only, args)
      : (run: Run, args: readonly Value[]) => dispatch(run, { name: expr.name, overloads }, args);
  const pattern = codes[1];
  const isCompiledRegex = expr.name === 'matches' && pattern !== undefined && emitter.constant(pattern) !== undefined;
  return emitArguments({ codes, stopsAtError: codes.length > 2 || isCompiledRegex, call });
}

/** Whether the static types already guarantee the kinds that the overload asks for. */
function isSettled(emitter: Emitter, args: readonly Expr[], overload: Overload): boolean {
  return overload.guards.every((guard, i) => {
    const arg = args[i];
    const type = arg && emitter.checked.types.get(arg);
    return guard === '' || (type !== undefined && guardOf(type) === guard);
  });
}

type Arguments = {
  readonly codes: readonly Code[];
  /** Stop at the first error, as cel-go does with three arguments or more: then the call itself costs nothing. */
  readonly stopsAtError: boolean;
  readonly call: (run: Run, args: readonly Value[]) => Value;
};

function emitArguments({ codes, stopsAtError, call }: Arguments): Code {
  return (run) => {
    const args: Value[] = [];
    let error: CelError | undefined;
    for (const code of codes) {
      const value = code(run);
      args.push(value);
      if (!(value instanceof CelError)) continue;
      error ??= value;
      if (stopsAtError) break;
    }
    if (error === undefined) return call(run, args);
    if (args.length === codes.length) run.cost += 1;
    return error;
  };
}

function apply(run: Run, overload: Overload, args: readonly Value[]): Value {
  run.charge(overload.cost === undefined ? 1 : overload.cost(args[0], args[1]));
  return overload.apply(...args);
}

function dispatch(run: Run, call: { name: string; overloads: readonly Overload[] }, args: readonly Value[]): Value {
  for (const overload of call.overloads) {
    if (overload.guards.every((guard, i) => guard === '' || kindOf(args[i]) === guard))
      return apply(run, overload, args);
  }
  run.cost += 1;
  return noSuchOverload(`${call.name}(${args.map(kindOf).join(', ')})`);
}
