import { CelMap, mapGet } from './cel-map.ts';
import { CelError, noSuchKey, noSuchOverload } from './error.ts';
import { CelOptional, isError, isPlainObject, kindOf, LazyFields, none, numeric, some, type Value } from './value.ts';

const objectPrototype = Object.prototype;

/** Whether objects have a property of this name without owning it, so that reading it needs an ownership check. */
export const isInherited = (name: string): boolean => name in objectPrototype;

/** `value.name`; the caller says whether the name is one that objects inherit. */
export function selectField(value: Value, name: string, inherited: boolean): Value {
  if (isPlainObject(value) && (!inherited || Object.hasOwn(value, name))) {
    const field = value[name];
    return field === undefined ? noSuchKey(name) : field;
  }
  return selectSlow(value, name);
}

function selectSlow(value: Value, name: string): Value {
  if (value instanceof LazyFields) {
    const field = value.get(name);
    return field === undefined ? noSuchKey(name) : field;
  }
  if (isError(value)) return value;
  if (value instanceof CelOptional) return selectOptional(value, name, isInherited(name));
  if (kindOf(value) !== 'map') return noSuchOverload(`${kindOf(value)} has no field '${name}'`);
  const field = mapGet(value, name);
  return field === undefined ? noSuchKey(name) : field;
}

/** `value.?name`, and every further step: absent is none. The caller says whether the name is one that objects inherit. */
export function selectOptional(value: Value, name: string, inherited: boolean): Value {
  if (value instanceof CelOptional) return value.hasValue ? selectOptional(value.value, name, inherited) : none;
  if (isPlainObject(value)) {
    const field = !inherited || Object.hasOwn(value, name) ? value[name] : undefined;
    return field === undefined ? none : presented(field);
  }
  return presented(selectSlow(value, name));
}

function presented(field: Value): Value {
  if (!(field instanceof CelError)) return some(field);
  return field.code === 'no-such-key' ? none : field;
}

/** `has(value.name)`. */
export function hasField(value: Value, name: string, inherited: boolean): Value {
  if (isPlainObject(value)) return value[name] !== undefined && (!inherited || Object.hasOwn(value, name));
  if (value instanceof CelMap) return value.get(name) !== undefined;
  if (value instanceof LazyFields) return hasLazy(value, name);
  if (value instanceof CelOptional) return value.hasValue && hasField(value.value, name, inherited);
  return isError(value) ? value : noSuchOverload(`${kindOf(value)} has no fields`);
}

/** A field that cannot be made is there; of one that is not known nobody can say. */
function hasLazy(fields: LazyFields, name: string): Value {
  const field = fields.get(name);
  return field instanceof CelError && field.code === 'unknown' ? field : field !== undefined;
}

/** `holder[key]`. */
export function indexValue(holder: Value, key: Value): Value {
  if (Array.isArray(holder)) return indexList(holder, key);
  if (holder instanceof CelOptional) return holder.hasValue ? indexOptional(holder.value, key) : none;
  if (kindOf(holder) !== 'map') return noSuchOverload(`${kindOf(holder)} cannot be indexed`);
  const found = mapGet(holder, key);
  return found === undefined ? noSuchKey(typeof key === 'string' ? key : (numeric(key) ?? kindOf(key))) : found;
}

function indexList(list: readonly Value[], key: Value): Value {
  const position = numeric(key);
  if (position === undefined || (typeof position === 'number' && !Number.isInteger(position))) {
    return noSuchOverload(`list index is ${kindOf(key)}, not int`);
  }
  const element = typeof position === 'number' ? list[position] : undefined;
  return element === undefined ? new CelError('index-out-of-bounds', `index out of bounds: ${position}`) : element;
}

/** `holder[?key]`. */
export function indexOptional(holder: Value, key: Value): Value {
  if (holder instanceof CelOptional) return holder.hasValue ? indexOptional(holder.value, key) : none;
  const found = indexValue(holder, key);
  if (!isError(found)) return some(found);
  return found.code === 'no-such-key' || found.code === 'index-out-of-bounds' ? none : found;
}
