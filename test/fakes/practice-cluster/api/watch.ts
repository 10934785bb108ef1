import type { JsonObject } from '../object/json.ts';
import type { KubeObject } from '../object/kube-object.ts';
import type { ObjectTest } from '../object/selector.ts';
import { badRequest, expired, invalid, type StatusError } from '../status-error.ts';
import { apiVersionOf, type Kind, storageKey } from '../store/kind.ts';
import type { Change, Storage } from '../store/storage.ts';
import type { Store } from '../store/store.ts';
import { revisionOf, tooLarge } from './list.ts';
import type { Rendering } from './form.ts';
import { renderObject } from './rendering.ts';
import type { Call, Reply, WatchOutput } from './request.ts';
import { flag } from './route.ts';
import { scopePrefix, selectionOf } from './selection.ts';

export type WatchSettings = { readonly bookmarkIntervalMs: number; readonly defaultTimeoutMs: number };

/** Open watches, so that tests can cut, freeze or poison them. */
export class WatchHub {
  readonly #open = new Set<{ key: string; output: WatchOutput; resume: () => void }>();
  isFrozen = false;

  add(key: string, output: WatchOutput, resume: () => void): () => void {
    const entry = { key, output, resume };
    this.#open.add(entry);
    return () => this.#open.delete(entry);
  }

  count(key?: string): number {
    return [...this.#open].filter((entry) => key === undefined || entry.key === key).length;
  }

  end(key?: string): void {
    for (const entry of this.#open) if (key === undefined || entry.key === key) entry.output.end();
  }

  inject(key: string, text: string): number {
    const targets = [...this.#open].filter((entry) => entry.key === key);
    for (const entry of targets) entry.output.write(text);
    return targets.length;
  }

  freeze(isFrozen: boolean): void {
    this.isFrozen = isFrozen;
    if (!isFrozen) for (const entry of this.#open) entry.resume();
  }
}

type Watch = {
  readonly call: Call;
  readonly kind: Kind;
  readonly store: Store;
  readonly storage: Storage;
  readonly selects: ObjectTest | undefined;
  readonly prefix: string;
  readonly rendering: Rendering;
  readonly settings: WatchSettings;
  readonly hub: WatchHub;
};

export type WatchSources = { readonly store: Store; readonly settings: WatchSettings; readonly hub: WatchHub };

/** A watch: starting state where asked for, then every change in order, bookmarks between them. */
export const watch = (call: Call, kind: Kind, rendering: Rendering, sources: WatchSources): Reply => {
  checkOptions(call);
  const wanted = revisionOf(call.query.get('resourceVersion'));
  const watch: Watch = {
    ...sources,
    call,
    kind,
    storage: sources.store.storage(kind),
    selects: selectionOf(call, kind),
    prefix: scopePrefix(call, kind),
    rendering,
  };
  const sendsInitial = flag(call.query, 'sendInitialEvents');
  if (sendsInitial && wanted > sources.store.revision) throw tooLarge(wanted, sources.store.revision);
  return {
    type: 'watch',
    contentType: 'application/json',
    start: (output) => new WatchStream(watch, output).start(wanted),
  };
};

const checkOptions = (call: Call): void => {
  const match = call.query.get('resourceVersionMatch');
  const asked = call.query.get('sendInitialEvents');
  const bad = (message: string) =>
    invalid({ group: 'meta.k8s.io', kind: 'ListOptions', name: '' }, [
      { field: 'resourceVersionMatch', reason: 'FieldValueForbidden', message: `Forbidden: ${message}` },
    ]);
  if (asked !== null && match !== 'NotOlderThan') {
    throw bad('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  if (asked === null && match !== null) {
    throw bad('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  }
  const timeout = call.query.get('timeoutSeconds');
  if (timeout !== null && !/^\d{1,9}$/.test(timeout))
    throw badRequest(`invalid timeoutSeconds: ${JSON.stringify(timeout)}`);
};

class WatchStream {
  readonly #watch: Watch;
  readonly #output: WatchOutput;
  readonly #cleanups: (() => void)[] = [];
  #initial: { objects: Iterator<KubeObject>; revision: number } | undefined;
  #position = 0;
  #isBlocked = false;
  #isClosed = false;

  constructor(watch: Watch, output: WatchOutput) {
    this.#watch = watch;
    this.#output = output;
  }

  start(wanted: number): void {
    const { storage, store, hub, kind, call } = this.#watch;
    const asked = call.query.get('sendInitialEvents');
    const startsWithState = asked === null ? wanted === 0 : flag(call.query, 'sendInitialEvents');
    const from = startsWithState || wanted === 0 ? store.revision : wanted;
    const position = storage.positionAfter(from);
    if (position === undefined) {
      this.#fail(expired(`too old resource version: ${wanted} (${storage.floorRevision})`));
      return this.#output.end();
    }
    this.#position = position;
    if (startsWithState) this.#initial = { objects: [...this.#current()].values(), revision: from };
    this.#cleanups.push(
      storage.subscribe(() => this.#pump()),
      hub.add(storageKey(kind), this.#output, () => this.#pump()),
    );
    this.#output.onClose(() => this.#close());
    this.#startTimers();
    this.#pump();
  }

  #startTimers(): void {
    const { call, settings } = this.#watch;
    const seconds = Number(call.query.get('timeoutSeconds') ?? 0);
    const timeout = setTimeout(() => this.#finish(), seconds > 0 ? seconds * 1000 : settings.defaultTimeoutMs);
    this.#cleanups.push(() => clearTimeout(timeout));
    if (!flag(call.query, 'allowWatchBookmarks')) return;
    const bookmarks = setInterval(() => this.#bookmark(), settings.bookmarkIntervalMs);
    this.#cleanups.push(() => clearInterval(bookmarks));
  }

  *#current(): Generator<KubeObject> {
    const { storage, selects, prefix } = this.#watch;
    for (const key of storage.keys()) {
      const object = key.startsWith(prefix) ? storage.get(key) : undefined;
      if (object !== undefined && selects?.(object) !== false) yield object;
    }
  }

  /** Writes what there is to write until the reader is behind; the storage and the drain call it again. */
  #pump(): void {
    while (!this.#isClosed && !this.#isBlocked && !this.#watch.hub.isFrozen) {
      if (this.#initial !== undefined) {
        const next = this.#initial.objects.next();
        if (next.done === true) this.#endInitial(this.#initial.revision);
        else this.#event('ADDED', renderObject(next.value, this.#watch.rendering));
        continue;
      }
      const change = this.#watch.storage.changeAt(this.#position);
      if (change === undefined) return;
      if (change === 'gone') {
        // The reader is further behind than the window: it has to list again.
        this.#fail(expired('too old resource version: the watch fell behind its window'));
        return this.#output.end();
      }
      this.#position += 1;
      this.#change(change);
    }
  }

  #endInitial(revision: number): void {
    this.#initial = undefined;
    const { query } = this.#watch.call;
    if (!flag(query, 'sendInitialEvents') || !flag(query, 'allowWatchBookmarks')) return;
    this.#writeBookmark(revision, { 'k8s.io/initial-events-end': 'true' });
  }

  /** A change as this watch's selector sees it: an object can enter or leave the selection. */
  #change(change: Change): void {
    const { selects, prefix, rendering } = this.#watch;
    if (!change.key.startsWith(prefix)) return;
    const isSelected = change.type !== 'DELETED' && selects?.(change.object) !== false;
    const wasSelected = change.previous !== undefined && selects?.(change.previous) !== false;
    if (isSelected) this.#event(wasSelected ? 'MODIFIED' : 'ADDED', renderObject(change.object, rendering));
    else if (wasSelected) this.#event('DELETED', renderObject(lastSeen(change), rendering));
  }

  #bookmark(): void {
    if (this.#initial !== undefined || this.#isBlocked || this.#watch.hub.isFrozen || this.#isClosed) return;
    this.#writeBookmark(this.#watch.store.revision, undefined);
  }

  #writeBookmark(revision: number, annotations: { [key: string]: string } | undefined): void {
    const { kind, rendering } = this.#watch;
    const metadata = { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) };
    const apiVersion = apiVersionOf(kind.group, rendering.version);
    const object =
      rendering.form === 'table'
        ? { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions: [], rows: [] }
        : { kind: kind.kind, apiVersion, metadata };
    this.#event('BOOKMARK', object);
  }

  #event(type: string, object: JsonObject): void {
    if (!this.#output.write(`{"type":"${type}","object":${JSON.stringify(object)}}\n`)) {
      this.#isBlocked = true;
      this.#output.onDrain(() => {
        this.#isBlocked = false;
        this.#pump();
      });
    }
  }

  #fail(error: StatusError): void {
    this.#output.write(`${JSON.stringify({ type: 'ERROR', object: error.toStatus() })}\n`);
  }

  #finish(): void {
    if (flag(this.#watch.call.query, 'allowWatchBookmarks')) this.#bookmark();
    this.#output.end();
  }

  #close(): void {
    this.#isClosed = true;
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
  }
}

/** What a DELETED event carries: the last state that was selected, at the revision that ended it. */
const lastSeen = (change: Change): KubeObject => {
  if (change.type === 'DELETED' || change.previous === undefined) return change.object;
  const metadata = { ...change.previous.metadata, resourceVersion: change.object.metadata.resourceVersion };
  return { ...change.previous, metadata };
};
