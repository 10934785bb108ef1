/**
 * What the CEL policies of the Kubernetes world have in common (ValidatingAdmissionPolicy, Kyverno's CEL rules and
 * ValidatingPolicy, Gatekeeper's K8sNativeValidation): match conditions, variables and validations over the names of an
 * admission request.
 */
import type { ReadPath } from '../../read-path.ts';
import { LazyFields, type CelType, type Value } from '../../cel/index.ts';
import {
  type Bindings,
  type Budget,
  compileExpression,
  evaluateBool,
  type Expression,
  maxCostPerEvaluation,
  type Scope,
} from '../compile-expression.ts';

export type CelPolicySource = {
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[] | undefined;
  readonly variables?: readonly { readonly name: string; readonly expression: string }[] | undefined;
  readonly validations: readonly {
    readonly expression: string;
    readonly message?: string | undefined;
    readonly messageExpression?: string | undefined;
  }[];
};

export type CelPolicyOptions = {
  /** Names in scope besides `variables`. */
  readonly scope: Scope;
  /** Variables that the host binds, before those of the policy. */
  readonly given?: Readonly<Record<string, CelType>>;
  /** As the API server has it: match conditions come before variables, and see none. */
  readonly isStrict?: boolean;
};

/** `keys` lead to the expression below the policy's own section; line and column (from 1) are places in its text. */
export type CelPolicyProblem = {
  readonly keys: readonly PropertyKey[];
  readonly reason: string;
  readonly line: number;
  readonly column: number;
};

/** The names an evaluation binds; `given` are the variables of the host. */
export type CelPolicyInput = { readonly bindings: Bindings; readonly given?: Readonly<Record<string, Value>> };

export type CelPolicy = {
  /** Field paths it reads, from the name of a variable on. */
  readonly paths: readonly ReadPath[];
  readonly readsNamespace: boolean;
  /**
   * A message for each validation that fails, in their order; undefined when a match condition does not hold. Match
   * conditions see the same names as validations, the parameters among them: with several parameter objects the policy is
   * evaluated once for each. Throws EvaluationError where that is left undecided by an expression without a value.
   */
  evaluate(input: CelPolicyInput): readonly string[] | undefined;
};

type Compiled = {
  readonly conditions: readonly Expression[];
  readonly variables: ReadonlyMap<string, Expression>;
  readonly validations: readonly Validation[];
};

type Validation = {
  readonly source: string;
  readonly expression: Expression;
  readonly message: string | undefined;
  readonly messageExpression: Expression | undefined;
};

export function compileCelPolicy(
  source: CelPolicySource,
  options: CelPolicyOptions,
): { readonly policy: CelPolicy } | { readonly problems: readonly CelPolicyProblem[] } {
  const compiler = new PolicyCompiler(options);
  const compiled = compiler.compile(source);
  if (compiler.problems.length > 0) return { problems: compiler.problems };
  return {
    policy: {
      paths: compiler.paths,
      readsNamespace: compiler.paths.some(([root]) => root === 'namespaceObject'),
      evaluate: (input) => {
        const { bindings, budget } = begin(compiled, input);
        if (!holdAll(compiled.conditions, bindings, budget)) return undefined;
        return failing(compiled.validations, bindings, budget).map((one) => messageOf(one, bindings, budget));
      },
    },
  };
}

class PolicyCompiler {
  readonly problems: CelPolicyProblem[] = [];
  readonly paths: ReadPath[] = [];
  readonly #scope: Scope;
  readonly #declared: Set<string>;
  readonly #isStrict: boolean;

  constructor({ scope, given = {}, isStrict = false }: CelPolicyOptions) {
    this.#scope = scope;
    this.#isStrict = isStrict;
    this.#declared = new Set(Object.keys(given));
  }

  compile({ matchConditions = [], variables = [], validations }: CelPolicySource): Compiled {
    const compiled = new Map<string, Expression>();
    for (const [index, { name, expression }] of variables.entries()) {
      const keys = ['variables', index, 'expression'];
      if (this.#declared.has(name)) this.#refuse(keys, `variables.${name} is declared twice`);
      const variable = this.#expression(keys, expression, 'any');
      this.#declared.add(name);
      if (variable !== undefined) compiled.set(name, variable);
    }
    return {
      conditions: matchConditions.flatMap(({ expression }, index) => {
        const keys = ['matchConditions', index, 'expression'];
        const condition = this.#expression(keys, expression, 'bool');
        if (this.#isStrict && condition !== undefined && condition.variables.size > 0)
          this.#refuse(keys, 'match conditions see no variables: the API server evaluates them before');
        return this.#all(condition);
      }),
      variables: compiled,
      validations: validations.flatMap(({ expression, message, messageExpression }, index) => {
        const told =
          messageExpression === undefined
            ? undefined
            : this.#expression(['validations', index, 'messageExpression'], messageExpression, 'string');
        return this.#all(this.#expression(['validations', index, 'expression'], expression, 'bool')).map((one) => ({
          source: expression,
          expression: one,
          message,
          messageExpression: told,
        }));
      }),
    };
  }

  #all(expression: Expression | undefined): readonly Expression[] {
    return expression === undefined ? [] : [expression];
  }

  #expression(keys: readonly PropertyKey[], source: string, gives: 'bool' | 'string' | 'any'): Expression | undefined {
    const compiled = compileExpression(source, { scope: this.#scope, gives });
    if ('problem' in compiled) {
      this.problems.push({ keys, ...compiled.problem });
      return undefined;
    }
    const { expression } = compiled;
    for (const name of expression.variables) {
      if (!this.#declared.has(name)) this.#refuse(keys, `variables.${name} is not declared before it is used`);
    }
    this.paths.push(...expression.reads.paths);
    return expression;
  }

  #refuse(keys: readonly PropertyKey[], reason: string): void {
    this.problems.push({ keys, reason, line: 1, column: 1 });
  }
}

/** Variables are evaluated when they are first asked for, once; what they cost counts with the rest. */
function begin({ variables }: Compiled, { bindings: outer, given = {} }: CelPolicyInput) {
  const budget: Budget = { left: maxCostPerEvaluation };
  const bindings: Record<string, Value> = { ...outer };
  bindings['variables'] = new LazyFields((name) =>
    Object.hasOwn(given, name) ? given[name] : variables.get(name)?.evaluateLazily(bindings, budget),
  );
  return { bindings, budget };
}

/** One that is false decides, whatever becomes of the others. */
function holdAll(conditions: readonly Expression[], bindings: Bindings, budget: Budget): boolean {
  let error: unknown;
  for (const condition of conditions) {
    try {
      if (!evaluateBool(condition, bindings, budget)) return false;
    } catch (thrown) {
      error ??= thrown;
    }
  }
  if (error !== undefined) throw error;
  return true;
}

/** One that fails is a failure, whatever becomes of the others: each is asked on its own. */
function failing(validations: readonly Validation[], bindings: Bindings, budget: Budget): readonly Validation[] {
  let error: unknown;
  const failed = validations.filter(({ expression }) => {
    try {
      return !evaluateBool(expression, bindings, budget);
    } catch (thrown) {
      error ??= thrown;
      return false;
    }
  });
  if (failed.length === 0 && error !== undefined) throw error;
  return failed;
}

/** The message of the expression where it gives a usable one, then the fixed one, as the API server has it. */
function messageOf({ source, message, messageExpression }: Validation, bindings: Bindings, budget: Budget): string {
  const told = messageExpression?.evaluateLazily(bindings, budget);
  const usable = typeof told === 'string' && told.trim() !== '' && !told.includes('\n');
  if (usable) return told.trim();
  return message?.trim() || `failed expression: ${source.replaceAll(/\s+/g, ' ').trim()}`;
}
