import { TypeBindings } from './assignability.ts';
import type {
  BindExpr,
  CallExpr,
  Expr,
  FoldExpr,
  IndexExpr,
  ListExpr,
  MapExpr,
  SelectExpr,
  StructExpr,
} from './ast.ts';
import { SourceError } from './error.ts';
import { messageType } from './messages.ts';
import { operatorOverloads } from './operator-overloads.ts';
import { qualifiedName } from './parser.ts';
import { functions } from './registry.ts';
import { type Reference, Scope } from './scope.ts';
import type { Overload } from './signature.ts';
import {
  boolType,
  type CelType,
  dynType,
  first,
  formatType,
  intType,
  isOptional,
  listType,
  mapType,
  optionalType,
  sameType,
  second,
} from './types.ts';
import * as types from './types.ts';

export type CheckOptions = {
  readonly variables: Readonly<Record<string, CelType>>;
  readonly container: string;
  /** Refuse list and map literals whose elements have different types, as Kubernetes does and plain CEL does not. */
  readonly strictLiterals: boolean;
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

/** Gradual type check. Throws SourceError. */
export function check(expr: Expr, options: CheckOptions): Checked {
  return new Checker(options).run(expr);
}

class Checker {
  private readonly scope: Scope;
  private readonly bindings = new TypeBindings();
  private readonly strictLiterals: boolean;
  private readonly types: Map<Expr, CelType> = new Map();
  private readonly references: Map<Expr, Reference> = new Map();
  private readonly overloads: Map<Expr, readonly Overload[]> = new Map();
  private readonly namespaced: Set<Expr> = new Set();
  private readonly localSlots: Map<Expr, readonly number[]> = new Map();
  private readonly literalMismatches: SourceError[] = [];

  constructor(options: CheckOptions) {
    this.scope = new Scope(options.variables, options.container);
    this.strictLiterals = options.strictLiterals;
  }

  run(expr: Expr): Checked {
    const result = this.bindings.substitute(this.check(expr), true);
    const mismatch = this.literalMismatches.sort((a, b) => a.offset - b.offset)[0];
    if (mismatch !== undefined) throw mismatch;
    for (const [node, type] of this.types) this.types.set(node, this.bindings.substitute(type, true));
    const { types, references, overloads, namespaced, localSlots, scope } = this;
    return { types, references, overloads, namespaced, localSlots, scope, result };
  }

  private check(expr: Expr): CelType {
    const type = this.typeOf(expr);
    this.types.set(expr, type);
    return type;
  }

  private typeOf(expr: Expr): CelType {
    switch (expr.kind) {
      case 'literal':
        return types[`${expr.type}Type`];
      case 'ident':
        return this.ident(expr, expr.rooted ? `.${expr.name}` : expr.name);
      case 'select':
        return this.select(expr);
      case 'index':
        return this.index(expr);
      case 'call':
        return this.call(expr);
      case 'list':
        return this.list(expr);
      case 'map':
        return this.map(expr);
      case 'struct':
        return this.struct(expr);
      case 'fold':
        return this.fold(expr);
      case 'bind':
        return this.bind(expr);
    }
  }

  private ident(expr: Expr, name: string): CelType {
    const reference = this.scope.resolve(name);
    if (reference === undefined) throw undeclared(name, expr.at);
    this.references.set(expr, reference);
    return reference.type;
  }

  private select(expr: SelectExpr): CelType {
    const qualified = expr.test ? undefined : this.namespaceName(expr);
    const reference = qualified === undefined ? undefined : this.scope.resolve(qualified);
    if (reference !== undefined) {
      this.references.set(expr, reference);
      return reference.type;
    }
    const operand = this.bindings.substitute(this.check(expr.operand), false);
    const holder = isOptional(operand) ? first(operand) : operand;
    const field = this.field(this.bindings.substitute(holder, false), expr);
    if (expr.test) return boolType;
    const wrapped = expr.optional || isOptional(operand);
    return wrapped && !isOptional(field) ? optionalType(field) : wrapped ? optionalType(first(field)) : field;
  }

  /** The dotted name of a chain that does not start at a comprehension variable. */
  private namespaceName(expr: Expr): string | undefined {
    const name = qualifiedName(expr);
    return name === undefined || this.scope.isLocal(name.split('.')[0] ?? '') ? undefined : name;
  }

  private field(holder: CelType, expr: SelectExpr): CelType {
    switch (holder.kind) {
      case 'dyn':
        return dynType;
      case 'param':
        this.bindings.isAssignable([dynType], [holder]);
        return dynType;
      case 'map':
        return second(holder);
      case 'object': {
        if (holder.fields === undefined) return dynType;
        const field = Object.hasOwn(holder.fields, expr.field) ? holder.fields[expr.field] : undefined;
        if (field === undefined) throw new SourceError(`undefined field '${expr.field}'`, expr.at);
        return field;
      }
      default:
        throw new SourceError(`type '${formatType(holder)}' does not support field selection`, expr.at);
    }
  }

  private index(expr: IndexExpr): CelType {
    const args = [this.check(expr.operand), this.check(expr.index)];
    const name = expr.optional ? '_[?_]' : '_[_]';
    return this.resolve(expr, { name, member: false, overloads: operatorOverloads.get(name) ?? [], args });
  }

  private call(expr: CallExpr): CelType {
    const { name, target, args } = expr;
    if (name === '_&&_' || name === '_||_') return this.logic(expr);
    const operator = operatorOverloads.get(name);
    if (operator !== undefined) {
      return this.resolve(expr, { name, member: false, overloads: operator, args: args.map((arg) => this.check(arg)) });
    }
    const prefix = target === undefined ? undefined : this.namespaceName(target);
    const qualified = target === undefined ? name : prefix === undefined ? undefined : `${prefix}.${name}`;
    const found = qualified === undefined ? undefined : this.findFunction(qualified);
    if (found !== undefined && (target === undefined || found.some((overload) => !overload.member))) {
      if (target !== undefined) this.namespaced.add(expr);
      return this.resolve(expr, { name, member: false, overloads: found, args: args.map((arg) => this.check(arg)) });
    }
    if (target === undefined) throw undeclared(name, expr.at);
    const targetType = this.check(target);
    const overloads = functions.get(name);
    if (overloads === undefined) throw undeclared(name, expr.at);
    const argTypes = [targetType, ...args.map((arg) => this.check(arg))];
    return this.resolve(expr, { name, member: true, overloads, args: argTypes });
  }

  private findFunction(name: string): readonly Overload[] | undefined {
    for (const candidate of this.scope.candidates(name)) {
      const found = functions.get(candidate);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private logic(expr: CallExpr): CelType {
    for (const arg of expr.args) {
      const type = this.check(arg);
      if (!this.bindings.isAssignable([type], [boolType])) {
        const shown = expr.args.map((operand) => formatType(this.types.get(operand) ?? this.check(operand))).join(', ');
        throw new SourceError(`found no matching overload for '${expr.name}' applied to '(${shown})'`, expr.at);
      }
    }
    return boolType;
  }

  private resolve(
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
    if (result === undefined) throw this.noOverload(expr, call);
    this.overloads.set(expr, matching);
    return result;
  }

  private noOverload(expr: Expr, call: { name: string; member: boolean; args: readonly CelType[] }): SourceError {
    const shown = call.args.map((arg) => formatType(this.bindings.substitute(arg, true)));
    const signature = call.member ? `${shown[0] ?? ''}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`;
    return new SourceError(`found no matching overload for '${call.name}' applied to '${signature}'`, expr.at);
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

  private unwrapped(value: Expr, optional: boolean): CelType {
    const type = this.check(value);
    if (!optional) return type;
    if (isOptional(type)) return first(type);
    if (type.kind === 'dyn') return dynType;
    throw new SourceError(`expected type 'optional_type' but found '${formatType(type)}'`, value.at);
  }

  private list(expr: ListExpr): CelType {
    const joined = this.joinAll(expr.elements.map(({ value, optional }) => [value, this.unwrapped(value, optional)]));
    return listType(joined ?? this.bindings.fresh());
  }

  private map(expr: MapExpr): CelType {
    const keys = this.joinAll(expr.entries.map(({ key }) => [key, this.check(key)]));
    const values = this.joinAll(expr.entries.map(({ value, optional }) => [value, this.unwrapped(value, optional)]));
    return mapType(keys ?? this.bindings.fresh(), values ?? this.bindings.fresh());
  }

  private joinAll(members: readonly (readonly [Expr, CelType])[]): CelType | undefined {
    let joined: CelType | undefined;
    let mixed = false;
    const firstType = members[0]?.[1];
    for (const [expr, type] of members) {
      if (!mixed) joined = this.bindings.join(joined, type) ?? dynType;
      if (joined?.kind === 'dyn' && firstType !== undefined && !areAlike(firstType, type)) {
        if (this.strictLiterals && !mixed) {
          const message = `expected type '${formatType(firstType)}' but found '${formatType(type)}'`;
          this.literalMismatches.push(new SourceError(message, expr.at));
        }
        mixed = true;
      }
    }
    return mixed ? dynType : joined;
  }

  private struct(expr: StructExpr): CelType {
    for (const candidate of this.scope.candidates(expr.name)) {
      const message = messageType(candidate);
      if (message === undefined) continue;
      for (const field of expr.fields) {
        const declared = message.fields.get(field.name);
        if (declared === undefined) throw new SourceError(`undefined field '${field.name}'`, field.at);
        const type = this.unwrapped(field.value, field.optional);
        if (!this.bindings.isAssignable([type], [declared])) {
          const message = `expected type of field '${field.name}' is '${formatType(declared)}' but provided type is '${formatType(type)}'`;
          throw new SourceError(message, field.at);
        }
      }
      return message.result;
    }
    throw undeclared(expr.name, expr.at);
  }

  private fold(expr: FoldExpr): CelType {
    const range = this.bindings.substitute(this.check(expr.range), false);
    const [one, two] = this.elementTypes(range, expr);
    const slots = expr.vars.length === 1 ? [this.scope.push(expr.vars[0] ?? '', one)] : [];
    if (expr.vars.length === 2) {
      const key = range.kind === 'list' ? intType : range.kind === 'map' ? one : dynType;
      slots.push(this.scope.push(expr.vars[0] ?? '', key), this.scope.push(expr.vars[1] ?? '', two));
    }
    this.localSlots.set(expr, slots);
    if (expr.filter !== undefined) this.expectType(expr.filter, boolType);
    const result = this.foldResult(expr, one, range);
    this.scope.pop(expr.vars.length);
    return result;
  }

  private elementTypes(range: CelType, expr: FoldExpr): readonly [CelType, CelType] {
    if (range.kind === 'list') return [first(range), first(range)];
    if (range.kind === 'map') return [first(range), second(range)];
    if (range.kind === 'dyn') return [dynType, dynType];
    if (range.kind === 'param') {
      this.bindings.isAssignable([dynType], [range]);
      return [dynType, dynType];
    }
    const message = `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`;
    throw new SourceError(message, expr.range.at);
  }

  private foldResult(expr: FoldExpr, element: CelType, range: CelType): CelType {
    switch (expr.macro) {
      case 'all':
      case 'exists':
      case 'exists_one':
        this.expectType(expr.body, boolType);
        return boolType;
      case 'filter':
        this.expectType(expr.body, boolType);
        return listType(element);
      case 'map':
        return listType(this.check(expr.body));
      case 'transformMap': {
        const key = range.kind === 'list' ? intType : range.kind === 'map' ? first(range) : dynType;
        return mapType(key, this.check(expr.body));
      }
      case 'transformMapEntry': {
        const entry = mapType(this.bindings.fresh(), this.bindings.fresh());
        this.expectType(expr.body, entry);
        return this.bindings.substitute(entry, false);
      }
    }
  }

  private expectType(expr: Expr, expected: CelType): void {
    const type = this.check(expr);
    if (this.bindings.isAssignable([type], [expected])) return;
    const found = formatType(this.bindings.substitute(type, true));
    const wanted = formatType(this.bindings.substitute(expected, true));
    throw new SourceError(`expected type '${wanted}' but found '${found}'`, expr.at);
  }

  private bind(expr: BindExpr): CelType {
    const init = this.bindings.substitute(this.check(expr.init), false);
    if (expr.optional !== 'no' && !isOptional(init) && init.kind !== 'dyn') {
      const name = expr.optional === 'map' ? 'optMap' : 'optFlatMap';
      throw new SourceError(`${name}() needs an optional, not '${formatType(init)}'`, expr.at);
    }
    const slot = this.scope.push(expr.name, expr.optional === 'no' ? init : isOptional(init) ? first(init) : dynType);
    this.localSlots.set(expr, [slot]);
    const body = this.check(expr.body);
    this.scope.pop(1);
    if (expr.optional !== 'flat-map') return expr.optional === 'no' ? body : optionalType(body);
    if (isOptional(body)) return body;
    if (body.kind !== 'dyn')
      throw new SourceError(`optFlatMap() needs an optional, not '${formatType(body)}'`, expr.body.at);
    return optionalType(dynType);
  }
}

const areAlike = (a: CelType, b: CelType): boolean => a.kind === 'dyn' || b.kind === 'dyn' || sameType(a, b);

function undeclared(name: string, at: number): SourceError {
  if (name === 'authorizer') {
    return new SourceError(
      "'authorizer' is not supported: asking the API server for permissions has no answer outside an admission request",
      at,
    );
  }
  return new SourceError(`undeclared reference to '${name}' (in container '')`, at);
}
