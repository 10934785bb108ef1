import {
  type Json,
  type JsonObject,
  type ManagerEvidence,
  type PatchOperation,
  isJsonArray,
  isJsonObject,
  jsonEqual,
  ownObject,
  ownString,
  ownValue,
  parsePointer,
  parseTimestampUs,
} from '@driftline/proto';

/** One entry of metadata.managedFields: self-declared, whole seconds. */
export type FieldOwner = {
  readonly manager: string;
  readonly operation: string;
  readonly subresource: string;
  readonly timeUs: number;
  /** FieldsV1: `f:member`, `k:{"name":"web"}`, `v:value`, `i:0`, and '.' for the thing itself. */
  readonly fields: JsonObject;
};

/** Owners beyond this size are not kept: evidence is lost, nothing else. */
const maxOwnersLength = 512 * 1024;

/** The owners that an object declares; what is not of the expected shape is left out. */
export function readOwners(object: JsonObject): readonly FieldOwner[] {
  const entries = ownValue(ownObject(object, 'metadata') ?? {}, 'managedFields');
  if (!isJsonArray(entries)) return [];
  const owners: FieldOwner[] = [];
  for (const entry of entries) {
    if (!isJsonObject(entry)) continue;
    owners.push({
      manager: ownString(entry, 'manager'),
      operation: ownString(entry, 'operation'),
      subresource: ownString(entry, 'subresource'),
      timeUs: parseTimestampUs(ownString(entry, 'time')) ?? 0,
      fields: ownObject(entry, 'fieldsV1') ?? {},
    });
  }
  return owners;
}

/**
 * The text that is kept with the known object, so that fields removed later can be attributed. The owners without their
 * fields are the first line; then the fields of each, one a line, since few changes ask for them.
 */
export function writeOwners(owners: readonly FieldOwner[]): string {
  const kept = owners.filter(isOfInterest);
  const heads = kept.map(({ fields: _fields, ...head }) => head);
  const text = [heads, ...kept.map(({ fields }) => fields)].map((part) => JSON.stringify(part)).join('\n');
  return text.length > maxOwnersLength ? '' : text;
}

type OwnerHead = Omit<FieldOwner, 'fields'>;

/** Reads what writeOwners wrote; fields are parsed when they are asked for. */
export function parseOwners(text: string): readonly FieldOwner[] {
  if (text === '') return [];
  const [heads = '[]', ...fields] = text.split('\n');
  return (JSON.parse(heads) as readonly OwnerHead[]).map((head, i) => new KeptOwner(head, fields[i] ?? '{}'));
}

class KeptOwner implements FieldOwner {
  readonly manager: string;
  readonly operation: string;
  readonly subresource: string;
  readonly timeUs: number;
  readonly #text: string;
  #fields: JsonObject | undefined;

  constructor({ manager, operation, subresource, timeUs }: OwnerHead, text: string) {
    this.manager = manager;
    this.operation = operation;
    this.subresource = subresource;
    this.timeUs = timeUs;
    this.#text = text;
  }

  get fields(): JsonObject {
    this.#fields ??= JSON.parse(this.#text) as JsonObject;
    return this.#fields;
  }
}

/** Owners of status alone come and go with every heartbeat. */
function isOfInterest(owner: FieldOwner): boolean {
  return owner.subresource !== 'status' || Object.keys(owner.fields).some((key) => key !== 'f:status');
}

/** Evidence for an object as a whole: created, found, deleted. */
export function wholeEvidence(owners: readonly FieldOwner[]): readonly ManagerEvidence[] {
  return owners.filter(isOfInterest).map((owner) => toEvidence(owner, ['']));
}

export type Side = { readonly document: Json; readonly owners: readonly FieldOwner[] };

/**
 * Who owned the changed paths: removed ones before the change, all others after it. An owner whose entry is new or
 * newer without owning any of them is named too, with no paths: it wrote in this change.
 */
export function changeEvidence(
  operations: readonly PatchOperation[],
  before: Side,
  after: Side,
): readonly ManagerEvidence[] {
  const paths = new Map<string, { owner: FieldOwner; readonly paths: string[] }>();
  const touch = (owner: FieldOwner): string[] => {
    const key = ownerKey(owner);
    const found = paths.get(key) ?? { owner, paths: [] };
    paths.set(key, found);
    return found.paths;
  };
  const previous = new Map(before.owners.map((owner) => [ownerKey(owner), owner]));
  for (const owner of after.owners) {
    const old = previous.get(ownerKey(owner));
    if (isOfInterest(owner) && (old === undefined || owner.timeUs > old.timeUs)) touch(owner);
  }
  const latest = new Map(after.owners.map((owner) => [ownerKey(owner), owner]));
  for (const operation of operations) {
    const side = operation.op === 'remove' ? before : after;
    const segments = parsePointer(operation.path);
    for (const owner of side.owners) {
      if (owns(owner.fields, side.document, segments)) {
        touch(latest.get(ownerKey(owner)) ?? owner).push(operation.path);
      }
    }
  }
  return [...paths.values()].map((touched) => toEvidence(touched.owner, touched.paths));
}

function ownerKey({ manager, operation, subresource }: FieldOwner): string {
  return `${manager}\n${operation}\n${subresource}`;
}

function toEvidence(owner: FieldOwner, paths: readonly string[]): ManagerEvidence {
  const { manager, operation, subresource, timeUs } = owner;
  return { manager, operation, subresource, timeUs, paths };
}

/** Whether a field set owns a place in a document or something in it. */
function owns(fields: JsonObject, document: Json, segments: readonly string[]): boolean {
  let node = fields;
  let value: Json | undefined = document;
  for (const segment of segments) {
    // An empty set below the root is a leaf: an atomic list, a map or scalar owned whole.
    if (node !== fields && isLeaf(node)) return true;
    const child: Json | undefined = isJsonArray(value)
      ? listChild(node, value, segment)
      : ownValue(node, `f:${segment}`);
    if (!isJsonObject(child)) return false;
    node = child;
    value = childValue(value, segment);
  }
  return segments.length > 0 || !isLeaf(fields);
}

function childValue(value: Json | undefined, segment: string): Json | undefined {
  if (isJsonArray(value)) return value[Number(segment)];
  return isJsonObject(value) ? ownValue(value, segment) : undefined;
}

function isLeaf(node: JsonObject): boolean {
  for (const _key in node) return false;
  return true;
}

function listChild(node: JsonObject, list: readonly Json[], segment: string): Json | undefined {
  const item = list[Number(segment)];
  if (item === undefined) return undefined;
  for (const key of Object.keys(node)) {
    if (key.startsWith('k:') && matchesKey(item, key.slice(2))) return node[key];
    if (key.startsWith('v:') && jsonEqual(parseJson(key.slice(2)), item)) return node[key];
  }
  return ownValue(node, `i:${segment}`);
}

function matchesKey(item: Json, text: string): boolean {
  const key = parseJson(text);
  if (!isJsonObject(key) || !isJsonObject(item)) return false;
  return Object.keys(key).every((member) => jsonEqual(ownValue(item, member), key[member]));
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
