import { define, type Overload } from './signature.ts';

/** Operators are compiled by name, not called through these: the signatures serve the type checker. */
const check = (signature: string): Overload => define(signature, () => null)[1];

const same = (name: string, result: string | undefined, kinds: readonly string[]): readonly Overload[] =>
  kinds.map((kind) => check(`${name}(${kind}, ${kind}) -> ${result ?? kind}`));

const numbers = ['int', 'uint', 'double'];

const comparison: readonly Overload[] = [
  ...same('order', 'bool', ['bool', 'int', 'uint', 'double', 'string', 'bytes', 'timestamp', 'duration']),
  ...numbers.flatMap((a) => numbers.filter((b) => b !== a).map((b) => check(`order(${a}, ${b}) -> bool`))),
];
const equality = [check('equal(A, A) -> bool')];

/** By operator, as the parser names it. `_&&_` and `_||_` are checked apart, having any number of arguments. */
export const operatorOverloads: ReadonlyMap<string, readonly Overload[]> = new Map<string, readonly Overload[]>([
  [
    '_+_',
    [
      ...same('add', undefined, [...numbers, 'string', 'bytes', 'list<A>', 'duration']),
      check('add(timestamp, duration) -> timestamp'),
      check('add(duration, timestamp) -> timestamp'),
    ],
  ],
  [
    '_-_',
    [
      ...same('subtract', undefined, [...numbers, 'duration']),
      check('subtract(timestamp, timestamp) -> duration'),
      check('subtract(timestamp, duration) -> timestamp'),
    ],
  ],
  ['_*_', same('multiply', undefined, numbers)],
  ['_/_', same('divide', undefined, numbers)],
  ['_%_', same('modulo', undefined, ['int', 'uint'])],
  ['-_', [check('negate(int) -> int'), check('negate(double) -> double')]],
  ['!_', [check('not(bool) -> bool')]],
  ['_==_', equality],
  ['_!=_', equality],
  ['_<_', comparison],
  ['_<=_', comparison],
  ['_>_', comparison],
  ['_>=_', comparison],
  ['@in', [check('in(A, list<A>) -> bool'), check('in(A, map<A, B>) -> bool')]],
  ['_?_:_', [check('choose(bool, A, A) -> A')]],
  [
    '_[_]',
    [
      check('index(list<A>, int) -> A'),
      check('index(map<A, B>, A) -> B'),
      check('index(optional<list<A>>, int) -> optional<A>'),
      check('index(optional<map<A, B>>, A) -> optional<B>'),
    ],
  ],
  [
    '_[?_]',
    [
      check('index(list<A>, int) -> optional<A>'),
      check('index(map<A, B>, A) -> optional<B>'),
      check('index(optional<list<A>>, int) -> optional<A>'),
      check('index(optional<map<A, B>>, A) -> optional<B>'),
    ],
  ],
]);
