import { arrayAt, isObject, type JsonObject, objectAt, objectsAt, stringAt, valueAt } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';
import { builtInKinds } from './built-in-kinds.ts';
import { allVerbs, type CustomKind, type Kind, storageKey } from './kind.ts';

/** The kinds that are served now: the built-in ones and what the stored CustomResourceDefinitions bring. */
export class KindRegistry {
  #kinds = new Map<string, Kind>(builtInKinds.map((kind) => [storageKey(kind), kind]));
  /** Grows with every change, so that discovery documents can be cached. */
  generation = 1;

  all(): readonly Kind[] {
    return [...this.#kinds.values()];
  }

  /** The kind of a URL, or undefined when this group, version and resource are not served. */
  served(group: string, version: string, resource: string): Kind | undefined {
    const kind = this.#kinds.get(storageKey({ group, resource }));
    return kind?.versions.includes(version) === true ? kind : undefined;
  }

  byStorageKey(key: string): Kind | undefined {
    return this.#kinds.get(key);
  }

  byKind(group: string, kindName: string): Kind | undefined {
    return this.all().find((kind) => kind.group === group && kind.kind === kindName);
  }

  /** Throws when the resource is unknown: for names written in this program. */
  builtIn(key: string): Kind {
    const kind = this.#kinds.get(key);
    if (kind === undefined) throw new Error(`practice cluster: no kind '${key}'`);
    return kind;
  }

  addCustom(crd: KubeObject): void {
    const kind = customKind(crd);
    if (kind.versions.length === 0) return this.removeCustom(crd);
    this.#kinds.set(storageKey(kind), kind);
    this.generation += 1;
  }

  removeCustom(crd: KubeObject): void {
    const key = storageKey({ group: stringAt(valueAt(crd, 'spec'), 'group'), resource: crdPlural(crd) });
    if (this.#kinds.get(key)?.custom !== undefined && this.#kinds.delete(key)) this.generation += 1;
  }
}

const crdPlural = (crd: KubeObject): string => stringAt(objectAt(valueAt(crd, 'spec'), 'names'), 'plural');

const strings = (parent: JsonObject, key: string): string[] =>
  arrayAt(parent, key).filter((item) => typeof item === 'string');

/** The storage key of the kind that a CustomResourceDefinition defines. */
export const definedStorageKey = (crd: KubeObject): string =>
  storageKey({ group: stringAt(valueAt(crd, 'spec'), 'group'), resource: crdPlural(crd) });

/** Later versions first: v2 before v1, v1 before v1beta1. */
const byPriority = (a: string, b: string): number => rank(b) - rank(a);
const rank = (version: string): number => {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return 0;
  const stage = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0;
  return 1 + stage * 1e6 + Number(match[1]) * 1e3 + Number(match[3] ?? 0);
};

const customKind = (crd: KubeObject): Kind => {
  const spec = objectAt(crd, 'spec');
  const names = objectAt(spec, 'names');
  const versions = objectsAt(spec, 'versions');
  const served = versions.filter((version) => version['served'] === true);
  const storage = versions.find((version) => version['storage'] === true);
  const subresources = objectAt(served[0], 'subresources');
  const scale = valueAt(subresources, 'scale');
  const kind = stringAt(names, 'kind');
  return {
    group: stringAt(spec, 'group'),
    versions: served.map((version) => stringAt(version, 'name')).sort(byPriority),
    storageVersion: stringAt(storage, 'name'),
    kind,
    listKind: stringAt(names, 'listKind') || `${kind}List`,
    resource: stringAt(names, 'plural'),
    singular: stringAt(names, 'singular') || kind.toLowerCase(),
    shortNames: strings(names, 'shortNames'),
    categories: strings(names, 'categories'),
    namespaced: stringAt(spec, 'scope') === 'Namespaced',
    verbs: allVerbs,
    subresources: ['status', 'scale'].filter((name) => Object.hasOwn(subresources, name)),
    custom: {
      crdUid: crd.metadata.uid,
      versions: customVersions(served),
      scale: isObject(scale) ? scalePaths(scale) : undefined,
    },
  };
};

const customVersions = (served: readonly JsonObject[]): CustomKind['versions'] =>
  new Map(
    served.map((version) => [
      stringAt(version, 'name'),
      {
        schema: objectAt(objectAt(version, 'schema'), 'openAPIV3Schema'),
        columns: objectsAt(version, 'additionalPrinterColumns'),
      },
    ]),
  );

const scalePaths = (scale: JsonObject) => ({
  specPath: stringAt(scale, 'specReplicasPath'),
  statusPath: stringAt(scale, 'statusReplicasPath'),
  selectorPath: stringAt(scale, 'labelSelectorPath'),
});
