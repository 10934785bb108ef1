/**
 * An API server that serves a world of any size and edits it at a given rate: discovery, lists in pages, streamed
 * initial states, watches. A program of its own, so that what it costs is not counted as the agent's. Its parent talks
 * to it by messages (`Command`, `Answer`).
 *   node test/bench/world/api-server.ts <objects>
 */
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@driftline/proto';
import { livingWorld } from './edits.ts';
import { worldKinds, worldOf } from './objects.ts';
import type { WorldKind, WorldObject } from './objects.ts';
import { createRandom } from './random.ts';

/** Makes `changes` changes, `perSecond` of them a second; 0 for as fast as the watches take them. */
export type Command = { readonly type: 'edit'; readonly changes: number; readonly perSecond: number };

/** When each change was made: [resourceVersion, milliseconds since the Unix epoch]. */
export type Answer =
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'edited'; readonly made: readonly (readonly [string, number])[] };

const nowMs = (): number => performance.timeOrigin + performance.now();

class Storage {
  readonly kind: WorldKind;
  /** Objects as JSON text, by place in the world. */
  readonly texts = new Map<number, string>();
  readonly #watches = new Set<ServerResponse>();
  readonly #log: { readonly version: number; readonly line: string }[] = [];

  constructor(kind: WorldKind) {
    this.kind = kind;
  }

  change(index: number, text: string, version: number): void {
    this.texts.set(index, text);
    const line = `{"type":"MODIFIED","object":${text}}\n`;
    this.#log.push({ version, line });
    if (this.#log.length > 5_000) this.#log.splice(0, 2_500);
    for (const watch of this.#watches) watch.write(line);
  }

  /** False while a client is slower than the changes. */
  isDrained(): boolean {
    return [...this.#watches].every((watch) => !watch.writableNeedDrain);
  }

  watch(response: ServerResponse, query: URLSearchParams, version: number): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    if (query.get('sendInitialEvents') === 'true') {
      for (const text of this.texts.values()) response.write(`{"type":"ADDED","object":${text}}\n`);
      response.write(this.#bookmark(version, { 'k8s.io/initial-events-end': 'true' }));
    } else {
      const from = Number(query.get('resourceVersion'));
      for (const { version, line } of this.#log) if (version > from) response.write(line);
    }
    response.flushHeaders();
    this.#watches.add(response);
    response.once('close', () => this.#watches.delete(response));
  }

  bookmark(version: number): void {
    for (const watch of this.#watches) watch.write(this.#bookmark(version, {}));
  }

  list(response: ServerResponse, query: URLSearchParams, version: number): void {
    const texts = [...this.texts.values()];
    const from = Number(query.get('continue') ?? 0);
    const to = from + (Number(query.get('limit')) || texts.length);
    const more = to < texts.length ? { continue: String(to) } : {};
    const metadata = JSON.stringify({ resourceVersion: String(version), ...more });
    const { kind } = this.kind;
    const items = texts.slice(from, to).join(',');
    json(
      response,
      200,
      `{"kind":"${kind}List","apiVersion":"${versionOf(this.kind)}","metadata":${metadata},"items":[${items}]}`,
    );
  }

  #bookmark(version: number, annotations: JsonObject): string {
    const metadata = { resourceVersion: String(version), annotations };
    const object = { kind: this.kind.kind, apiVersion: versionOf(this.kind), metadata };
    return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`;
  }
}

const versionOf = ({ group, version }: WorldKind): string => (group === '' ? version : `${group}/${version}`);
const rootOf = (kind: WorldKind): string => `${kind.group === '' ? '/api' : '/apis'}/${versionOf(kind)}`;

function json(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function discovery(): Map<string, string> {
  const pages = new Map<string, JsonObject>();
  const groups = [...new Set(worldKinds.map(({ group }) => group).filter((group) => group !== ''))];
  pages.set('/version', { major: '1', minor: '34', gitVersion: 'v1.34.0' });
  pages.set('/api', { kind: 'APIVersions', versions: ['v1'] });
  const listed = groups.map((name) => ({ name, versions: [{ groupVersion: `${name}/v1`, version: 'v1' }] }));
  pages.set('/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: listed });
  for (const kind of worldKinds) {
    const resources = worldKinds
      .filter((other) => rootOf(other) === rootOf(kind))
      .map(({ resource, kind, isNamespaced: namespaced }) => ({
        name: resource,
        kind,
        namespaced,
        verbs: ['get', 'list', 'watch'],
        storageVersionHash: `${resource}=`,
      }));
    pages.set(rootOf(kind), { kind: 'APIResourceList', groupVersion: versionOf(kind), resources });
  }
  const system = { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'kube-system', uid: 'bench-cluster' } };
  pages.set('/api/v1/namespaces/kube-system', system);
  return new Map([...pages].map(([path, page]) => [path, JSON.stringify(page)]));
}

function serve(initial: readonly WorldObject[]): void {
  const world = livingWorld(initial, createRandom(5));
  const storages = new Map(worldKinds.map((kind) => [kind, new Storage(kind)]));
  for (const [index, { kind, object }] of initial.entries())
    storages.get(kind)?.texts.set(index, JSON.stringify(object));
  const byPath = new Map(
    [...storages.values()].map((storage) => [`${rootOf(storage.kind)}/${storage.kind.resource}`, storage]),
  );
  const pages = discovery();
  let version = 1_000;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const page = pages.get(pathname);
    const storage = byPath.get(pathname);
    if (page !== undefined) json(response, 200, page);
    else if (storage === undefined)
      json(response, 404, '{"kind":"Status","status":"Failure","reason":"NotFound","code":404}');
    else if (searchParams.get('watch') !== null) storage.watch(response, searchParams, version);
    else storage.list(response, searchParams, version);
  });
  const bookmarks = setInterval(() => storages.forEach((storage) => storage.bookmark(version)), 5_000);
  server.once('close', () => clearInterval(bookmarks));
  const edit = async ({ changes, perSecond }: Command): Promise<void> => {
    const made: [string, number][] = [];
    const startedMs = performance.now();
    while (made.length < changes) {
      const { index, after } = world.next();
      const { kind, object } = after;
      const text = JSON.stringify(object);
      const resourceVersion = (object['metadata'] as { readonly resourceVersion: string }).resourceVersion;
      version = Number(resourceVersion);
      made.push([resourceVersion, nowMs()]);
      storages.get(kind)?.change(index, text, version);
      const dueMs = perSecond === 0 ? 0 : startedMs + (made.length / perSecond) * 1_000;
      const aheadMs = dueMs - performance.now();
      if (aheadMs > 1) await sleep(aheadMs);
      else if (perSecond === 0 && made.length % 50 === 0)
        do await sleep(1);
        while (![...storages.values()].every((storage) => storage.isDrained()));
    }
    answer({ type: 'edited', made });
  };
  process.on('message', (command: Command) => void edit(command));
  process.once('disconnect', () => process.exit(0));
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    answer({ type: 'listening', url: `http://127.0.0.1:${port}` });
  });
}

function answer(message: Answer): void {
  process.send?.(message);
}

serve(worldOf(Number(process.argv[2] ?? 1_000)));
