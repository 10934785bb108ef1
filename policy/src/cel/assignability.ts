import { type CelType, dynType, first, isOptional, sameType } from './types.ts';

/**
 * Bindings of type variables made while one expression is checked. Assignability is gradual: dyn goes both ways.
 * `isAssignable` binds on success and leaves the bindings alone on failure.
 */
export class TypeBindings {
  private bound: Map<string, CelType> = new Map();
  private counter = 0;

  fresh(): CelType {
    return { kind: 'param', name: `_var${this.counter++}`, params: [] };
  }

  bind(param: CelType, to: CelType): void {
    this.bound.set(param.name, to);
  }

  isAssignable(from: readonly CelType[], to: readonly CelType[]): boolean {
    const saved = new Map(this.bound);
    if (this.areAll(from, to)) return true;
    this.bound = saved;
    return false;
  }

  /** Replaces bound variables; unbound ones become dyn when `finish` is set. */
  substitute(type: CelType, finish: boolean): CelType {
    if (type.kind === 'param') {
      const to = this.bound.get(type.name);
      if (to !== undefined) return this.substitute(to, finish);
      return finish ? dynType : type;
    }
    if (type.params.length === 0) return type;
    const params = type.params.map((param) => this.substitute(param, finish));
    return { ...type, params };
  }

  /** The type of a list of both, undefined when they have none but dyn in common. */
  join(previous: CelType | undefined, current: CelType): CelType | undefined {
    if (previous === undefined) return current;
    return this.isAssignable([previous], [current]) ? mostGeneral(previous, current) : undefined;
  }

  private areAll(from: readonly CelType[], to: readonly CelType[]): boolean {
    return from.length === to.length && from.every((type, i) => this.accepts(type, to[i] ?? dynType));
  }

  private accepts(from: CelType, to: CelType): boolean {
    if (to.kind === 'param') {
      const outcome = this.unifyParam(from, to);
      if (outcome !== 'unrelated') return outcome === 'bound';
    }
    if (from.kind === 'param') return this.unifyParam(to, from) === 'bound';
    if (from.kind === 'dyn' || to.kind === 'dyn') return true;
    if (from.kind === 'null') return isNullable(to);
    if (to.kind === 'null') return isNullable(from);
    if (from.kind === 'wrapper') return this.accepts(first(from), to.kind === 'wrapper' ? first(to) : to);
    if (to.kind === 'wrapper') return this.accepts(from, first(to));
    if (from.kind === 'type' && to.kind === 'type') return true;
    return from.kind === to.kind && from.name === to.name && this.areAll(from.params, to.params);
  }

  private unifyParam(type: CelType, param: CelType): 'bound' | 'refused' | 'unrelated' {
    if (sameType(type, param)) return 'bound';
    const current = this.bound.get(param.name);
    if (current !== undefined) {
      if (sameType(type, current)) return 'bound';
      if (!this.accepts(type, current)) return 'refused';
      const general = mostGeneral(type, current);
      if (!this.mentions(general, param)) this.bound.set(param.name, general);
      return 'bound';
    }
    if (this.mentions(type, param)) return 'unrelated';
    this.bound.set(param.name, type);
    return 'bound';
  }

  private mentions(type: CelType, param: CelType): boolean {
    if (type.kind === 'param') {
      if (type.name === param.name) return true;
      const to = this.bound.get(type.name);
      return to !== undefined && this.mentions(to, param);
    }
    return type.params.some((inner) => this.mentions(inner, param));
  }
}

function isNullable(type: CelType): boolean {
  switch (type.kind) {
    case 'null':
    case 'wrapper':
    case 'object':
    case 'timestamp':
    case 'duration':
    case 'dyn':
      return true;
    case 'opaque':
      return !isOptional(type);
    default:
      return false;
  }
}

/** Of two types that are assignable, the less specific. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return isEqualOrLessSpecific(a, b) ? a : b;
}

function isEqualOrLessSpecific(a: CelType, b: CelType): boolean {
  if (a.kind === 'dyn' || a.kind === 'param') return true;
  if (b.kind === 'dyn' || b.kind === 'param') return false;
  if (a.kind === 'wrapper' || b.kind === 'null') return true;
  if (a.kind === 'type' && b.kind === 'type') return true;
  if (a.kind !== b.kind || a.name !== b.name || a.params.length !== b.params.length) return false;
  return a.params.every((param, i) => isEqualOrLessSpecific(param, b.params[i] ?? dynType));
}
