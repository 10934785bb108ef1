import type { Expr, ListExpr, MapExpr, StructExpr } from './ast.ts';
import type { CheckContext } from './check-context.ts';
import { messageType } from './messages.ts';
import { type CelType, dynType, formatType, listType, mapType } from './types.ts';

export function checkList(context: CheckContext, expr: ListExpr): CelType {
  const joined = joinAll(
    context,
    expr.elements.map(({ value, optional }) => [value, context.unwrapped(value, optional)]),
  );
  return listType(joined ?? context.bindings.fresh());
}

export function checkMap(context: CheckContext, expr: MapExpr): CelType {
  const keys = joinAll(
    context,
    expr.entries.map(({ key }) => [key, context.check(key)]),
  );
  const values = joinAll(
    context,
    expr.entries.map(({ value, optional }) => [value, context.unwrapped(value, optional)]),
  );
  return mapType(keys ?? context.bindings.fresh(), values ?? context.bindings.fresh());
}

function joinAll(context: CheckContext, members: readonly (readonly [Expr, CelType])[]): CelType | undefined {
  let joined: CelType | undefined;
  for (const [, type] of members) {
    joined = context.bindings.join(joined, type);
    if (joined === undefined) return dynType;
  }
  return joined;
}

export function checkStruct(context: CheckContext, expr: StructExpr): CelType {
  for (const candidate of context.scope.candidates(expr.name)) {
    const message = messageType(candidate);
    if (message === undefined) continue;
    for (const field of expr.fields) {
      const declared = message.fields.get(field.name);
      if (declared === undefined) return context.fail(`undefined field '${field.name}'`, field.at);
      const type = context.unwrapped(field.value, field.optional);
      if (!context.bindings.isAssignable([type], [declared])) {
        const message = `expected type of field '${field.name}' is '${formatType(declared)}' but provided type is '${formatType(type)}'`;
        return context.fail(message, field.at);
      }
    }
    return message.result;
  }
  return context.undeclared(expr.name, expr.at);
}
