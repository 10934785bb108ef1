import type { CallExpr, Expr, IndexExpr, SelectExpr } from './ast.ts';
import { checkBind, checkFold } from './check-binders.ts';
import { CheckContext, type Checked, type CheckOptions } from './check-context.ts';
import { checkList, checkMap, checkStruct } from './check-literals.ts';
import { operatorOverloads } from './operator-overloads.ts';
import { qualifiedName } from './parser.ts';
import { functions } from './registry.ts';
import type { Overload } from './signature.ts';
import {
  boolType,
  type CelType,
  dynType,
  first,
  formatType,
  isOptional,
  literalType,
  optionalType,
  second,
} from './types.ts';

/** Gradual type check. Throws SourceError. */
export const check = (expr: Expr, options: CheckOptions): Checked => new CheckContext(options, typeOf).run(expr);

function typeOf(context: CheckContext, expr: Expr): CelType {
  switch (expr.kind) {
    case 'literal':
      return literalType(expr.type);
    case 'ident':
      return ident(context, expr, expr.rooted ? `.${expr.name}` : expr.name);
    case 'select':
      return select(context, expr);
    case 'index':
      return index(context, expr);
    case 'call':
      return call(context, expr);
    case 'list':
      return checkList(context, expr);
    case 'map':
      return checkMap(context, expr);
    case 'struct':
      return checkStruct(context, expr);
    case 'fold':
      return checkFold(context, expr);
    case 'bind':
      return checkBind(context, expr);
  }
}

function ident(context: CheckContext, expr: Expr, name: string): CelType {
  const reference = context.scope.resolve(name);
  if (reference === undefined) return context.undeclared(name, expr.at);
  context.references.set(expr, reference);
  return reference.type;
}

function select(context: CheckContext, expr: SelectExpr): CelType {
  const qualified = expr.test ? undefined : namespaceName(context, expr);
  const reference = qualified === undefined ? undefined : context.scope.resolve(qualified);
  if (reference !== undefined) {
    context.references.set(expr, reference);
    return reference.type;
  }
  const operand = context.bindings.substitute(context.check(expr.operand), false);
  const holder = isOptional(operand) ? first(operand) : operand;
  const selected = field(context, context.bindings.substitute(holder, false), expr);
  if (expr.test) return boolType;
  const wrapped = expr.optional || isOptional(operand);
  return wrapped && !isOptional(selected) ? optionalType(selected) : wrapped ? optionalType(first(selected)) : selected;
}

/** The dotted name of a chain that does not start at a comprehension variable. */
function namespaceName(context: CheckContext, expr: Expr): string | undefined {
  const name = qualifiedName(expr);
  return name === undefined || context.scope.isLocal(name.split('.')[0] ?? '') ? undefined : name;
}

function field(context: CheckContext, holder: CelType, expr: SelectExpr): CelType {
  switch (holder.kind) {
    case 'dyn':
      return dynType;
    case 'param':
      context.bindings.isAssignable([dynType], [holder]);
      return dynType;
    case 'map':
      return second(holder);
    case 'object': {
      if (holder.fields === undefined) return dynType;
      const field = Object.hasOwn(holder.fields, expr.field) ? holder.fields[expr.field] : undefined;
      if (field === undefined) return context.fail(`undefined field '${expr.field}'`, expr.at);
      return field;
    }
    default:
      return context.fail(`type '${formatType(holder)}' does not support field selection`, expr.at);
  }
}

function index(context: CheckContext, expr: IndexExpr): CelType {
  const args = [context.check(expr.operand), context.check(expr.index)];
  const name = expr.optional ? '_[?_]' : '_[_]';
  return context.resolve(expr, { name, member: false, overloads: operatorOverloads.get(name) ?? [], args });
}

function call(context: CheckContext, expr: CallExpr): CelType {
  const { name, target, args } = expr;
  if (name === '_&&_' || name === '_||_') return logic(context, expr);
  const operator = operatorOverloads.get(name);
  if (operator !== undefined) {
    return context.resolve(expr, {
      name,
      member: false,
      overloads: operator,
      args: args.map((arg) => context.check(arg)),
    });
  }
  const prefix = target === undefined ? undefined : namespaceName(context, target);
  const qualified = target === undefined ? name : prefix === undefined ? undefined : `${prefix}.${name}`;
  const found = qualified === undefined ? undefined : findFunction(context, qualified);
  if (found !== undefined && (target === undefined || found.some((overload) => !overload.member))) {
    if (target !== undefined) context.namespaced.add(expr);
    return context.resolve(expr, {
      name,
      member: false,
      overloads: found,
      args: args.map((arg) => context.check(arg)),
    });
  }
  if (target === undefined) return context.undeclared(name, expr.at);
  const targetType = context.check(target);
  const overloads = functions.get(name);
  if (overloads === undefined) return context.undeclared(name, expr.at);
  const argTypes = [targetType, ...args.map((arg) => context.check(arg))];
  return context.resolve(expr, { name, member: true, overloads, args: argTypes });
}

function findFunction(context: CheckContext, name: string): readonly Overload[] | undefined {
  for (const candidate of context.scope.candidates(name)) {
    const found = functions.get(candidate);
    if (found !== undefined) return found;
  }
  return undefined;
}

function logic(context: CheckContext, expr: CallExpr): CelType {
  for (const arg of expr.args) {
    const type = context.check(arg);
    if (!context.bindings.isAssignable([type], [boolType])) {
      const shown = expr.args
        .map((operand) => formatType(context.types.get(operand) ?? context.check(operand)))
        .join(', ');
      return context.fail(`found no matching overload for '${expr.name}' applied to '(${shown})'`, expr.at);
    }
  }
  return boolType;
}
