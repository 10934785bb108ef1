/** The syntax tree, with macros already recognised. `at` is where an error about the node points (UTF-16 offset). */
export type Literal = null | boolean | number | bigint | string | Uint8Array;
export type LiteralKind = 'null' | 'bool' | 'int' | 'uint' | 'double' | 'string' | 'bytes';

/** Comprehension macros, one- and two-variable forms together; the number of vars tells them apart. */
export type FoldMacro = 'all' | 'exists' | 'exists_one' | 'map' | 'filter' | 'transformMap' | 'transformMapEntry';

export type LiteralExpr = {
  readonly kind: 'literal';
  readonly at: number;
  readonly type: LiteralKind;
  readonly value: Literal;
};
export type IdentExpr = {
  readonly kind: 'ident';
  readonly at: number;
  readonly name: string;
  readonly rooted: boolean;
};
export type SelectExpr = {
  readonly kind: 'select';
  readonly at: number;
  readonly operand: Expr;
  readonly field: string;
  /** `a.?b`: an optional, none when absent. */
  readonly optional: boolean;
  /** `has(a.b)`. */
  readonly test: boolean;
};
export type IndexExpr = {
  readonly kind: 'index';
  readonly at: number;
  readonly operand: Expr;
  readonly index: Expr;
  readonly optional: boolean;
};
export type CallExpr = {
  readonly kind: 'call';
  readonly at: number;
  /** Operators by CEL's names: `_+_`, `!_`, `_?_:_`, `@in`. `_&&_` and `_||_` take any number of arguments. */
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
};
export type ListExpr = {
  readonly kind: 'list';
  readonly at: number;
  readonly elements: readonly { readonly value: Expr; readonly optional: boolean }[];
};
export type MapExpr = {
  readonly kind: 'map';
  readonly at: number;
  readonly entries: readonly { readonly key: Expr; readonly value: Expr; readonly optional: boolean }[];
};
export type StructExpr = {
  readonly kind: 'struct';
  readonly at: number;
  readonly name: string;
  readonly fields: readonly {
    readonly at: number;
    readonly name: string;
    readonly value: Expr;
    readonly optional: boolean;
  }[];
};
export type FoldExpr = {
  readonly kind: 'fold';
  readonly at: number;
  readonly macro: FoldMacro;
  readonly range: Expr;
  readonly vars: readonly string[];
  /** map and transform forms only. */
  readonly filter: Expr | undefined;
  /** The predicate, or what each element becomes. */
  readonly body: Expr;
};
/** `cel.bind`; `optional` is set for optMap and optFlatMap, where init is an optional and body sees its value. */
export type BindExpr = {
  readonly kind: 'bind';
  readonly at: number;
  readonly name: string;
  readonly init: Expr;
  readonly body: Expr;
  readonly optional: 'no' | 'map' | 'flat-map';
};

export type Expr =
  | LiteralExpr
  | IdentExpr
  | SelectExpr
  | IndexExpr
  | CallExpr
  | ListExpr
  | MapExpr
  | StructExpr
  | FoldExpr
  | BindExpr;
