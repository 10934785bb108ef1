/**
 * Exceptions, ready to ask. There is one rule of expiry everywhere, live, in CI and in what is exported: an exception
 * holds as long as the time has not reached its end.
 */
import { canonicalJson, type Json, type JsonObject } from '@driftline/proto';
import type { ObjectKey } from '../contract.ts';
import { CelTimestamp } from '../cel/index.ts';
import { parseTimestamp } from '../cel/time.ts';
import { compileSelector, selects } from '../engine/selector.ts';
import { selectorOf } from '../language/admission/match-resources.ts';
import { objectAt } from '../language/read-json.ts';
import type { ExceptionFile } from './exception-file.ts';

export type Exception = {
  readonly id: string;
  readonly owner: string;
  readonly approver: string;
  readonly reason: string;
  /** '' when there is none. */
  readonly ticket: string;
  /** As written. */
  readonly expires: string;
  /** Milliseconds since the Unix epoch: the first at which it does not hold. */
  readonly expiresMs: number;
  readonly controls: readonly string[];
  readonly clusters: readonly string[] | undefined;
  readonly scope: ExceptionFile['scope'];
  /** Everything it says, as text: of two with equal texts each excepts what the other does. */
  readonly content: string;
  isAboutControl(control: string): boolean;
  isAboutCluster(cluster: string): boolean;
  isAboutObject(object: JsonObject, key: ObjectKey): boolean;
  isAboutPath(path: string): boolean;
};

/** What is not said to be for a cluster holds in none by accident, whatever pattern the exception has. */
export function holdsIn({ clusters }: Exception, cluster: string): boolean {
  return clusters === undefined || cluster !== '';
}

const dayMs = 86_400_000;

/** Undefined when the time is none, which the shape of the file rules out. */
export function compileException(file: ExceptionFile): Exception | undefined {
  const isDate = !file.expires.includes('T');
  const instant = parseTimestamp(isDate ? `${file.expires}T00:00:00Z` : file.expires);
  if (!(instant instanceof CelTimestamp)) return undefined;
  const { clusters, namespaces, objects, selector, paths } = file.scope;
  const selected = selector === undefined ? undefined : compileSelector(selectorOf(selector));
  return {
    id: file.id,
    owner: file.owner,
    approver: file.approver,
    reason: file.reason,
    ticket: file.ticket ?? '',
    expires: file.expires,
    expiresMs: Number(instant.nanos / 1_000_000n) + (isDate ? dayMs : 0),
    controls: file.controls,
    clusters,
    scope: file.scope,
    content: canonicalJson(file as unknown as Json),
    isAboutControl: (control) => oneOf(file.controls, control),
    isAboutCluster: (cluster) => clusters === undefined || oneOf(clusters, cluster),
    isAboutPath: (path) => paths === undefined || oneOf(paths, path),
    isAboutObject: (object, { group, kind, namespace, name }) =>
      (namespaces === undefined || (namespace !== '' && oneOf(namespaces, namespace))) &&
      (objects?.some((one) => one.group === group && one.kind === kind && oneOf([one.name ?? '*'], name)) ?? true) &&
      (selected === undefined || selects(selected, objectAt(object, 'metadata', 'labels'))),
  };
}

function oneOf(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : pattern === text));
}
