import { define, type Definition } from '../signature.ts';
import { invalid } from '../error.ts';
import { equal } from '../equality.ts';
import { mapSize } from '../cel-map.ts';
import { type CelOptional, kindOf, none, numeric, some, type Value } from '../value.ts';

const empty: ReadonlyMap<string, (value: Value) => boolean> = new Map<string, (value: Value) => boolean>([
  ['null', () => true],
  ['bool', (value) => value === false],
  ['string', (value) => value === ''],
  ['bytes', (value) => value instanceof Uint8Array && value.length === 0],
  ['list', (value) => Array.isArray(value) && value.length === 0],
  ['map', (value) => mapSize(value) === 0],
]);

function isZero(value: Value): boolean {
  const number = numeric(value);
  return number === undefined ? (empty.get(kindOf(value))?.(value) ?? false) : equal(number, 0);
}

const orElse = (value: CelOptional, other: CelOptional): CelOptional => (value.hasValue ? value : other);

export const optionalDefinitions: readonly Definition[] = [
  define('optional.of(A) -> optional<A>', some),
  define('optional.none() -> optional<A>', () => none),
  define('optional.ofNonZeroValue(A) -> optional<A>', (value: Value) => (isZero(value) ? none : some(value))),
  define('optional<A>::hasValue() -> bool', (value: CelOptional) => value.hasValue),
  define('optional<A>::value() -> A', (value: CelOptional) =>
    value.hasValue ? value.value : invalid('optional.none() dereference'),
  ),
  define('optional<A>::or(optional<A>) -> optional<A>', orElse),
  define('optional<A>::orValue(A) -> A', (value: CelOptional, other: Value) => (value.hasValue ? value.value : other)),
  // What is dyn may turn out to be no optional: it is then the value itself, as in cel-go.
  define('A::orValue(A) -> A', (value: Value) => value),
  define('optional.unwrap(list<optional<A>>) -> list<A>', unwrap),
  define('list<optional<A>>::unwrapOpt() -> list<A>', unwrap),
];

function unwrap(list: readonly Value[]): Value {
  const values: Value[] = [];
  for (const element of list) {
    if (kindOf(element) !== 'optional_type') return invalid('unwrap: an element is not an optional');
    const optional = element as CelOptional;
    if (optional.hasValue) values.push(optional.value);
  }
  return values;
}
