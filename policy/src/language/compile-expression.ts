/** One CEL expression of a policy file: compiled with the names in scope, evaluated to a value or an exception. */
import type { ReadPath } from '../read-path.ts';
import {
  boolType,
  type CelType,
  compileCel,
  dynType,
  formatType,
  type Reads,
  stringType,
  type Value,
} from '../cel/index.ts';

export type Bindings = Readonly<Record<string, Value>>;

/** CEL cost that all expressions of one control may use on one object: the API server's budget for a policy. */
export const maxCostPerEvaluation = 10_000_000;

/** What is left to spend of maxCostPerEvaluation. */
export type Budget = { left: number };

export type Expression = {
  /** Throws EvaluationError when the expression has no value or the budget is spent. */
  evaluate(bindings: Bindings, budget: Budget): Value;
  /** The value, or the CelError as a value: for variables, whose errors CEL's operators may absorb. */
  evaluateLazily(bindings: Bindings, budget: Budget): Value;
  readonly type: CelType;
  /** Top-level names it mentions. */
  readonly names: ReadonlySet<string>;
  /** Names it selects from `variables`; '' when it reads them in another way. */
  readonly variables: ReadonlySet<string>;
  readonly reads: Reads;
};

export type ExpressionProblem = { readonly reason: string; readonly line: number; readonly column: number };

/** An expression without a value: the object is unjudged. */
export class EvaluationError extends Error {}

export type Scope = Readonly<Record<string, CelType>>;
export type ExpressionOptions = {
  readonly scope: Scope;
  readonly gives: 'bool' | 'string' | 'any';
  /** Names in scope that stand for the same value in every evaluation. */
  readonly constants?: Bindings;
};

export function compileExpression(
  source: string,
  { scope, gives, constants = {} }: ExpressionOptions,
): { readonly expression: Expression } | { readonly problem: ExpressionProblem } {
  const compiled = compileCel(source, { variables: scope, constants });
  if (!compiled.ok) {
    const { message, line, column } = compiled.error;
    return { problem: { reason: message, line, column } };
  }
  const { program } = compiled;
  if (
    gives !== 'any' &&
    ![formatType(dynType), formatType(gives === 'bool' ? boolType : stringType)].includes(formatType(program.type))
  ) {
    return { problem: { reason: `gives ${formatType(program.type)}, must give ${gives}`, line: 1, column: 1 } };
  }
  const run = (bindings: Bindings, budget: Budget) => {
    const result = program.evaluate(bindings);
    budget.left -= result.cost;
    if (budget.left < 0)
      throw new EvaluationError(`the control spent its cost of ${maxCostPerEvaluation} on one object`);
    return result;
  };
  return {
    expression: {
      evaluate(bindings, budget) {
        const result = run(bindings, budget);
        if (!result.ok) throw new EvaluationError(`${result.error.message} in ${shortened(source)}`);
        return result.value;
      },
      evaluateLazily(bindings, budget) {
        const result = run(bindings, budget);
        return result.ok ? result.value : result.error;
      },
      type: program.type,
      names: program.reads.variables,
      variables: new Set(program.reads.paths.filter(([root]) => root === 'variables').map(([, name]) => textOf(name))),
      reads: program.reads,
    },
  };
}

export function evaluateBool(expression: Expression, bindings: Bindings, budget: Budget): boolean {
  const value = expression.evaluate(bindings, budget);
  if (typeof value !== 'boolean') throw new EvaluationError('an expression that decides must give a bool');
  return value;
}

const textOf = (step: ReadPath[number] | undefined): string => (typeof step === 'string' ? step : '');

function shortened(source: string): string {
  const line = source.replaceAll(/\s+/g, ' ').trim();
  return line.length <= 120 ? line : `${line.slice(0, 119)}…`;
}
