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

/** Names that an item takes. */
export function namesOf(each: Each | undefined): readonly string[] {
  return each === undefined ? [] : [each.as, each.pathName, each.indexName];
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

/** Whether the name is bound for every control. */
export function isReserved(name: string): boolean {
  return Object.hasOwn(objectScope, name) || Object.hasOwn(podScope, name);
}

/** A path with `{name}` placeholders. */
export type PathTemplate = {
  fill(values: Readonly<Record<string, unknown>>): string;
  /** undefined when a placeholder has no value. */
  fillStatic(values: Readonly<Record<string, string>>): string | undefined;
  /** What follows the item's path, when the template is that and nothing else in front. */
  readonly afterItem: string | undefined;
};

/** The template, or the placeholder that is none of `names`. */
export function pathTemplate(
  template: string,
  names: readonly string[],
  each: Each | undefined,
): PathTemplate | { readonly unknown: string } {
  const parts = template.split(/\{(\w+)\}/);
  const placeholders = parts.filter((_, index) => index % 2 === 1);
  const unknown = placeholders.find((name) => !names.includes(name));
  if (unknown !== undefined) return { unknown };
  const fill: PathTemplate['fill'] = (values) =>
    parts.map((part, index) => (index % 2 === 0 ? part : String(values[part]))).join('');
  const [before, name, after] = parts;
  return {
    fill,
    fillStatic: (values) => (placeholders.every((one) => Object.hasOwn(values, one)) ? fill(values) : undefined),
    afterItem: before === '' && name === each?.pathName && parts.length === 3 ? after : undefined,
  };
}
