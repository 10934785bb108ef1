import { add } from '../arithmetic.ts';
import { compare, costSize, equal } from '../equality.ts';
import { invalid } from '../error.ts';
import { define, type CostRule, type Definition } from '../signature.ts';
import { CelDuration, CelUint, double, isError, type Value } from '../value.ts';

/** One for each element: K8s charges list traversal by element, not by tenth. */
const elements: CostRule = (list) => costSize(list);

const comparable = ['int', 'uint', 'double', 'bool', 'string', 'bytes', 'timestamp', 'duration'];
const zeros: readonly (readonly [string, Value])[] = [
  ['int', 0],
  ['uint', new CelUint(0)],
  ['double', double(0)],
  ['duration', new CelDuration(0n)],
];

function isSorted(list: readonly Value[]): Value {
  for (let i = 1; i < list.length; i++) {
    const order = compare(list[i - 1], list[i]);
    if (typeof order !== 'number') return order;
    if (order > 0) return false;
  }
  return true;
}

/** The sum of elements of one type, whichever that is when the list is dyn. */
const sum =
  (zero: Value) =>
  (list: readonly Value[]): Value => {
    let total = list.length === 0 ? zero : list[0];
    for (let i = 1; i < list.length; i++) {
      total = add(total, list[i]);
      if (isError(total)) return total;
    }
    return total;
  };

const extreme =
  (name: string, wanted: 1 | -1) =>
  (list: readonly Value[]): Value => {
    if (list.length === 0) return invalid(`${name} called on empty list`);
    let best = list[0];
    for (let i = 1; i < list.length; i++) {
      const order = compare(list[i], best);
      if (typeof order !== 'number') return order;
      if (order * wanted > 0) best = list[i];
    }
    return best;
  };

export const listDefinitions: readonly Definition[] = [
  ...comparable.map((type) => define(`list<${type}>::isSorted() -> bool`, isSorted, elements)),
  ...zeros.map(([type, zero]) => define(`list<${type}>::sum() -> ${type}`, sum(zero), elements)),
  ...comparable.map((type) => define(`list<${type}>::min() -> ${type}`, extreme('min', -1), elements)),
  ...comparable.map((type) => define(`list<${type}>::max() -> ${type}`, extreme('max', 1), elements)),
  define(
    'list<A>::indexOf(A) -> int',
    (list: readonly Value[], wanted: Value) => list.findIndex((element) => equal(element, wanted)),
    elements,
  ),
  define(
    'list<A>::lastIndexOf(A) -> int',
    (list: readonly Value[], wanted: Value) => list.findLastIndex((element) => equal(element, wanted)),
    elements,
  ),
];
