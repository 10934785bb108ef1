/**
 * From etcd's revisions to what should be in the timeline: for each object its runs, where a run is as many versions in a row
 * as have the same canonical form. A run is what the timeline tells once.
 */
import type { EtcdEvent } from './etcd.ts';
import { formOf, readStored } from './stored-form.ts';
import type { StoredObject } from './stored-form.ts';

export type Run = {
  /** Revisions at which the object was written in this form, oldest first. */
  readonly revisions: number[];
  /** Canonical text; undefined while the object does not exist. */
  readonly form: string | undefined;
  /** Of the object, or of the one that was deleted. */
  readonly uid: string;
  /** The revision that ended it; undefined while it lasts. */
  readonly endRevision: number | undefined;
};

export type ObjectHistory = { readonly key: string; readonly kind: string; readonly runs: readonly Run[] };

/** A kind that the agent is expected to watch: stored under any version, read in this one. */
export type WatchedKind = { readonly kindName: string; readonly servedVersion: string };

type MutableRun = { -readonly [K in keyof Run]: Run[K] };
type Life = { readonly kind: string; readonly key: string; readonly runs: MutableRun[] };

/** A CustomResourceDefinition as far as it says how its objects are called. */
type Definition = {
  readonly group: string;
  readonly names: { readonly plural: string; readonly kind: string };
  readonly versions: readonly { readonly name: string; readonly served: boolean }[];
};

export type HistoryOptions = {
  /** Kinds served at the start, by `<group>/<Kind>`. Custom ones are learned from their definitions. */
  readonly watched: ReadonlyMap<string, WatchedKind>;
  /** Kinds that are stored and by design not watched, by `<group>/<Kind>`. */
  readonly unwatched: ReadonlySet<string>;
  readonly redactionKey: Buffer;
};

export class History {
  readonly #options: HistoryOptions;
  readonly #custom = new Map<string, WatchedKind>();
  /** By etcd's key: what is stored there now. */
  readonly #stored = new Map<string, StoredObject>();
  readonly #lives = new Map<string, Life>();
  readonly #unknown = new Map<string, string>();
  #versions = 0;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** Takes etcd's events in the order of revisions. */
  take({ key, revision, value }: EtcdEvent): void {
    if (!key.startsWith('/registry/')) return;
    const stored = value === undefined ? this.#stored.get(key) : readStored(value);
    if (stored === undefined) {
      if (value !== undefined) this.#unknown.set(key, 'not JSON');
      return;
    }
    if (value === undefined) this.#stored.delete(key);
    else this.#stored.set(key, stored);
    if (stored.kind === 'CustomResourceDefinition') this.#learn(stored);
    const kind = this.#kindOf(key, stored);
    if (kind === undefined) return;
    this.#versions += 1;
    const form = value === undefined ? undefined : formOf(stored, kind.servedVersion, this.#options.redactionKey);
    this.#add(kind.kindName, stored, { revision, form });
  }

  /** What was written to kinds that are watched, whether or not it changed a canonical form. */
  versionCount(): number {
    return this.#versions;
  }

  objects(): readonly ObjectHistory[] {
    return [...this.#lives.values()];
  }

  /** Keys of etcd that nobody has said anything about: the witness must know what it does not look at. */
  unknownKeys(): ReadonlyMap<string, string> {
    return this.#unknown;
  }

  #kindOf(key: string, stored: StoredObject): WatchedKind | undefined {
    const [group, kind] = [stored.apiVersion.includes('/') ? (stored.apiVersion.split('/')[0] ?? '') : '', stored.kind];
    const id = `${group}/${kind}`;
    // Leases of API servers among themselves are stored as Endpoints, under keys of their own.
    if (this.#options.unwatched.has(id)) return undefined;
    const watched = this.#options.watched.get(id) ?? this.#custom.get(id);
    if (watched === undefined) this.#unknown.set(key, id);
    return watched;
  }

  #learn({ json }: StoredObject): void {
    const { group, names, versions } = json['spec'] as unknown as Definition;
    const served = versions.filter((version) => version.served).at(-1);
    if (served === undefined) return;
    this.#custom.set(`${group}/${names.kind}`, {
      kindName: `${names.plural}.${group}`,
      servedVersion: `${group}/${served.name}`,
    });
  }

  #add(kind: string, { namespace, name, uid }: StoredObject, version: Version): void {
    const { revision, form } = version;
    const key = `${kind} ${namespace}/${name}`;
    const life = this.#lives.get(key) ?? { kind, key, runs: [] };
    this.#lives.set(key, life);
    const last = life.runs.at(-1);
    if (last !== undefined && last.form === form) {
      last.revisions.push(revision);
      return;
    }
    if (last !== undefined) last.endRevision = revision;
    life.runs.push({ revisions: [revision], form, uid, endRevision: undefined });
  }
}

type Version = { readonly revision: number; readonly form: string | undefined };
