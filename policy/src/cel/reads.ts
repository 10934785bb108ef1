import type { Expr } from './ast.ts';
import { children } from './children.ts';
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
    if (path === undefined) children(node).forEach(visit);
    else paths.set(JSON.stringify(path), path);
    if (path !== undefined) indexesOf(node).forEach(visit);
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

/** The computed indexes along a path, which may read other variables. */
function indexesOf(node: Expr): readonly Expr[] {
  if (node.kind === 'select') return indexesOf(node.operand);
  return node.kind === 'index' ? [...indexesOf(node.operand), node.index] : [];
}
