/** The `cel` section of a control file, compiled: every problem noted, not only the first. */
import type { JsonObject } from '@driftline/proto';
import { dynType } from '../cel/index.ts';
import type { CelSection, CelValidation } from '../load/control-file.ts';
import {
  type Each,
  eachOf,
  itemScope,
  namesOf,
  type PathTemplate,
  pathTemplate,
  requestName,
  scopeOf,
} from './cel-scope.ts';
import {
  type Bindings,
  compileExpression,
  type Expression,
  type ExpressionOptions,
  type Scope,
} from './compile-expression.ts';

/** `keys` lead to the expression inside the control file; line and column (from 1) are places in its text. */
export type CelProblem = {
  readonly keys: readonly PropertyKey[];
  readonly reason: string;
  readonly line: number;
  readonly column: number;
};

export type CompiledSection = {
  readonly conditions: readonly Expression[];
  readonly assessable: readonly { readonly expression: Expression; readonly reason: string }[];
  readonly variables: ReadonlyMap<string, Expression>;
  readonly each: Each | undefined;
  /** General form of `each`. */
  readonly items: Expression | undefined;
  readonly itemsPath: PathTemplate | undefined;
  readonly validations: readonly Validation[];
  readonly readsNamespace: boolean;
};

export type Validation = {
  readonly expression: Expression;
  readonly message: string;
  readonly messageExpression: Expression | undefined;
  /** Without either: the item, or the object as a whole. */
  readonly path: PathTemplate | undefined;
  readonly pathExpression: Expression | undefined;
  readonly value: Expression | undefined;
};

export type SectionOptions = { readonly isPodBearing: boolean; readonly params: JsonObject };

export function compileCelSection(
  section: CelSection,
  options: SectionOptions,
): { readonly compiled: CompiledSection } | { readonly problems: readonly CelProblem[] } {
  const compiler = new SectionCompiler(section, options);
  const compiled = compiler.compile();
  return compiler.problems.length > 0 ? { problems: compiler.problems } : { compiled };
}

class SectionCompiler {
  readonly problems: CelProblem[] = [];
  readonly #section: CelSection;
  readonly #each: Each | undefined;
  readonly #scope: Scope;
  readonly #constants: Bindings;
  readonly #variables = new Map<string, Expression>();
  readonly #declared = new Set<string>();
  #readsNamespace = false;

  constructor(section: CelSection, { isPodBearing, params }: SectionOptions) {
    this.#section = section;
    this.#each = eachOf(section.each);
    this.#constants = namesOf(this.#each).includes('params') ? {} : { params };
    this.#scope = scopeOf(isPodBearing);
    if (typeof section.each === 'string' && !isPodBearing) {
      this.#refuse(['each'], `${section.each} needs every kind of match.kinds to be pod-bearing`);
    }
  }

  compile(): CompiledSection {
    const { matchConditions, assessable, variables, each, validations } = this.#section;
    for (const [index, { name, expression }] of (variables ?? []).entries()) {
      if (this.#declared.has(name)) this.#refuse(['variables', index, 'name'], `variables.${name} is declared twice`);
      const compiled = this.#expression(['variables', index, 'expression'], expression, this.#any());
      this.#declared.add(name);
      if (compiled !== undefined) this.#variables.set(name, compiled);
    }
    const conditions = (matchConditions ?? []).map(({ expression }, index) =>
      this.#expression(['matchConditions', index, 'expression'], expression, this.#bool()),
    );
    const questions = (assessable ?? []).map(({ expression, reason }, index) => ({
      expression: this.#expression(['assessable', index, 'expression'], expression, this.#bool()),
      reason,
    }));
    const general = typeof each === 'object' ? each : undefined;
    return {
      conditions: conditions.map(orNever),
      assessable: questions.map(({ expression, reason }) => ({ expression: orNever(expression), reason })),
      variables: this.#variables,
      each: this.#each,
      items: general && this.#expression(['each', 'in'], general.in, this.#any()),
      itemsPath: general && this.#template(['each', 'path'], general.path, this.#scope),
      validations: validations.map((validation, index) => this.#validation(validation, ['validations', index])),
      readsNamespace: this.#readsNamespace,
    };
  }

  #validation(validation: CelValidation, keys: readonly PropertyKey[]): Validation {
    const scope = itemScope(this.#scope, this.#each);
    const optional = (
      key: 'messageExpression' | 'valueExpression' | 'pathExpression',
      gives: ExpressionOptions['gives'],
    ) => {
      const source = validation[key];
      return source === undefined ? undefined : this.#expression([...keys, key], source, { scope, gives });
    };
    return {
      expression: orNever(this.#expression([...keys, 'expression'], validation.expression, { scope, gives: 'bool' })),
      message: validation.message ?? '',
      messageExpression: optional('messageExpression', 'string'),
      path: validation.path === undefined ? undefined : this.#template([...keys, 'path'], validation.path, scope),
      pathExpression: optional('pathExpression', 'string'),
      value: optional('valueExpression', 'any'),
    };
  }

  #bool(): ExpressionOptions {
    return { scope: this.#scope, gives: 'bool' };
  }

  #any(): ExpressionOptions {
    return { scope: this.#scope, gives: 'any' };
  }

  #expression(keys: readonly PropertyKey[], source: string, options: ExpressionOptions): Expression | undefined {
    const compiled = compileExpression(source, { ...options, constants: this.#constants });
    if ('problem' in compiled) {
      const { reason, ...place } = compiled.problem;
      const request = requestName(source);
      this.#refuse(
        keys,
        request === undefined ? reason : `${request} is of a request; a control judges the state of an object`,
        place,
      );
      return undefined;
    }
    const { expression } = compiled;
    for (const name of expression.variables) {
      if (this.#declared.has(name)) continue;
      const reason =
        name === ''
          ? 'variables is only read by name: variables.<name>'
          : `variables.${name} is not declared before it is used`;
      this.#refuse(keys, reason, placeOf(source, `variables.${name}`));
    }
    if (expression.names.has('namespaceObject')) this.#readsNamespace = true;
    return expression;
  }

  #template(keys: readonly PropertyKey[], template: string, scope: Scope): PathTemplate {
    const places = Object.keys(scope).filter((name) => name.endsWith('Path'));
    const made = pathTemplate(template, places, this.#each);
    if ('fill' in made) return made;
    const known =
      places.length === 0
        ? 'there are no placeholders here'
        : `placeholders here: ${places.map((name) => `{${name}}`).join(', ')}`;
    this.#refuse(keys, `{${made.unknown}} is unknown; ${known}`);
    return { fill: () => '', fillStatic: () => '', afterItem: undefined };
  }

  #refuse(keys: readonly PropertyKey[], reason: string, { line, column }: Place = { line: 1, column: 1 }): void {
    this.problems.push({ keys: ['cel', ...keys], reason, line, column });
  }
}

type Place = { readonly line: number; readonly column: number };

function placeOf(source: string, text: string): Place {
  const before = source.slice(0, Math.max(source.indexOf(text), 0));
  return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') };
}

/** Stands in for an expression that did not compile; its section is refused, so it never runs. */
function orNever(expression: Expression | undefined): Expression {
  return expression ?? never;
}

const never: Expression = {
  evaluate: () => undefined,
  evaluateLazily: () => undefined,
  type: dynType,
  names: new Set(),
  variables: new Set(),
  reads: { variables: new Set(), paths: [], alias: undefined },
};
