import type { BindExpr, FoldExpr } from './ast.ts';
import type { CheckContext } from './check-context.ts';
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
  second,
} from './types.ts';

export function checkFold(context: CheckContext, expr: FoldExpr): CelType {
  const range = context.bindings.substitute(context.check(expr.range), false);
  const [one, two] = elementTypes(context, range, expr);
  const slots = expr.vars.length === 1 ? [context.scope.push(expr.vars[0] ?? '', one)] : [];
  if (expr.vars.length === 2) {
    const key = range.kind === 'list' ? intType : range.kind === 'map' ? one : dynType;
    slots.push(context.scope.push(expr.vars[0] ?? '', key), context.scope.push(expr.vars[1] ?? '', two));
  }
  context.localSlots.set(expr, slots);
  if (expr.filter !== undefined) context.expectType(expr.filter, boolType);
  const result = foldResult(context, expr, one, range);
  context.scope.pop(expr.vars.length);
  return result;
}

function elementTypes(context: CheckContext, range: CelType, expr: FoldExpr): readonly [CelType, CelType] {
  if (range.kind === 'list') return [first(range), first(range)];
  if (range.kind === 'map') return [first(range), second(range)];
  if (range.kind === 'dyn') return [dynType, dynType];
  if (range.kind === 'param') {
    context.bindings.isAssignable([dynType], [range]);
    return [dynType, dynType];
  }
  const message = `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`;
  context.fail(message, expr.range.at);
  return [dynType, dynType];
}

function foldResult(context: CheckContext, expr: FoldExpr, element: CelType, range: CelType): CelType {
  switch (expr.macro) {
    case 'all':
    case 'exists':
    case 'exists_one':
      context.expectType(expr.body, boolType);
      return boolType;
    case 'filter':
      context.expectType(expr.body, boolType);
      return listType(element);
    case 'map':
      return listType(context.check(expr.body));
    case 'transformMap': {
      const key = range.kind === 'list' ? intType : range.kind === 'map' ? first(range) : dynType;
      return mapType(key, context.check(expr.body));
    }
    case 'transformMapEntry': {
      const entry = mapType(context.bindings.fresh(), context.bindings.fresh());
      context.expectType(expr.body, entry);
      return context.bindings.substitute(entry, false);
    }
  }
}

export function checkBind(context: CheckContext, expr: BindExpr): CelType {
  const init = context.bindings.substitute(context.check(expr.init), false);
  if (expr.optional !== 'no' && !isOptional(init) && init.kind !== 'dyn') {
    const name = expr.optional === 'map' ? 'optMap' : 'optFlatMap';
    return context.fail(`${name}() needs an optional, not '${formatType(init)}'`, expr.at);
  }
  const slot = context.scope.push(expr.name, expr.optional === 'no' ? init : isOptional(init) ? first(init) : dynType);
  context.localSlots.set(expr, [slot]);
  const body = context.check(expr.body);
  context.scope.pop(1);
  if (expr.optional !== 'flat-map') return expr.optional === 'no' ? body : optionalType(body);
  if (isOptional(body)) return body;
  if (body.kind !== 'dyn')
    return context.fail(`optFlatMap() needs an optional, not '${formatType(body)}'`, expr.body.at);
  return optionalType(dynType);
}
