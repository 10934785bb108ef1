/** Names in an expression that its own macros do not bind, and how to write them otherwise. */
import type { Expr, IdentExpr } from '../cel/ast.ts';
import { children } from '../cel/children.ts';
import { parse } from '../cel/parser.ts';

/** In the order of the text. Throws SourceError when it is no CEL. */
export function freeNames(source: string): readonly IdentExpr[] {
  const found: IdentExpr[] = [];
  collect(parse(source), new Set(), found);
  return found.sort((a, b) => a.at - b.at);
}

function collect(node: Expr, bound: ReadonlySet<string>, found: IdentExpr[]): void {
  if (node.kind === 'ident') {
    if (!bound.has(node.name)) found.push(node);
    return;
  }
  const own = node.kind === 'fold' ? node.vars : node.kind === 'bind' ? [node.name] : [];
  const inside = own.length === 0 ? bound : new Set([...bound, ...own]);
  // What a macro runs over does not see what the macro binds.
  const outer = node.kind === 'fold' ? node.range : node.kind === 'bind' ? node.init : undefined;
  for (const child of children(node)) collect(child, child === outer ? bound : inside, found);
}

/** The same expression with other texts for some of its free names. */
export function renamed(source: string, names: ReadonlyMap<string, string>): string {
  let text = '';
  let from = 0;
  for (const { name, at, rooted } of freeNames(source)) {
    const other = names.get(name);
    if (other === undefined || rooted) continue;
    text += `${source.slice(from, at)}${other}`;
    from = at + name.length;
  }
  return text + source.slice(from);
}

/** Whether the field of a free name is read, however that is written: `object.status`, `object.?status`, `has(object.status)`. */
export function readsField(source: string, name: string, field: string): boolean {
  const isRead = (node: Expr): boolean =>
    (node.kind === 'select' && node.field === field && node.operand.kind === 'ident' && node.operand.name === name) ||
    (node.kind === 'index' &&
      node.operand.kind === 'ident' &&
      node.operand.name === name &&
      node.index.kind === 'literal' &&
      node.index.value === field) ||
    children(node).some(isRead);
  return isRead(parse(source));
}

export function mentions(source: string, name: string): boolean {
  return freeNames(source).some((one) => one.name === name);
}
