import type { KubeObject } from '../object/kube-object.ts';
import { badRequest, expired, StatusError } from '../status-error.ts';
import type { Kind } from '../store/kind.ts';
import { lowerBound } from '../store/storage.ts';
import type { Store } from '../store/store.ts';
import type { Rendering } from './form.ts';
import { renderList } from './rendering.ts';
import type { Call, Reply } from './request.ts';
import { scopePrefix, selectionOf } from './selection.ts';

/** What a continue token says. `revision` -1: continue with whatever is there now (after an expired token). */
type Continuation = { readonly revision: number; readonly start: string };

const encode = (continuation: Continuation): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: continuation.revision, start: continuation.start })).toString(
    'base64url',
  );

const decode = (token: string): Continuation => {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (typeof value === 'object' && value !== null && 'rv' in value && 'start' in value) {
      if (typeof value.rv === 'number' && typeof value.start === 'string')
        return { revision: value.rv, start: value.start };
    }
  } catch {
    // Not our JSON: the same answer as for JSON of another shape.
  }
  throw badRequest('invalid continue token: continue key is not valid');
};

const expiredContinue =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

/** A resourceVersion parameter as a number; 0 when it is absent. */
export const revisionOf = (text: string | null): number => {
  if (text === null || text === '') return 0;
  if (!/^\d{1,16}$/.test(text)) {
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return Number(text);
};

export const tooLarge = (wanted: number, current: number) =>
  new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }] },
    retryAfterSeconds: 1,
  });

/** The revision a list is read at, and the key it starts from. */
const positionOf = (call: Call, store: Store, floor: number): Continuation => {
  const token = call.query.get('continue') ?? '';
  const wanted = revisionOf(call.query.get('resourceVersion'));
  if (token !== '') {
    if (wanted !== 0) throw badRequest('specifying resource version is not allowed when using continue');
    const continuation = decode(token);
    if (continuation.revision < 0) return { revision: store.revision, start: continuation.start };
    if (continuation.revision < floor) {
      throw expired(expiredContinue, encode({ revision: -1, start: continuation.start }));
    }
    return continuation;
  }
  if (wanted > store.revision) throw tooLarge(wanted, store.revision);
  const isExact = call.query.get('resourceVersionMatch') === 'Exact';
  if (isExact && wanted < floor) throw expired(`The resourceVersion for the provided list is too old.`);
  return { revision: isExact ? wanted : store.revision, start: '' };
};

/** Lists one page, consistent at one revision, which a continue token carries from page to page. */
export const list = (call: Call, kind: Kind, store: Store, rendering: Rendering): Reply => {
  const storage = store.storage(kind);
  const selects = selectionOf(call, kind);
  const limit = Number(call.query.get('limit') ?? 0);
  const position = positionOf(call, store, storage.floorRevision);
  const overlay =
    position.revision < store.revision
      ? storage.overlayAt(position.revision)
      : new Map<string, KubeObject | undefined>();
  const keys = keysAt(storage.keys(), overlay);
  const prefix = scopePrefix(call, kind);
  const items: KubeObject[] = [];
  let index = lowerBound(keys, position.start > prefix ? position.start : prefix);
  let lastKey = '';
  for (; index < keys.length; index += 1) {
    const key = keys[index] ?? '';
    if (!key.startsWith(prefix) || (limit > 0 && items.length >= limit)) break;
    const object = overlay.has(key) ? overlay.get(key) : storage.get(key);
    if (object === undefined || selects?.(object) === false) continue;
    items.push(object);
    lastKey = key;
  }
  const remaining = restOf(keys, index, prefix);
  const metadata: { [key: string]: string | number } = { resourceVersion: String(position.revision) };
  if (limit > 0 && remaining > 0) {
    metadata['continue'] = encode({ revision: position.revision, start: `${lastKey}\u0000` });
    if (selects === undefined) metadata['remainingItemCount'] = remaining;
  }
  return { type: 'text', status: 200, contentType: 'application/json', text: renderList(items, metadata, rendering) };
};

/** Keys that exist now or existed at the overlay's revision, in order; objects that did not exist then are skipped later. */
const keysAt = (keys: readonly string[], overlay: ReadonlyMap<string, KubeObject | undefined>): readonly string[] => {
  const absent = new Set([...overlay].filter(([, object]) => object === undefined).map(([key]) => key));
  const current = new Set(keys);
  const gone = [...overlay].filter(([key, object]) => object !== undefined && !current.has(key)).map(([key]) => key);
  if (absent.size === 0 && gone.length === 0) return keys;
  return [...keys.filter((key) => !absent.has(key)), ...gone].sort((a, b) => (a < b ? -1 : 1));
};

const restOf = (keys: readonly string[], index: number, prefix: string): number => {
  if (prefix === '') return keys.length - index;
  return Math.max(0, lowerBound(keys, `${prefix.slice(0, -1)}0`) - index);
};
