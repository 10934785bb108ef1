import { isUtf8 } from 'node:buffer';
import { type Json, type JsonObject, isJsonObject, ownObject, ownString } from '@driftline/proto';
import { type KubeError, errorFromStatusObject } from '../kube/kube-error.ts';
import { utf8Text } from '../utf8-text.ts';

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

export type WatchEvent =
  | { readonly type: ChangeType; readonly object: JsonObject }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly endsInitialEvents: boolean }
  | { readonly type: 'ERROR'; readonly error: KubeError }
  /** `reason` holds nothing of the line. */
  | { readonly type: 'malformed'; readonly reason: string };

const initialEventsEnd = 'k8s.io/initial-events-end';

/** One line of a watch. Total: what is not an event is 'malformed'. */
export function parseWatchEvent(line: Buffer, where: string): WatchEvent {
  const event = parseJsonObject(line);
  if (typeof event === 'string') return { type: 'malformed', reason: event };
  const object = ownObject(event, 'object');
  if (object === undefined) return { type: 'malformed', reason: 'a watch event without an object' };
  const type = ownString(event, 'type');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object };
    case 'BOOKMARK':
      return parseBookmark(object);
    case 'ERROR':
      return { type, error: errorFromStatusObject(object, where) };
    default:
      return { type: 'malformed', reason: 'a watch event of an unknown type' };
  }
}

/** An object, or why the bytes are none. */
export function parseJsonObject(bytes: Buffer): JsonObject | string {
  if (!isUtf8(bytes)) return 'not UTF-8';
  try {
    const value = JSON.parse(utf8Text(bytes)) as Json;
    return isJsonObject(value) ? value : 'not a JSON object';
  } catch {
    return 'not JSON';
  }
}

function parseBookmark(object: JsonObject): WatchEvent {
  const metadata = ownObject(object, 'metadata');
  const resourceVersion = ownString(metadata, 'resourceVersion');
  if (resourceVersion === '') return { type: 'malformed', reason: 'a bookmark without a resource version' };
  const annotations = metadata === undefined ? undefined : ownObject(metadata, 'annotations');
  return { type: 'BOOKMARK', resourceVersion, endsInitialEvents: ownString(annotations, initialEventsEnd) === 'true' };
}
