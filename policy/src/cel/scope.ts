import * as types from './types.ts';
import { type CelType, typeType } from './types.ts';
import { CelTypeValue, type Value } from './value.ts';

/** What a name stands for. Slots number the variables of one program, top-level and comprehension ones together. */
export type Reference =
  | { readonly kind: 'variable'; readonly name: string; readonly slot: number; readonly type: CelType }
  | { readonly kind: 'local'; readonly slot: number; readonly type: CelType }
  | { readonly kind: 'constant'; readonly value: Value; readonly type: CelType };

const typeNames: ReadonlyMap<string, CelType> = new Map([
  ...[
    types.boolType,
    types.intType,
    types.uintType,
    types.doubleType,
    types.stringType,
    types.bytesType,
    types.nullType,
    types.timestampType,
    types.durationType,
    types.opaqueType('net.IP'),
    types.opaqueType('net.CIDR'),
    types.opaqueType('kubernetes.Quantity'),
    types.opaqueType('kubernetes.URL'),
    types.opaqueType('kubernetes.Semver'),
    types.opaqueType('kubernetes.NamedFormat'),
  ].map((type): [string, CelType] => [type.name, type]),
  ['list', types.listType(types.dynType)],
  ['map', types.mapType(types.dynType, types.dynType)],
  ['type', typeType()],
  ['optional_type', types.optionalType(types.dynType)],
]);

/** The one enum there is: what `google.protobuf.Value{null_value: …}` takes. */
const nullValue = 'google.protobuf.NullValue.NULL_VALUE';

/** Resolves names: comprehension variables inside out, then declared variables and types through the container. */
export class Scope {
  private readonly declared: Readonly<Record<string, CelType>>;
  private readonly containers: readonly string[];
  private readonly locals: { readonly name: string; readonly slot: number; readonly type: CelType }[] = [];
  private readonly used: Map<string, Reference & { kind: 'variable' }> = new Map();
  private slots = 0;

  constructor(declared: Readonly<Record<string, CelType>>, container: string) {
    this.declared = declared;
    const parts = container === '' ? [] : container.split('.');
    this.containers = [...parts.map((_, i) => `${parts.slice(0, parts.length - i).join('.')}.`), ''];
  }

  get slotCount(): number {
    return this.slots;
  }

  /** Declared variables that the expression mentions. */
  get variables(): readonly { readonly name: string; readonly slot: number }[] {
    return [...this.used.values()];
  }

  isLocal(name: string): boolean {
    return this.locals.some((local) => local.name === name);
  }

  push(name: string, type: CelType): number {
    const slot = this.slots++;
    this.locals.push({ name, slot, type });
    return slot;
  }

  pop(count: number): void {
    this.locals.length -= count;
  }

  /** Names to try, most specific first; a leading dot asks for the root. */
  candidates(name: string): readonly string[] {
    return name.startsWith('.') ? [name.slice(1)] : this.containers.map((prefix) => prefix + name);
  }

  resolve(name: string): Reference | undefined {
    if (!name.startsWith('.')) {
      const local = this.locals.findLast((local) => local.name === name);
      if (local !== undefined) return { kind: 'local', slot: local.slot, type: local.type };
    }
    for (const candidate of this.candidates(name)) {
      const found = this.variable(candidate) ?? typeReference(candidate);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private variable(name: string): Reference | undefined {
    const known = this.used.get(name);
    if (known !== undefined) return known;
    const type = Object.hasOwn(this.declared, name) ? this.declared[name] : undefined;
    if (type === undefined) return undefined;
    const reference = { kind: 'variable' as const, name, slot: this.slots++, type };
    this.used.set(name, reference);
    return reference;
  }
}

function typeReference(name: string): Reference | undefined {
  if (name === nullValue) return { kind: 'constant', value: 0, type: types.intType };
  const type = typeNames.get(name);
  return type && { kind: 'constant', value: new CelTypeValue(name), type: typeType(type) };
}
