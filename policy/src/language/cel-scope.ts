/** The names a control's CEL may use, and what a path template may fill in. */
import { dynType, intType, stringType } from '../cel/index.ts';
import type { CelSection } from '../load/control-file.ts';
import type { Scope } from './compile-expression.ts';

export type Each = {
  /** Name the item is bound to. */
  readonly as: string;
  readonly pathName: string;
  readonly indexName: string;
  /** Lists of the pod's spec, or undefined for the general form. */
  readonly podLists: readonly string[] | undefined;
};

const shorthands: Readonly<Record<'containers' | 'all-containers' | 'volumes', Each>> = {
  containers: createEach('container', ['containers']),
  'all-containers': createEach('container', ['initContainers', 'containers', 'ephemeralContainers']),
  volumes: createEach('volume', ['volumes']),
};

export function eachOf(section: CelSection['each']): Each | undefined {
  if (section === undefined) return undefined;
  return typeof section === 'string' ? shorthands[section] : createEach(section.as, undefined);
}

function createEach(as: string, podLists: Each['podLists']): Each {
  return { as, pathName: `${as}Path`, indexName: `${as}Index`, podLists };
}

const objectScope: Scope = { object: dynType, params: dynType, variables: dynType, namespaceObject: dynType };
const podScope: Scope = { podSpec: dynType, podMeta: dynType, podPath: stringType, podMetaPath: stringType };

export function scopeOf(isPodBearing: boolean): Scope {
  return isPodBearing ? { ...objectScope, ...podScope } : objectScope;
}

export function itemScope(scope: Scope, each: Each | undefined): Scope {
  return each === undefined
    ? scope
    : { ...scope, [each.as]: dynType, [each.pathName]: stringType, [each.indexName]: intType };
}

/** A name of a request in an expression that does not compile: the reason to give, since a finding about state has none. */
export function requestName(source: string): string | undefined {
  return /\b(oldObject|request|authorizer)\b/.exec(source)?.[1];
}

/** A path with `{name}` placeholders as a function of their values, or the name that is none of `names`. */
export function pathTemplate(
  template: string,
  names: readonly string[],
): { readonly unknown: string } | { readonly fill: (bindings: Readonly<Record<string, unknown>>) => string } {
  const parts = template.split(/\{(\w+)\}/);
  const unknown = parts.find((part, index) => index % 2 === 1 && !names.includes(part));
  if (unknown !== undefined) return { unknown };
  return { fill: (bindings) => parts.map((part, index) => (index % 2 === 0 ? part : String(bindings[part]))).join('') };
}
