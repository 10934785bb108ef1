import type { Expr, ListExpr, MapExpr, StructExpr } from './ast.ts';
import type { CheckContext } from './check-context.ts';
import { SourceError } from './error.ts';
import { messageType } from './messages.ts';
import { type CelType, dynType, formatType, listType, mapType, sameType } from './types.ts';

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
  let mixed = false;
  const firstType = members[0]?.[1];
  for (const [expr, type] of members) {
    if (!mixed) joined = context.bindings.join(joined, type) ?? dynType;
    if (joined?.kind === 'dyn' && firstType !== undefined && !areAlike(firstType, type)) {
      if (context.options.strictLiterals && !mixed) {
        const message = `expected type '${formatType(firstType)}' but found '${formatType(type)}'`;
        context.literalMismatches.push(new SourceError(message, expr.at));
      }
      mixed = true;
    }
  }
  return mixed ? dynType : joined;
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

const areAlike = (a: CelType, b: CelType): boolean => a.kind === 'dyn' || b.kind === 'dyn' || sameType(a, b);
