import { type JsonObject, isJsonObject, ownObject, ownString, ownValue } from '@driftline/proto';
import { type ApiKind, kindName } from '../kube/api-kind.ts';
import type { ChangeType } from './watch-event.ts';

/** `version` is one in which it was served; '' when its definition does not say. */
export type UnseenKind = Pick<ApiKind, 'group' | 'version' | 'resource' | 'kind'>;

/**
 * Custom kinds that are defined and not yet found served. One that is removed before it was ever found took versions with
 * it that nobody saw. Definitions are named as kindName names the kind they define.
 */
export class UnseenKinds {
  readonly #awaited: Set<string>;
  readonly #missed = new Map<string, UnseenKind>();

  constructor(definitions: Iterable<string>) {
    this.#awaited = new Set(definitions);
  }

  /** A change of a definition. */
  observed(type: ChangeType, definition: JsonObject): void {
    const name = ownString(ownObject(definition, 'metadata'), 'name');
    if (type === 'ADDED') this.#awaited.add(name);
    if (type !== 'DELETED' || !this.#awaited.delete(name)) return;
    const spec = ownObject(definition, 'spec');
    const names = spec && ownObject(spec, 'names');
    const kind = {
      group: ownString(spec, 'group'),
      version: servedVersion(spec),
      resource: ownString(names, 'plural'),
    };
    this.#missed.set(name, { ...kind, kind: ownString(names, 'kind') });
  }

  /** Discovery has found these. Returns those that it can never find any more, until they are confessed. */
  discovered(served: ReadonlySet<string>): readonly UnseenKind[] {
    for (const name of served) {
      this.#awaited.delete(name);
      // What its first list does not show, its first gap covers.
      this.#missed.delete(name);
    }
    return [...this.#missed.values()];
  }

  confessed(kind: UnseenKind): void {
    this.#missed.delete(kindName(kind));
  }
}

function servedVersion(spec: JsonObject | undefined): string {
  const versions = spec && ownValue(spec, 'versions');
  if (!Array.isArray(versions)) return '';
  const served = versions.filter(isJsonObject).find((version) => ownValue(version, 'served') === true);
  return ownString(served, 'name');
}
