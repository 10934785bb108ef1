/**
 * What a validate rule reads of the object it judges, led back to the object's root. What cannot be said for sure is not
 * said: such a rule is judged at every change.
 */
import { isJsonArray, isJsonObject, type Json } from '@driftline/proto';
import type { GroupKind } from '../../contract.ts';
import { everyItem, type ReadPath } from '../../read-path.ts';
import { readsThroughPod } from './pod-view.ts';
import { hasWildcard } from './wildcard.ts';

/** What the request of a state, and whether it is about the object at all, ask of every object. */
const common: readonly ReadPath[] = [
  ['apiVersion'],
  ['kind'],
  ...['name', 'generateName', 'namespace', 'ownerReferences'].map((name) => ['metadata', name]),
];

/** By kind, when the rule sees what `paths` say; `isMade`: then it sees the pod that the object would make. */
export function ruleReads(kind: GroupKind, paths: readonly ReadPath[], isMade: boolean): readonly ReadPath[] {
  return [...common, ...(isMade ? readsThroughPod(kind, paths) : paths)];
}

/** What `match` and `exclude` ask besides. */
export function readsOfMatch(sections: Json): readonly ReadPath[] {
  const text = JSON.stringify(sections);
  return [
    ...(/selector"/i.test(text) ? [['metadata', 'labels']] : []),
    ...(text.includes('"annotations"') ? [['metadata', 'annotations']] : []),
  ];
}

/** Paths that the section of a rule reads of `request.object` by its patterns and its JMESPath; undefined: not known. */
export function readsOfSection(section: Json): readonly ReadPath[] | undefined {
  const paths = expressionsIn(section).map(readsOfExpression);
  return paths.includes(undefined) ? undefined : [...paths.flatMap((path) => path ?? []), ...patternsIn(section)];
}

/** Patterns are held against the object, those of a `foreach` against its items (read as a whole) or against the object. */
function patternsIn(section: Json): readonly ReadPath[] {
  if (isJsonArray(section)) return section.flatMap(patternsIn);
  if (!isJsonObject(section)) return [];
  return Object.entries(section).flatMap(([key, value]) => {
    if (key === 'pattern') return readsOfPattern(value, []);
    if (key === 'anyPattern' && isJsonArray(value)) return value.flatMap((one) => readsOfPattern(one, []));
    return patternsIn(value);
  });
}

/** Items are told by their names. */
function readsOfPattern(pattern: Json, path: ReadPath): readonly ReadPath[] {
  if (isJsonArray(pattern)) {
    if (pattern.length === 0 || !pattern.every(isJsonObject)) return [path];
    const item: ReadPath = [...path, everyItem];
    return [[...item, 'name'], ...pattern.flatMap((one) => readsOfPattern(one, item))];
  }
  const members = isJsonObject(pattern) ? Object.entries(pattern) : [];
  const keys = members.map(([key]) => /^[=X^<+]?\((.*)\)$/s.exec(key)?.[1] ?? key);
  if (members.length === 0 || keys.some(hasWildcard)) return [path];
  return members.flatMap(([, inner], index) => readsOfPattern(inner, [...path, keys[index] ?? '']));
}

/** Texts with JMESPath in braces, and those that are JMESPath as a whole. */
function expressionsIn(section: Json): readonly string[] {
  if (typeof section === 'string') return section.includes('{{') ? [section] : [];
  if (isJsonArray(section)) return section.flatMap(expressionsIn);
  if (!isJsonObject(section)) return [];
  return Object.entries(section).flatMap(([key, value]) =>
    (key === 'jmesPath' || key === 'list') && typeof value === 'string' ? [value] : expressionsIn(value),
  );
}

const imageLists = ['initContainers', 'containers', 'ephemeralContainers'] as const;
const imageReads: readonly ReadPath[] = imageLists.flatMap((list) =>
  ['name', 'image'].map((name): ReadPath => ['spec', list, everyItem, name]),
);

/** All data comes by its name, and only what names it plainly is understood. */
function readsOfExpression(text: string): readonly ReadPath[] | undefined {
  // The data as a whole, all of its members, and names in disguise.
  if (/@|\\|\$|(?<!\[)\*/.test(text)) return undefined;
  const paths: ReadPath[] = /\bimages\b/.test(text) ? [...imageReads] : [];
  for (const [, rest = ''] of text.matchAll(/\brequest\b((?:\.[A-Za-z_]\w*)*)/g)) {
    const [, member, ...names] = rest.split('.');
    if (member === 'object' && names.length > 0) paths.push(names);
    else if (member === undefined || member === 'object') return undefined;
  }
  return paths;
}
