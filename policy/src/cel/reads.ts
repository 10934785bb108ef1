import { everyItem, type ReadPath, readPathKey, shape } from '../read-path.ts';
import type { BindExpr, Expr, FoldExpr } from './ast.ts';
import { children } from './children.ts';
import type { Checked } from './check-context.ts';

/** What a program can read of its bindings. */
export type Reads = {
  /** Names of the top-level variables mentioned. */
  readonly variables: ReadonlySet<string>;
  /**
   * Variable names and what is read of them, down to where the expression stops naming it; everything below is read too:
   * `object.spec.containers.all(c, c.x)` reads the x of every item of ['object', 'spec', 'containers'].
   */
  readonly paths: readonly ReadPath[];
  /** Set when the value of the program is what stands at this path (or a constant where nothing does), and it reads nothing else. */
  readonly alias: ReadPath | undefined;
};

export function readsOf(expr: Expr, checked: Checked): Reads {
  const reader = new Reader(checked);
  reader.visit(expr);
  const paths = [...reader.paths.values()];
  return {
    variables: new Set(checked.scope.variables.map(({ name }) => name)),
    paths,
    alias: paths.length === 1 ? reader.pathOf(expr) : undefined,
  };
}

/**
 * Walks a tree with what is known of the names that macros bind: such a name stands for a path where its range or value
 * does. Where it does not, its value is made of what the range or value reads, and that is read as a whole.
 */
class Reader {
  readonly paths = new Map<string, ReadPath>();
  readonly #checked: Checked;
  /** By slot. */
  readonly #locals = new Map<number, ReadPath>();

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  visit(node: Expr): void {
    const path = node.kind === 'select' && node.test ? this.#tested(node.operand, node.field) : this.pathOf(node);
    if (path !== undefined) {
      this.#add(path);
      this.#visitIndexes(node);
    } else if (node.kind === 'fold') this.#fold(node);
    else if (node.kind === 'bind') this.#bind(node);
    else for (const child of children(node)) this.visit(child);
  }

  /** Where the value of the node stands, when it is a plain selection. */
  pathOf(node: Expr): ReadPath | undefined {
    const reference = this.#checked.references.get(node);
    if (reference?.kind === 'variable') return [reference.name];
    if (reference !== undefined) return reference.kind === 'local' ? this.#locals.get(reference.slot) : undefined;
    if (node.kind === 'call') return hasConstantDefault(node) ? this.pathOf(node.target) : undefined;
    if ((node.kind !== 'select' || node.test) && node.kind !== 'index') return undefined;
    const operand = this.pathOf(node.operand);
    if (operand === undefined) return undefined;
    if (node.kind === 'select') return [...operand, node.field];
    const { index } = node;
    return [...operand, index.kind === 'literal' && typeof index.value === 'string' ? index.value : everyItem];
  }

  #add(path: ReadPath): void {
    this.paths.set(readPathKey(path), path);
  }

  #tested(operand: Expr, field: string): ReadPath | undefined {
    const path = this.pathOf(operand);
    return path && [...path, field, shape];
  }

  /** The computed indexes along a path, which may read other variables. */
  #visitIndexes(node: Expr): void {
    if (node.kind === 'select') this.#visitIndexes(node.operand);
    else if (node.kind === 'call' && node.target !== undefined) this.#visitIndexes(node.target);
    else if (node.kind === 'index') {
      this.#visitIndexes(node.operand);
      this.visit(node.index);
    }
  }

  #fold(node: FoldExpr): void {
    const path = this.pathOf(node.range);
    if (path === undefined) this.visit(node.range);
    else {
      const item: ReadPath = [...path, everyItem];
      this.#visitIndexes(node.range);
      this.#add([...item, shape]);
      // Its items are in the result.
      if (node.macro === 'filter') this.#add(item);
      this.#take(node, item);
    }
    if (node.filter !== undefined) this.visit(node.filter);
    this.visit(node.body);
  }

  #bind(node: BindExpr): void {
    const path = this.pathOf(node.init);
    if (path === undefined) this.visit(node.init);
    else {
      this.#visitIndexes(node.init);
      this.#add([...path, shape]);
      this.#take(node, path);
    }
    this.visit(node.body);
  }

  /** The last name that the node binds stands for the path; a first of two is a position or a key. */
  #take(node: FoldExpr | BindExpr, path: ReadPath): void {
    const slot = this.#checked.localSlots.get(node)?.at(-1);
    if (slot !== undefined) this.#locals.set(slot, path);
  }
}

type Defaulted = Extract<Expr, { kind: 'call' }> & { readonly target: Expr };

/** `a.?b.orValue([])`. */
function hasConstantDefault(node: Extract<Expr, { kind: 'call' }>): node is Defaulted {
  return node.name === 'orValue' && node.target !== undefined && node.args.every(isConstant);
}

function isConstant(expr: Expr): boolean {
  return expr.kind === 'literal' || ((expr.kind === 'list' || expr.kind === 'map') && children(expr).every(isConstant));
}
