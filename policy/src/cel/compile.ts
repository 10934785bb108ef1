import { check } from './check.ts';
import type { Checked, CheckOptions } from './check-context.ts';
import { emitProgram } from './emit.ts';
import type { Constants } from './emit-fixed.ts';
import { CelError, CostExceeded, positionOf, SourceError } from './error.ts';
import type { Expr } from './ast.ts';
import { parse } from './parser.ts';
import { type Reads, readsOf } from './reads.ts';
import { type Code, Run } from './run.ts';
import { type CelType, dynType } from './types.ts';
import { isError, type Value } from './value.ts';
import { beginWork, endWork } from './work.ts';

/** Cost at which an evaluation is abandoned, when the caller sets no other: the API server's limit per expression. */
export const defaultCostLimit = 1_000_000;

/** Longest source compiled, in UTF-16 units. */
export const maxSourceLength = 100_000;

export type CelOptions = {
  /**
   * Declared variables, or only their names when all are dyn. Reading one that is not declared is a compile error; one
   * not bound, an evaluation error.
   */
  readonly variables: Readonly<Record<string, CelType>> | readonly string[];
  /** In the cost units of the Kubernetes API server. Default defaultCostLimit. */
  readonly costLimit?: number;
  /**
   * Values of declared variables that are the same in every evaluation, whatever it binds. What is made of them alone is
   * worked out once, and costs an evaluation nothing. Default none.
   */
  readonly constants?: Constants;
  /** Namespace in which names are looked up first. Default ''. */
  readonly container?: string;
  /** Refuse list and map literals of mixed types, and bad literals of regular expressions, as Kubernetes does. Default true. */
  readonly strictLiterals?: boolean;
  /** Parse only: names and types that do not resolve are errors of the evaluation. Default false. */
  readonly unchecked?: boolean;
};

export type CelSourceError = { readonly message: string; readonly line: number; readonly column: number };

export type CelResult =
  | { readonly ok: true; readonly value: Value; readonly cost: number }
  | { readonly ok: false; readonly error: CelError; readonly cost: number };

export type CelProgram = {
  readonly source: string;
  readonly type: CelType;
  readonly reads: Reads;
  /** Never throws. Bindings are read by own properties; JSON is read in place and never changed. */
  evaluate(bindings: Readonly<Record<string, Value>>): CelResult;
};

export type CelCompilation =
  | { readonly ok: true; readonly program: CelProgram }
  | { readonly ok: false; readonly error: CelSourceError };

/** Parses, checks and compiles. Never throws: errors are values with line and column, both from 1. */
export function compileCel(source: string, options: CelOptions): CelCompilation {
  try {
    if (source.length > maxSourceLength)
      throw new SourceError(`expression longer than ${maxSourceLength} characters`, 0);
    const expr = parse(source);
    const checked = check(expr, checkOptions(options));
    return {
      ok: true,
      program: createProgram(source, {
        expr,
        checked,
        costLimit: options.costLimit ?? defaultCostLimit,
        constants: options.constants ?? {},
      }),
    };
  } catch (error) {
    if (error instanceof SourceError) {
      return { ok: false, error: { message: error.message, ...positionOf(source, error.offset) } };
    }
    const message =
      error instanceof RangeError ? 'expression is nested too deeply' : `cannot compile: ${String(error)}`;
    return { ok: false, error: { message, line: 1, column: 1 } };
  }
}

const checkOptions = (options: CelOptions): CheckOptions => ({
  variables: declared(options.variables),
  container: options.container ?? '',
  strictLiterals: options.strictLiterals ?? true,
  unchecked: options.unchecked ?? false,
});

function declared(variables: CelOptions['variables']): Readonly<Record<string, CelType>> {
  return isNames(variables) ? Object.fromEntries(variables.map((name) => [name, dynType])) : variables;
}

const isNames = (variables: CelOptions['variables']): variables is readonly string[] => Array.isArray(variables);

type Compiled = {
  readonly expr: Expr;
  readonly checked: Checked;
  readonly costLimit: number;
  readonly constants: Constants;
};

function createProgram(source: string, { expr, checked, costLimit, constants }: Compiled): CelProgram {
  const code = emitProgram(expr, checked, constants);
  const { slotCount, variables } = checked.scope;
  const unbound: readonly Value[] = Array.from({ length: slotCount }, () => undefined);
  return {
    source,
    type: checked.result,
    reads: readsOf(expr, checked),
    evaluate: (bindings) => {
      const slots = unbound.slice();
      for (const { name, slot } of variables) slots[slot] = Object.hasOwn(bindings, name) ? bindings[name] : undefined;
      return evaluate(code, new Run(slots, costLimit));
    },
  };
}

function evaluate(code: Code, run: Run): CelResult {
  const outer = beginWork();
  try {
    const value = code(run);
    if (run.cost > run.limit) throw new CostExceeded(run.limit, 'cost');
    return isError(value) ? { ok: false, error: value, cost: run.cost } : { ok: true, value, cost: run.cost };
  } catch (failure) {
    return { ok: false, error: asError(failure), cost: run.cost };
  } finally {
    endWork(outer);
  }
}

function asError(failure: unknown): CelError {
  if (failure instanceof CostExceeded) return new CelError('cost-limit', failure.message);
  return new CelError('internal', failure instanceof Error ? failure.message : 'evaluation failed');
}
