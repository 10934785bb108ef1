/** Parts of an expression that every evaluation would answer alike, worked out once. */
import type { Expr } from './ast.ts';
import { children } from './children.ts';
import type { Checked } from './check-context.ts';
import { type Code, Run } from './run.ts';
import { isError, type Value } from './value.ts';
import { beginWork, endWork } from './work.ts';

/** Values of variables, by name, that are the same in every evaluation. */
export type Constants = Readonly<Record<string, Value>>;

/** The tree with constants in the place of these variables; itself where it has none of them. */
export function withConstants(checked: Checked, constants: Constants): Checked {
  if (!checked.scope.variables.some(({ name }) => Object.hasOwn(constants, name))) return checked;
  const references = new Map(checked.references);
  for (const [expr, reference] of references) {
    if (reference.kind !== 'variable' || !Object.hasOwn(constants, reference.name)) continue;
    references.set(expr, { kind: 'constant', value: constants[reference.name], type: reference.type });
  }
  return { ...checked, references };
}

/** Tells what is made of nothing but constants and literals. Macros are not looked into. */
export function fixedIn({ references }: Checked): (expr: Expr) => boolean {
  const known = new Map<Expr, boolean>();
  const decide = (expr: Expr): boolean => {
    const reference = references.get(expr);
    if (reference !== undefined) return reference.kind === 'constant';
    if (expr.kind === 'literal') return true;
    const isPlain = expr.kind === 'select' || expr.kind === 'index' || expr.kind === 'call' || expr.kind === 'list';
    return isPlain && children(expr).every(isFixed);
  };
  const isFixed = (expr: Expr): boolean => {
    const answer = known.get(expr) ?? decide(expr);
    known.set(expr, answer);
    return answer;
  };
  return isFixed;
}

/** What the code answers; undefined when that is an error, which belongs to the evaluation that meets it. */
export function answerOf(code: Code, costLimit: number): Value {
  const outer = beginWork();
  try {
    const value = code(new Run([], costLimit));
    return isError(value) ? undefined : value;
  } catch {
    return undefined;
  } finally {
    endWork(outer);
  }
}
