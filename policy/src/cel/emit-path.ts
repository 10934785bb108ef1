import type { Expr, IndexExpr, SelectExpr } from './ast.ts';
import type { Emitter } from './emit.ts';
import { CelError } from './error.ts';
import type { Code } from './run.ts';
import type { Reference } from './scope.ts';
import { hasField, indexOptional, indexValue, isInherited, selectField, selectOptional } from './select.ts';
import { isError, type Value } from './value.ts';

type Variable = Exclude<Reference, { kind: 'constant' }>;

const unbound = (reference: Variable): CelError =>
  new CelError('no-such-attribute', `no such attribute(s): ${reference.kind === 'variable' ? reference.name : ''}`);

export function emitReference(reference: Variable): Code {
  const { slot } = reference;
  const missing = unbound(reference);
  return (run) => {
    run.cost += 1;
    const value = run.slots[slot];
    return value === undefined ? missing : value;
  };
}

type Path = { readonly root: Expr; readonly names: readonly string[] };

/** `a.b.c` as a root that is not itself a plain selection, and the names after it. */
function pathOf(emitter: Emitter, expr: Expr): Path {
  const names: string[] = [];
  let root = expr;
  while (root.kind === 'select' && !root.optional && !root.test && !emitter.checked.references.has(root)) {
    names.push(root.field);
    root = root.operand;
  }
  return { root, names: names.toReversed() };
}

/** Index and selection extend an attribute at 1 each; anything else becomes one first, at 1 more. */
function isAttribute(emitter: Emitter, expr: Expr): boolean {
  return expr.kind === 'index' || (expr.kind === 'select' && !expr.test) || emitter.checked.references.has(expr);
}

function follow(value: Value, names: readonly string[], inherited: readonly boolean[]): Value {
  let current = value;
  for (let i = 0; i < names.length; i++) {
    current = selectField(current, names[i] as string, inherited[i] as boolean);
    if (current instanceof CelError) return current;
  }
  return current;
}

/** Code for a path: one closure, however long. */
function emitNames(emitter: Emitter, { root, names }: Path): Code {
  if (names.length === 0) return emitter.emit(root);
  const inherited = names.map(isInherited);
  const reference = emitter.checked.references.get(root);
  if (reference !== undefined && reference.kind !== 'constant') {
    const { slot } = reference;
    const missing = unbound(reference);
    const cost = names.length + 1;
    if (names.length === 1) {
      const [name] = names as [string];
      const [isInheritedName] = inherited as [boolean];
      return (run) => {
        const value = run.slots[slot];
        run.cost += value === undefined ? 1 : 2;
        return value === undefined ? missing : selectField(value, name, isInheritedName);
      };
    }
    return (run) => {
      const value = run.slots[slot];
      if (value === undefined) {
        run.cost += 1;
        return missing;
      }
      run.cost += cost;
      return follow(value, names, inherited);
    };
  }
  const holder = emitter.emit(root);
  const cost = names.length + (isAttribute(emitter, root) ? 0 : 1);
  return (run) => {
    const value = holder(run);
    if (isError(value)) return value;
    run.cost += cost;
    return follow(value, names, inherited);
  };
}

export function emitSelect(emitter: Emitter, expr: SelectExpr): Code {
  if (!expr.test && !expr.optional) return emitNames(emitter, pathOf(emitter, expr));
  const operandPath = pathOf(emitter, expr.operand);
  const operand = emitNames(emitter, operandPath);
  const { field } = expr;
  if (expr.test) return emitTest(operand, field, isAttribute(emitter, operandPath.root) ? 0 : 1);
  const cost = isAttribute(emitter, operandPath.root) ? 1 : 2;
  const inherited = isInherited(field);
  return (run) => {
    const value = operand(run);
    if (isError(value)) return value;
    run.cost += cost;
    return selectOptional(value, field, inherited);
  };
}

/** A presence test costs what reaching its operand costs: its own step is free. */
function emitTest(operand: Code, field: string, cost: number): Code {
  const inherited = isInherited(field);
  return (run) => {
    const value = operand(run);
    if (isError(value)) {
      if (value.code === 'no-such-attribute') run.cost -= 1;
      return value;
    }
    run.cost += cost;
    return hasField(value, field, inherited);
  };
}

export function emitIndex(emitter: Emitter, expr: IndexExpr): Code {
  const holder = emitter.emit(expr.operand);
  const index = emitter.emit(expr.index);
  const cost = isAttribute(emitter, expr.operand) ? 1 : 2;
  const read = expr.optional ? indexOptional : indexValue;
  return (run) => {
    const value = holder(run);
    if (isError(value)) return value;
    const key = index(run);
    if (isError(key)) return key;
    run.cost += cost;
    return read(value, key);
  };
}
