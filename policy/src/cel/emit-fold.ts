import type { FoldExpr } from './ast.ts';
import { CelMap, isMapKey, mapKeys, mapPairs } from './cel-map.ts';
import type { Emitter } from './emit.ts';
import { type CelError, invalid, noSuchOverload } from './error.ts';
import type { Code, Run } from './run.ts';
import { isError, kindOf, type Value } from './value.ts';

/** Code for one element; `undefined` to go on, anything else is the answer. */
type Step = (run: Run) => Value;

/** How a macro runs: what one step does, and what comes after the last. State lives in the accumulator. */
type Accumulation = {
  readonly start: () => Accumulator;
  readonly step: (run: Run, accumulator: Accumulator) => Value;
  readonly finish: (run: Run, accumulator: Accumulator) => Value;
};

type Accumulator = { list: Value[]; map: CelMap; count: number; error: CelError | undefined };

const accumulator = (): Accumulator => ({ list: noList, map: noMap, count: 0, error: undefined });
const noList: Value[] = [];
const noMap = new CelMap();

/** Costs follow the loop that cel-go expands each macro to: its accumulator reads, its condition, its result. */
const cost = { step: 1, allCondition: 2, existsCondition: 3, listElement: 10, count: 2, call: 1, result: 1 } as const;

export function emitFold(emitter: Emitter, expr: FoldExpr): Code {
  const range = emitter.emit(expr.range);
  const body = emitter.emit(expr.body);
  const filter = expr.filter && emitter.emit(expr.filter);
  const slots = emitter.checked.localSlots.get(expr) ?? [];
  const [first = 0, second] = slots;
  if (second === undefined && (expr.macro === 'all' || expr.macro === 'exists')) {
    return emitQuantifier(range, body, first, expr.macro === 'exists');
  }
  const accumulation = accumulationOf(emitter, expr, { body, filter, first });
  return (run) => {
    const items = range(run);
    if (isError(items)) return items;
    const state = accumulation.start();
    const answer = iterate(run, items, { first, second }, (current) => accumulation.step(current, state));
    return answer === undefined ? accumulation.finish(run, state) : answer;
  };
}

const noRange = (value: Value): CelError => noSuchOverload(`cannot iterate over ${kindOf(value)}`);

function iterate(run: Run, range: Value, slots: { first: number; second: number | undefined }, step: Step): Value {
  const { first, second } = slots;
  if (Array.isArray(range)) {
    for (let i = 0; i < range.length; i++) {
      run.slots[first] = second === undefined ? range[i] : i;
      if (second !== undefined) run.slots[second] = range[i];
      run.charge(0);
      const answer = step(run);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }
  if (kindOf(range) !== 'map') return noRange(range);
  for (const [key, value] of mapPairs(range)) {
    run.slots[first] = key;
    if (second !== undefined) run.slots[second] = value;
    run.charge(0);
    const answer = step(run);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** One-variable `all` and `exists`, the macros that policies run most, without an accumulator. */
function emitQuantifier(range: Code, body: Code, slot: number, decisive: boolean): Code {
  const conditionCost = decisive ? cost.existsCondition : cost.allCondition;
  const stepCost = conditionCost + cost.step;
  return (run) => {
    let items = range(run);
    if (isError(items)) return items;
    if (!Array.isArray(items)) {
      if (kindOf(items) !== 'map') return noRange(items);
      items = mapKeys(items);
    }
    const list = items as readonly Value[];
    let error: CelError | undefined;
    for (let i = 0; i < list.length; i++) {
      run.slots[slot] = list[i];
      run.charge(stepCost);
      const value = body(run);
      if (value === decisive) {
        run.cost += cost.result + (i + 1 < list.length ? conditionCost : 0);
        return decisive;
      }
      if (value !== !decisive) error ??= failed(value);
    }
    run.cost += cost.result;
    return error ?? !decisive;
  };
}

const failed = (value: Value): CelError => (isError(value) ? value : noSuchOverload(`${kindOf(value)} is not bool`));

type Parts = { readonly body: Code; readonly filter: Code | undefined; readonly first: number };

function accumulationOf(emitter: Emitter, expr: FoldExpr, parts: Parts): Accumulation {
  const { body, filter, first } = parts;
  switch (expr.macro) {
    case 'all':
      return quantifier(body, false);
    case 'exists':
      return quantifier(body, true);
    case 'exists_one':
      return existsOne(body);
    case 'filter': {
      const element: Code = (run) => {
        run.cost += 1;
        return run.slots[first];
      };
      return collectList(element, body, cost.listElement);
    }
    case 'map':
      return collectList(body, filter, emitter.constant(body) === undefined ? cost.listElement : 0);
    case 'transformMap':
      return collectMap(filter, (run, map) => {
        const value = body(run);
        if (isError(value)) return value;
        run.cost += 1;
        return insert(map, run.slots[first], value);
      });
    case 'transformMapEntry':
      return collectMap(filter, (run, map) => {
        const entry = body(run);
        if (isError(entry)) return entry;
        if (kindOf(entry) !== 'map') return noSuchOverload(`${kindOf(entry)} is not a map`);
        for (const [key, value] of mapPairs(entry)) {
          const conflict = insert(map, key, value);
          if (conflict !== undefined) return conflict;
        }
        return undefined;
      });
  }
}

function insert(map: CelMap, key: Value, value: Value): CelError | undefined {
  if (map.add(key, value)) return undefined;
  return isMapKey(key) ? invalid(`insert failed: key ${String(key)} already exists`) : noSuchOverload('map key');
}

function quantifier(body: Code, decisive: boolean): Accumulation {
  const conditionCost = decisive ? cost.existsCondition : cost.allCondition;
  return {
    start: accumulator,
    step: (run, state) => {
      run.cost += conditionCost;
      if (state.count === 1) return finishQuantifier(run, decisive);
      run.cost += cost.step;
      const value = body(run);
      if (value === decisive) state.count = 1;
      else if (value !== !decisive) state.error ??= failed(value);
      return undefined;
    },
    finish: (run, state) => {
      finishQuantifier(run, decisive);
      return state.count === 1 ? decisive : (state.error ?? !decisive);
    },
  };
}

function finishQuantifier(run: Run, decisive: boolean): boolean {
  run.cost += cost.result;
  return decisive;
}

function existsOne(body: Code): Accumulation {
  return {
    start: accumulator,
    step: (run, state) => {
      const value = body(run);
      if (typeof value !== 'boolean') return failed(value);
      run.cost += value ? cost.count : cost.step;
      if (value) state.count++;
      return undefined;
    },
    finish: (run, state) => {
      run.cost += cost.count;
      return state.count === 1;
    },
  };
}

/** Answers whether the element is wanted, or the error. */
function passes(run: Run, filter: Code | undefined): boolean | CelError {
  if (filter === undefined) return true;
  const value = filter(run);
  if (typeof value !== 'boolean') return failed(value);
  if (!value) run.cost += cost.step;
  return value;
}

function collectList(element: Code, filter: Code | undefined, elementCost: number): Accumulation {
  const stepCost = cost.step + elementCost + cost.call;
  return {
    start: () => ({ ...accumulator(), list: [] }),
    step: (run, state) => {
      const wanted = passes(run, filter);
      if (wanted !== true) return wanted === false ? undefined : wanted;
      const value = element(run);
      if (isError(value)) return value;
      run.cost += stepCost;
      state.list.push(value);
      return undefined;
    },
    finish: (run, state) => {
      run.cost += cost.result;
      return state.list;
    },
  };
}

function collectMap(filter: Code | undefined, collect: (run: Run, map: CelMap) => CelError | undefined): Accumulation {
  return {
    start: () => ({ ...accumulator(), map: new CelMap() }),
    step: (run, state) => {
      const wanted = passes(run, filter);
      if (wanted !== true) return wanted === false ? undefined : wanted;
      run.cost += cost.step + cost.call;
      return collect(run, state.map);
    },
    finish: (run, state) => {
      run.cost += cost.result;
      return state.map;
    },
  };
}
