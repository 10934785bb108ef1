import { TypeBindings } from './assignability.ts';
import type { Expr } from './ast.ts';
import { SourceError } from './error.ts';
import { checkLiterals } from './literal-checks.ts';
import { type Reference, Scope } from './scope.ts';
import type { Overload } from './signature.ts';
import { type CelType, dynType, first, formatType, isOptional, sameType } from './types.ts';

export type CheckOptions = {
  readonly variables: Readonly<Record<string, CelType>>;
  readonly container: string;
  /** Refuse list and map literals whose elements have different types, as Kubernetes does and plain CEL does not. */
  readonly strictLiterals: boolean;
  /** Leave what does not check to fail when it is evaluated. */
  readonly unchecked: boolean;
};

/** What the checker found out about each node. */
export type Checked = {
  readonly types: ReadonlyMap<Expr, CelType>;
  readonly references: ReadonlyMap<Expr, Reference>;
  /** Overloads a call may mean; more than one when arguments are dyn. */
  readonly overloads: ReadonlyMap<Expr, readonly Overload[]>;
  /** Calls whose target is a namespace, not a receiver. */
  readonly namespaced: ReadonlySet<Expr>;
  readonly localSlots: ReadonlyMap<Expr, readonly number[]>;
  readonly scope: Scope;
  readonly result: CelType;
};

/** What the checks of each sort of node share: names, bindings of type variables, and the findings so far. */
export class CheckContext {
  readonly options: CheckOptions;
  readonly scope: Scope;
  readonly bindings = new TypeBindings();
  readonly types: Map<Expr, CelType> = new Map();
  readonly references: Map<Expr, Reference> = new Map();
  readonly overloads: Map<Expr, readonly Overload[]> = new Map();
  readonly namespaced: Set<Expr> = new Set();
  readonly localSlots: Map<Expr, readonly number[]> = new Map();
  private readonly typeOf: (context: CheckContext, expr: Expr) => CelType;

  constructor(options: CheckOptions, typeOf: (context: CheckContext, expr: Expr) => CelType) {
    this.options = options;
    this.scope = new Scope(options.variables, options.container);
    this.typeOf = typeOf;
  }

  run(expr: Expr): Checked {
    const result = this.bindings.substitute(this.check(expr), true);
    for (const [node, type] of this.types) this.types.set(node, this.bindings.substitute(type, true));
    if (this.options.strictLiterals) checkLiterals(expr, this.types);
    const { types, references, overloads, namespaced, localSlots, scope } = this;
    return { types, references, overloads, namespaced, localSlots, scope, result };
  }

  check(expr: Expr): CelType {
    const type = this.typeOf(this, expr);
    this.types.set(expr, type);
    return type;
  }

  /** Throws the error, unless it is to wait for the evaluation. */
  fail(message: string, at: number): CelType {
    if (!this.options.unchecked) throw new SourceError(message, at);
    return dynType;
  }

  undeclared(name: string, at: number): CelType {
    const message =
      name === 'authorizer'
        ? "'authorizer' is not supported: asking the API server for permissions has no answer outside an admission request"
        : `undeclared reference to '${name}' (in container '${this.options.container}')`;
    return this.fail(message, at);
  }

  expectType(expr: Expr, expected: CelType): void {
    const type = this.check(expr);
    if (this.bindings.isAssignable([type], [expected])) return;
    const found = formatType(this.bindings.substitute(type, true));
    const wanted = formatType(this.bindings.substitute(expected, true));
    this.fail(`expected type '${wanted}' but found '${found}'`, expr.at);
  }

  unwrapped(value: Expr, optional: boolean): CelType {
    const type = this.check(value);
    if (!optional) return type;
    if (isOptional(type)) return first(type);
    if (type.kind === 'dyn') return dynType;
    return this.fail(`expected type 'optional_type' but found '${formatType(type)}'`, value.at);
  }

  resolve(
    expr: Expr,
    call: {
      readonly name: string;
      readonly member: boolean;
      readonly overloads: readonly Overload[];
      readonly args: readonly CelType[];
    },
  ): CelType {
    const matching: Overload[] = [];
    let result: CelType | undefined;
    for (const overload of call.overloads) {
      if (overload.member !== call.member) continue;
      const instance = this.instantiate(overload);
      if (!this.bindings.isAssignable(call.args, instance.params)) continue;
      matching.push(overload);
      const type = this.bindings.substitute(instance.result, false);
      if (result === undefined) result = type;
      else if (result.kind !== 'dyn' && !sameType(type, result)) result = dynType;
    }
    if (result === undefined) {
      const near = call.overloads.filter(
        ({ member, params }) => member === call.member && params.length === call.args.length,
      );
      this.overloads.set(expr, near);
      return this.noOverload(expr, call);
    }
    this.overloads.set(expr, matching);
    return result;
  }

  private noOverload(expr: Expr, call: { name: string; member: boolean; args: readonly CelType[] }): CelType {
    const shown = call.args.map((arg) => formatType(this.bindings.substitute(arg, true)));
    const signature = call.member ? `${shown[0] ?? ''}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`;
    return this.fail(`found no matching overload for '${call.name}' applied to '${signature}'`, expr.at);
  }

  private instantiate(overload: Overload): { readonly params: readonly CelType[]; readonly result: CelType } {
    if (overload.typeParams.length === 0) return overload;
    const fresh = new Map(overload.typeParams.map((letter) => [letter, this.bindings.fresh()]));
    const replace = (type: CelType): CelType =>
      type.kind === 'param'
        ? (fresh.get(type.name) ?? type)
        : type.params.length === 0
          ? type
          : { ...type, params: type.params.map(replace) };
    return { params: overload.params.map(replace), result: replace(overload.result) };
  }
}
