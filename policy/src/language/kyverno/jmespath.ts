/** JMESPath as Kyverno speaks it: the community's language with Kyverno's own functions in place of those of one name. */
import {
  compile as parse,
  isRegistered,
  type JSONValue,
  register,
  TreeInterpreter,
} from '@jmespath-community/jmespath';
import type { Json } from '@driftline/proto';
import { FunctionError } from './function-error.ts';
import { kyvernoFunctions } from './jmespath-functions.ts';

export type Query = {
  /** Null where there is nothing. Throws FunctionError where a function has no answer. */
  run(data: Json): Json;
  /** It only names fields, one in the other: where one is not there, its author did not think of that. */
  readonly isPlainPath: boolean;
};

for (const [name, { takes, run }] of Object.entries(kyvernoFunctions)) {
  const signature = takes.map((letters) => ({ types: letters.split('').map(typeOf) }));
  const done = register(name as 'kyverno', (inputs) => run(...(inputs as readonly Json[])) as JSONValue, signature, {
    override: true,
  });
  if (!done.success) throw new Error(done.message);
}

/** Argument types by the numbers that the library gives them. */
function typeOf(letter: string): number {
  return { n: 0, '*': 1, s: 2, a: 3, o: 4, b: 5 }[letter] ?? 1;
}

/** Longest expression, in UTF-16 units. */
const maxLength = 16_384;
const known = new Map<string, Query>();
const maxKnown = 2_000;

/** Throws an Error that says what is wrong with the expression: its syntax, or a function that is not there. */
export function compileQuery(source: string): Query {
  const found = known.get(source);
  if (found !== undefined) return found;
  if (source.length > maxLength) throw new FunctionError(`expression longer than ${maxLength} characters`);
  const tree = parse(source);
  const unknown = functionsOf(tree).find((name) => !isRegistered(name));
  if (unknown !== undefined) throw new FunctionError(`the function ${unknown} is not supported`);
  const query: Query = {
    isPlainPath: isPlainPath(tree),
    run: (data) => (TreeInterpreter.search(tree, data as JSONValue) ?? null) as Json,
  };
  if (known.size >= maxKnown) known.clear();
  known.set(source, query);
  return query;
}

function isPlainPath(node: unknown): boolean {
  if (typeof node !== 'object' || node === null || !('type' in node)) return false;
  if (node.type === 'Field') return true;
  const isStep = node.type === 'Subexpression' && 'left' in node && 'right' in node;
  return isStep && isPlainPath(node.left) && isPlainPath(node.right);
}

function functionsOf(node: unknown): readonly string[] {
  if (Array.isArray(node)) return node.flatMap(functionsOf);
  if (typeof node !== 'object' || node === null) return [];
  const own = 'type' in node && node.type === 'Function' && 'name' in node ? [String(node.name)] : [];
  return [...own, ...Object.values(node).flatMap(functionsOf)];
}
