import { ProtocolError } from './error.ts';
import { isJsonObject, ownValue } from './json.ts';
import type { Json } from './message.ts';
import { parsePointer } from './pointer.ts';

/** One operation of RFC 6902. Paths are JSON Pointers. */
export type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly from: string; readonly path: string };

/** Reads a patch from its JSON text. Throws ProtocolError 'invalid-patch'. */
export function parsePatch(text: string): readonly PatchOperation[] {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw new ProtocolError('invalid-patch', 'a patch is not JSON', { cause });
  }
  return readPatch(value);
}

/** Checks a parsed patch. Throws ProtocolError 'invalid-patch'. */
export function readPatch(value: Json): readonly PatchOperation[] {
  if (!Array.isArray(value)) throw new ProtocolError('invalid-patch', 'a patch is not a list of operations');
  return value.map(readOperation);
}

function readOperation(item: Json, index: number): PatchOperation {
  if (!isJsonObject(item)) throw invalid(index, 'is not an object');
  const op = ownValue(item, 'op');
  const path = readPointer(ownValue(item, 'path'), index);
  switch (op) {
    case 'add':
    case 'replace':
    case 'test': {
      const value = ownValue(item, 'value');
      if (value === undefined) throw invalid(index, 'has no value');
      return { op, path, value };
    }
    case 'remove':
      return { op, path };
    case 'move':
    case 'copy':
      return { op, path, from: readPointer(ownValue(item, 'from'), index) };
    default:
      throw invalid(index, 'has an unknown op');
  }
}

function readPointer(value: Json | undefined, index: number): string {
  if (typeof value !== 'string') throw invalid(index, 'has no pointer where one is needed');
  parsePointer(value);
  return value;
}

function invalid(index: number, what: string): ProtocolError {
  return new ProtocolError('invalid-patch', `operation ${index} of a patch ${what}`);
}
