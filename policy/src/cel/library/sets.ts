import { costSize, equal } from '../equality.ts';
import { define, type CostRule, type Definition } from '../signature.ts';
import type { Value } from '../value.ts';

type List = readonly Value[];

const holds = (list: List, wanted: Value): boolean => list.some((element) => equal(element, wanted));
const contains = (list: List, sublist: List): boolean => sublist.every((element) => holds(list, element));

const pairs: CostRule = (a, b) => 1 + costSize(a) * costSize(b);
const pairsTwice: CostRule = (a, b) => 1 + 2 * costSize(a) * costSize(b);

export const setDefinitions: readonly Definition[] = [
  define('sets.contains(list<A>, list<A>) -> bool', contains, pairs),
  define(
    'sets.equivalent(list<A>, list<A>) -> bool',
    (a: List, b: List) => contains(a, b) && contains(b, a),
    pairsTwice,
  ),
  define(
    'sets.intersects(list<A>, list<A>) -> bool',
    (a: List, b: List) => b.some((element) => holds(a, element)),
    pairs,
  ),
];
