import type { ApiRecord, Json, JsonObject } from '@driftline/proto';
import type { GroupKind, ObjectChange, ObjectKey } from '@driftline/policy';
import { changeIdOf } from './change-id.ts';

type VersionRecord = Extract<ApiRecord, { type: 'version' }>;
type Stored = { readonly text: Buffer; readonly uid: string; readonly digest: string };

/** Objects as JSON text, a fraction of what they take as objects; each is parsed when it is read. */
export type TextStore = {
  get(key: ObjectKey): JsonObject | undefined;
  uidOf(key: ObjectKey): string | undefined;
  list(kind: GroupKind, namespace: string | undefined): Iterable<JsonObject>;
  /** Takes the version in; what the engine is to be told of it. */
  place(record: VersionRecord): ObjectChange;
};

export function createTextStore(): TextStore {
  const kinds = new Map<string, Map<string, Stored>>();
  const read = ({ text }: Stored): JsonObject => JSON.parse(text.toString()) as JsonObject;
  const find = (key: ObjectKey): Stored | undefined => kinds.get(kindText(key))?.get(nameText(key));
  return {
    get(key) {
      const found = find(key);
      return found === undefined ? undefined : read(found);
    },
    uidOf: (key) => find(key)?.uid,
    *list(kind, namespace) {
      for (const [name, stored] of kinds.get(kindText(kind)) ?? [])
        if (namespace === undefined || name.startsWith(`${namespace}/`)) yield read(stored);
    },
    place(record) {
      const { group, kind, namespace, name, uid } = record.object;
      const key = { group, kind, namespace, name };
      const before = find(key);
      const after = objectOf(record.body);
      if (after === undefined) {
        kinds.get(kindText(key))?.delete(nameText(key));
        return { key, uid, after };
      }
      const digest = changeIdOf(record);
      const objects = kinds.get(kindText(key)) ?? new Map<string, Stored>();
      kinds.set(kindText(key), objects);
      objects.set(nameText(key), { text: Buffer.from(JSON.stringify(after)), uid, digest });
      const earlier = before === undefined ? undefined : { object: read(before), digest: before.digest };
      return { key, uid, after, digest, earlier };
    },
  };
}

/** Undefined: the object was gone. */
export function objectOf(body: Json): JsonObject | undefined {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as JsonObject) : undefined;
}

function kindText({ group, kind }: GroupKind): string {
  return `${kind}.${group}`;
}

function nameText({ namespace, name }: ObjectKey): string {
  return `${namespace}/${name}`;
}
