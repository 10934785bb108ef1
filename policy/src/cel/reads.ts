import type { Expr } from './ast.ts';
import type { Checked } from './check-context.ts';

/** What a program can read of its bindings. */
export type Reads = {
  /** Names of the top-level variables mentioned. */
  readonly variables: ReadonlySet<string>;
  /**
   * Variable and field names down to where the expression stops naming them; everything below is read too:
   * `object.spec.containers.all(c, c.x)` reads ['object', 'spec', 'containers'].
   */
  readonly paths: readonly (readonly string[])[];
};

export function readsOf(expr: Expr, checked: Checked): Reads {
  const paths = new Map<string, readonly string[]>();
  const visit = (node: Expr): void => {
    const path = pathOf(node, checked);
    if (path !== undefined) paths.set(JSON.stringify(path), path);
    else children(node).forEach(visit);
    if (node.kind === 'index') visit(node.index);
  };
  visit(expr);
  return { variables: new Set(checked.scope.variables.map(({ name }) => name)), paths: [...paths.values()] };
}

function pathOf(node: Expr, checked: Checked): readonly string[] | undefined {
  const reference = checked.references.get(node);
  if (reference !== undefined) return reference.kind === 'variable' ? [reference.name] : undefined;
  if (node.kind !== 'select' && node.kind !== 'index') return undefined;
  const operand = pathOf(node.operand, checked);
  if (node.kind === 'select') return operand && [...operand, node.field];
  const constant = node.index.kind === 'literal' && typeof node.index.value === 'string' ? node.index.value : undefined;
  return operand && (constant === undefined ? operand : [...operand, constant]);
}

function children(node: Expr): readonly Expr[] {
  switch (node.kind) {
    case 'literal':
    case 'ident':
      return [];
    case 'select':
      return [node.operand];
    case 'index':
      return [node.operand];
    case 'call':
      return node.target === undefined ? node.args : [node.target, ...node.args];
    case 'list':
      return node.elements.map(({ value }) => value);
    case 'map':
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return node.fields.map(({ value }) => value);
    case 'fold':
      return node.filter === undefined ? [node.range, node.body] : [node.range, node.filter, node.body];
    case 'bind':
      return [node.init, node.body];
  }
}
