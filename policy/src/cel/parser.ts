import type { CallExpr, Expr, LiteralExpr, StructExpr } from './ast.ts';
import { SourceError } from './error.ts';
import { tokenize, type Token } from './lexer.ts';
import { expandMacro } from './macros.ts';

/** Deepest nesting of parentheses, brackets, operands and calls that is accepted. */
export const maxNestingDepth = 250;

const reserved: ReadonlySet<string> = new Set(
  'as break const continue else false for function if import in let loop null package namespace return true var void while'.split(
    ' ',
  ),
);
const notSelectable: ReadonlySet<string> = new Set(['in', 'true', 'false', 'null']);

/** Binary operators that associate to the left, by how tightly they bind. */
const precedence: ReadonlyMap<string, number> = new Map([
  ['||', 1],
  ['&&', 2],
  ['<', 3],
  ['<=', 3],
  ['>', 3],
  ['>=', 3],
  ['==', 3],
  ['!=', 3],
  ['in', 3],
  ['+', 4],
  ['-', 4],
  ['*', 5],
  ['/', 5],
  ['%', 5],
]);

const minInt = -(2n ** 63n);
const maxInt = 2n ** 63n - 1n;
const maxUint = 2n ** 64n - 1n;

/** Source to syntax tree, macros expanded. Throws SourceError. */
export function parse(source: string): Expr {
  const parser = new Parser(tokenize(source));
  const expr = parser.expression();
  parser.expectEnd();
  return expr;
}

class Parser {
  private readonly tokens: readonly Token[];
  private position = 0;
  private depth = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  private get token(): Token {
    const token = this.tokens[this.position];
    if (token === undefined) throw new SourceError('Syntax error: unexpected end of the expression', 0);
    return token;
  }

  private next(): Token {
    const token = this.token;
    if (token.type !== 'end') this.position++;
    return token;
  }

  private is(op: string): boolean {
    return this.token.type === 'op' && this.token.text === op;
  }

  private accept(op: string): boolean {
    const found = this.is(op);
    if (found) this.position++;
    return found;
  }

  private expect(op: string): Token {
    if (!this.is(op)) throw this.unexpected(`'${op}'`);
    return this.next();
  }

  private unexpected(expected: string): SourceError {
    const { type, text, start } = this.token;
    const shown = type === 'string' ? JSON.stringify(text) : text;
    return new SourceError(`Syntax error: mismatched input '${shown}' expecting ${expected}`, start);
  }

  expectEnd(): void {
    if (this.token.type !== 'end') throw this.unexpected('<EOF>');
  }

  expression(): Expr {
    if (++this.depth > maxNestingDepth) {
      throw new SourceError(`expression recursion limit exceeded: ${maxNestingDepth}`, this.token.start);
    }
    const condition = this.binary(1);
    let result = condition;
    if (this.is('?')) {
      const at = this.next().start;
      const yes = this.binary(1);
      this.expect(':');
      const no = this.expression();
      result = { kind: 'call', at, name: '_?_:_', target: undefined, args: [condition, yes, no] };
    }
    this.depth--;
    return result;
  }

  private binary(minimum: number): Expr {
    let left = this.unary();
    for (;;) {
      const { type, text, start } = this.token;
      const isOperator = type === 'op' || (type === 'ident' && text === 'in');
      const binds = isOperator ? precedence.get(text) : undefined;
      if (binds === undefined || binds < minimum) return left;
      this.next();
      left = joined(text, start, left, this.binary(binds + 1));
    }
  }

  private unary(): Expr {
    const { text: op, start: at } = this.token;
    if (!this.is('!') && !this.is('-')) return this.member();
    const following = this.tokens[this.position + 1];
    if (op === '-' && (following?.type === 'int' || following?.type === 'double')) return this.member();
    let count = 0;
    while (this.is(op)) {
      const next = this.tokens[this.position + 1];
      if (op === '-' && count > 0 && (next?.type === 'int' || next?.type === 'double')) break;
      this.next();
      count++;
    }
    const operand = this.member();
    const name = op === '!' ? '!_' : '-_';
    return count % 2 === 0 ? operand : { kind: 'call', at, name, target: undefined, args: [operand] };
  }

  private member(): Expr {
    let operand = this.primary();
    for (;;) {
      const at = this.token.start;
      if (this.accept('.')) operand = this.selection(operand, at);
      else if (this.accept('[')) {
        const optional = this.accept('?');
        const index = this.expression();
        this.expect(']');
        operand = { kind: 'index', at, operand, index, optional };
      } else if (this.is('{')) {
        const name = qualifiedName(operand);
        if (name === undefined) return operand;
        operand = this.struct(name);
      } else return operand;
    }
  }

  private selection(operand: Expr, at: number): Expr {
    const optional = this.accept('?');
    const { type, text } = this.token;
    if (type === 'quoted-ident') {
      this.next();
      return { kind: 'select', at, operand, field: text, optional, test: false };
    }
    if (type !== 'ident' || notSelectable.has(text)) throw this.unexpected('IDENTIFIER');
    this.next();
    if (optional || !this.is('(')) return { kind: 'select', at, operand, field: text, optional, test: false };
    return this.call(text, operand);
  }

  private call(name: string, target: Expr | undefined): Expr {
    const at = this.expect('(').start;
    const args: Expr[] = [];
    while (!this.is(')')) {
      args.push(this.expression());
      if (!this.accept(',')) break;
    }
    this.expect(')');
    const call: CallExpr = { kind: 'call', at, name, target, args };
    return expandMacro(call) ?? call;
  }

  private primary(): Expr {
    const token = this.token;
    if (token.type === 'ident') return this.identifier(false);
    if (token.type === 'op') return this.bracketed(token);
    if (token.type === 'end' || token.type === 'quoted-ident') throw this.unexpected('an expression');
    return literal(this.next(), '');
  }

  private bracketed(token: Token): Expr {
    switch (token.text) {
      case '(': {
        this.next();
        const inner = this.expression();
        this.expect(')');
        return inner;
      }
      case '[':
        return this.list();
      case '{':
        return this.map();
      case '-':
        this.next();
        return literal(this.next(), '-');
      case '.':
        this.next();
        return this.identifier(true);
      default:
        throw this.unexpected('an expression');
    }
  }

  private identifier(rooted: boolean): Expr {
    const { type, text, start: at } = this.token;
    if (type !== 'ident') throw this.unexpected('IDENTIFIER');
    this.next();
    if (!rooted) {
      if (text === 'true' || text === 'false') return { kind: 'literal', at, type: 'bool', value: text === 'true' };
      if (text === 'null') return { kind: 'literal', at, type: 'null', value: null };
    }
    if (this.is('(')) return this.call(rooted ? `.${text}` : text, undefined);
    if (reserved.has(text)) throw new SourceError(`reserved identifier: ${text}`, at);
    return { kind: 'ident', at, name: text, rooted };
  }

  private list(): Expr {
    const at = this.expect('[').start;
    const elements: { value: Expr; optional: boolean }[] = [];
    while (!this.is(']')) {
      const optional = this.accept('?');
      elements.push({ value: this.expression(), optional });
      if (!this.accept(',')) break;
    }
    this.expect(']');
    return { kind: 'list', at, elements };
  }

  private map(): Expr {
    const at = this.expect('{').start;
    const entries: { key: Expr; value: Expr; optional: boolean }[] = [];
    while (!this.is('}')) {
      const optional = this.accept('?');
      const key = this.expression();
      this.expect(':');
      entries.push({ key, value: this.expression(), optional });
      if (!this.accept(',')) break;
    }
    this.expect('}');
    return { kind: 'map', at, entries };
  }

  private struct(name: string): StructExpr {
    const at = this.expect('{').start;
    const fields: StructExpr['fields'][number][] = [];
    while (!this.is('}')) {
      const optional = this.accept('?');
      const { type, text, start } = this.token;
      if (type !== 'quoted-ident' && (type !== 'ident' || notSelectable.has(text))) throw this.unexpected('IDENTIFIER');
      this.next();
      this.expect(':');
      fields.push({ at: start, name: text, value: this.expression(), optional });
      if (!this.accept(',')) break;
    }
    this.expect('}');
    return { kind: 'struct', at, name, fields };
  }
}

/** `a || b || c` becomes one node, so that long chains stay shallow. */
function joined(op: string, at: number, left: Expr, right: Expr): Expr {
  const name = op === 'in' ? '@in' : `_${op}_`;
  const flat = (op === '||' || op === '&&') && left.kind === 'call' && left.name === name;
  return { kind: 'call', at, name, target: undefined, args: flat ? [...left.args, right] : [left, right] };
}

/** `a.b.c` as the name of a message or namespace; undefined when it is not a plain chain of names. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.rooted ? `.${expr.name}` : expr.name;
  if (expr.kind !== 'select' || expr.optional || expr.test) return undefined;
  const operand = qualifiedName(expr.operand);
  return operand === undefined ? undefined : `${operand}.${expr.field}`;
}

function literal(token: Token, sign: '' | '-'): LiteralExpr {
  const at = token.start;
  switch (token.type) {
    case 'int': {
      const value = sign === '' ? BigInt(token.text) : -BigInt(token.text);
      if (value < minInt || value > maxInt) throw new SourceError('invalid int literal', at);
      return { kind: 'literal', at, type: 'int', value };
    }
    case 'uint': {
      const value = BigInt(token.text);
      if (sign !== '' || value > maxUint) throw new SourceError('invalid uint literal', at);
      return { kind: 'literal', at, type: 'uint', value };
    }
    case 'double': {
      const value = Number(sign + token.text);
      if (!Number.isFinite(value)) throw new SourceError('invalid double literal', at);
      return { kind: 'literal', at, type: 'double', value };
    }
    case 'string':
      return { kind: 'literal', at, type: 'string', value: token.text };
    case 'bytes':
      return { kind: 'literal', at, type: 'bytes', value: token.bytes ?? new Uint8Array() };
    case 'ident':
    case 'quoted-ident':
    case 'op':
    case 'end':
      throw new SourceError(`Syntax error: mismatched input '${token.text}' expecting an expression`, at);
  }
}
