/** What a CEL control reads of its own object: the paths of its expressions, led back to the object's root. */
import type { GroupKind, OwnReads } from '../contract.ts';
import { everyItem, type ReadPath, readPathKey, shape } from '../read-path.ts';
import { isReserved, namesOf, type PathTemplate } from './cel-scope.ts';
import type { CompiledSection, Validation } from './compile-cel-section.ts';
import type { Expression } from './compile-expression.ts';
import { fieldPathReads } from './field-value.ts';
import { podParentOf } from './pod-template.ts';

/** What `match` and the subject's context ask of every object. */
export function contextReads(kind: GroupKind): readonly ReadPath[] {
  const ofAll: readonly ReadPath[] = [['apiVersion'], ['kind'], ['metadata', 'name'], ['metadata', 'namespace']];
  const parent = podParentOf(kind);
  return parent === undefined ? ofAll : [...ofAll, ['metadata', 'ownerReferences'], [...parent, 'spec', shape]];
}

/** Where `object`, `podSpec` and `podMeta` are in an object of the kind; undefined: another name, or no such place. */
export function rootOf(name: ReadPath[number] | undefined, kind: GroupKind): ReadPath | undefined {
  if (name === 'object') return [];
  const parent = podParentOf(kind);
  if (parent === undefined) return undefined;
  if (name === 'podSpec') return [...parent, 'spec'];
  return name === 'podMeta' ? [...parent, 'metadata'] : undefined;
}

/** undefined when an item takes a name that means something else outside of `each`. */
export function ownReadsOf(section: CompiledSection, kind: GroupKind): OwnReads | undefined {
  const { conditions, assessable, each, items, validations } = section;
  if (each !== undefined && namesOf(each).some(isReserved)) return undefined;
  const paths = new SectionPaths(section, kind);
  const deciding = [
    ...conditions,
    ...assessable.map(({ expression }) => expression),
    ...(items === undefined ? [] : [items]),
    ...validations.map(({ expression }) => expression),
  ];
  return {
    deciding: distinct([...contextReads(kind), ...paths.ofItems(), ...deciding.flatMap((one) => paths.of(one))]),
    telling: distinct(validations.flatMap((validation) => paths.told(validation))),
  };
}

class SectionPaths {
  readonly #section: CompiledSection;
  readonly #kind: GroupKind;
  /** Lists of pods that items come from. */
  readonly #lists: readonly ReadPath[];

  constructor(section: CompiledSection, kind: GroupKind) {
    this.#section = section;
    this.#kind = kind;
    const spec = rootOf('podSpec', kind) ?? [];
    this.#lists = (section.each?.podLists ?? []).map((list) => [...spec, list]);
  }

  of({ reads }: Expression): readonly ReadPath[] {
    return reads.paths.flatMap((path) => this.#resolved(path));
  }

  /** Which items there are, and how they are named in paths. */
  ofItems(): readonly ReadPath[] {
    return this.#lists.map((list): ReadPath => [...list, everyItem, 'name']);
  }

  told(validation: Validation): readonly ReadPath[] {
    const { messageExpression, pathExpression, value } = validation;
    const expressions = [messageExpression, pathExpression, value].filter((one) => one !== undefined);
    return [...expressions.flatMap((one) => this.of(one)), ...this.#valueAtPath(validation)];
  }

  /** What the violation shows when no expression says it: the value at its path. */
  #valueAtPath({ path, pathExpression, value }: Validation): readonly ReadPath[] {
    if (value !== undefined) return [];
    if (pathExpression !== undefined) return [[]];
    const { each, itemsPath } = this.#section;
    if (path === undefined) return each === undefined ? [] : this.#ofItem(itemsPath, '');
    return path.afterItem === undefined ? this.#ofTemplate(path) : this.#ofItem(itemsPath, path.afterItem);
  }

  /** `itemsPath` is set in the general form: then the author's path leads to the value, and it stays below that path. */
  #ofItem(itemsPath: PathTemplate | undefined, rest: string): readonly ReadPath[] {
    if (itemsPath !== undefined) return this.#ofTemplate(itemsPath);
    return fieldPathReads(rest).flatMap((steps) => this.#lists.map((list): ReadPath => [...list, everyItem, ...steps]));
  }

  #ofTemplate(template: PathTemplate): readonly ReadPath[] {
    const parent = podParentOf(this.#kind) ?? [];
    const prefix = parent.map((step) => `${step}.`).join('');
    const filled = template.fillStatic({ podPath: `${prefix}spec`, podMetaPath: `${prefix}metadata` });
    return filled === undefined ? [[]] : fieldPathReads(filled);
  }

  #resolved([name, ...rest]: ReadPath): readonly ReadPath[] {
    const { each, variables } = this.#section;
    if (name === each?.as) return this.#lists.map((list): ReadPath => [...list, everyItem, ...rest]);
    if (name === 'variables') {
      const variable = typeof rest[0] === 'string' ? variables.get(rest[0]) : undefined;
      if (variable === undefined) return [];
      const { alias } = variable.reads;
      return alias === undefined ? this.of(variable) : this.#resolved([...alias, ...rest.slice(1)]);
    }
    const root = rootOf(name, this.#kind);
    return root === undefined ? [] : [[...root, ...rest]];
  }
}

function distinct(paths: readonly ReadPath[]): readonly ReadPath[] {
  return [...new Map(paths.map((path) => [readPathKey(path), path])).values()];
}
