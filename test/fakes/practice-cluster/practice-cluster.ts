import { randomBytes } from 'node:crypto';
import { Authorizer } from './access/authorizer.ts';
import { Tokens, type TokenUser } from './access/tokens.ts';
import { Actor, type ActorIdentity } from './actor.ts';
import { Dispatcher } from './api/dispatcher.ts';
import { type Failure, Failures } from './api/failures.ts';
import { HttpServer, type TlsFiles } from './api/http-server.ts';
import { WatchHub } from './api/watch.ts';
import { selfSigned } from './api/self-signed.ts';
import { Writer } from './api/writer.ts';
import { Audit, type AuditOptions } from './audit/audit.ts';
import { type Clock, systemClock } from './clock.ts';
import { Controllers } from './controllers/controllers.ts';
import { type JsonObject, type Manifest, textOf } from './object/json.ts';
import type { KubeObject } from './object/kube-object.ts';
import { definedStorageKey } from './store/kind-registry.ts';
import { openStateFiles, type StateFiles } from './store/state-files.ts';
import { Store } from './store/store.ts';
import { storyControl, Stories } from './stories/stories.ts';
import { bootstrap } from './world/bootstrap.ts';
import { createCompany } from './world/company.ts';

export type PracticeClusterOptions = {
  /** 0, the default, takes a free port. */
  readonly port?: number;
  readonly host?: string;
  /** HTTPS with this certificate, or with one made for the occasion. kubectl sends tokens over HTTPS only. */
  readonly tls?: TlsFiles | 'generated';
  /** Bearer tokens. Without any, `admin` is given one (see `adminToken`). */
  readonly tokens?: Readonly<Record<string, TokenUser>>;
  readonly audit?: AuditOptions;
  /** Where the state is kept from one start to the next; nothing is kept without it. */
  readonly stateDir?: string;
  readonly clock?: Clock;
  /** `company`: namespaces, workloads, access rules of a small company. `bare`: what a new cluster has. Default bare. */
  readonly world?: 'bare' | 'company';
  /** Deployments get pods and so on. Default true. */
  readonly controllers?: boolean;
  /** Leases and node heartbeats that change all the time; 0 (the default) for none. */
  readonly heartbeatIntervalMs?: number;
  /** Changes kept for each kind, at least; older ones answer 410. Default 1000. */
  readonly watchWindowChanges?: number;
  /** Default 10 000. */
  readonly bookmarkIntervalMs?: number;
  /** End of a watch that does not say itself. Default 30 minutes. */
  readonly watchTimeoutMs?: number;
};

export type PracticeCluster = {
  readonly url: string;
  /** PEM of the authority to trust, when it serves HTTPS. */
  readonly ca: string | undefined;
  /** A token of system:masters. */
  readonly adminToken: string;
  readonly store: Store;
  readonly audit: Audit;
  readonly stories: Stories;
  /** A new token for a user. `admin` is of system:masters unless told otherwise; others have what is bound to them. */
  readonly tokenFor: (user: string, groups?: readonly string[]) => string;
  /** A kubeconfig as JSON text, which kubectl and every client read as YAML. */
  readonly kubeconfigFor: (user: string, groups?: readonly string[]) => string;
  /** Forgets the watch windows: older resourceVersions and continue tokens answer 410. */
  readonly compact: () => void;
  /** Destroys every connection; answers how many. */
  readonly cutConnections: () => number;
  /** Ends open watches of a storage key such as `pods` or `deployments.apps`, or all, as the server may at any time. */
  readonly endWatches: (storageKey?: string) => void;
  /** Holds watch events back, on open connections, until called with false. */
  readonly freezeWatches: (isFrozen: boolean) => void;
  readonly fail: (failure: Failure) => void;
  readonly clearFailures: () => void;
  /** Writes text into open watches of a storage key as it is; answers how many there were. */
  readonly injectRawWatchLine: (storageKey: string, text: string) => number;
  readonly actor: (identity: ActorIdentity) => Actor;
  /** Creates or replaces an object as somebody, through the API: authorised and audited. */
  readonly applyAs: (user: string, userAgent: string, object: Manifest) => KubeObject;
  /** Ends everything; a second call waits for the first. */
  readonly stop: () => Promise<void>;
};

/** Starts a practice cluster on loopback. */
export const openPracticeCluster = async (options: PracticeClusterOptions = {}): Promise<PracticeCluster> => {
  const clock = options.clock ?? systemClock;
  const store = new Store({ windowChanges: options.watchWindowChanges ?? 1000 });
  const files = options.stateDir === undefined ? undefined : openStateFiles(options.stateDir, store);
  const tokens = new Tokens({
    fixed: options.tokens ?? {},
    key: files?.tokenKey ?? randomBytes(32).toString('base64url'),
    now: clock.now,
  });
  const parts = createParts(options, { store, clock, tokens });
  const actor = (identity: ActorIdentity) => new Actor(parts.dispatcher, store, identity);
  const isContinued = store.revision > 1;
  const stories = new Stories({ actor, store, clock }, isContinued);
  if (!isContinued) bootstrap(actor, clock);
  const controllers =
    options.controllers === false
      ? undefined
      : new Controllers({
          actor,
          store,
          writer: parts.writer,
          clock,
          heartbeatIntervalMs: options.heartbeatIntervalMs ?? 0,
        });
  controllers?.start();
  if (options.world === 'company' && store.get('namespaces', '', 'shop') === undefined) createCompany(actor);
  await controllers?.settle();
  const host = options.host ?? '127.0.0.1';
  const tls =
    options.tls === 'generated'
      ? (files?.tls(() => selfSigned([host, 'localhost'], Date.now())) ?? selfSigned([host, 'localhost'], Date.now()))
      : options.tls;
  const server = new HttpServer({
    host,
    port: options.port ?? 0,
    tls,
    dispatch: (request) => parts.dispatcher.dispatch(request),
    control: (method, path) => storyControl(stories, method, path),
  });
  const url = await server.listen();
  return hooks({ ...parts, tls, url, store, tokens, server, files, controllers, actor, stories });
};

const createParts = (options: PracticeClusterOptions, base: { store: Store; clock: Clock; tokens: Tokens }) => {
  const authorizer = new Authorizer(base.store);
  const audit = new Audit(options.audit ?? {}, base.clock);
  const failures = new Failures();
  const hub = new WatchHub();
  const writer = new Writer(base.store, base.clock);
  const watchSettings = {
    bookmarkIntervalMs: options.bookmarkIntervalMs ?? 10_000,
    defaultTimeoutMs: options.watchTimeoutMs ?? 30 * 60_000,
  };
  const resources = { ...base, authorizer, writer, hub, watchSettings };
  const dispatcher = new Dispatcher({ resources, tokens: base.tokens, authorizer, audit, failures });
  // A kind that is no longer served has no watches.
  base.store.subscribe(({ kind, change }) => {
    if (kind.kind === 'CustomResourceDefinition' && change.type === 'DELETED')
      hub.end(definedStorageKey(change.object));
  });
  return { authorizer, audit, failures, hub, writer, dispatcher };
};

type Parts = ReturnType<typeof createParts> & {
  tls: TlsFiles | undefined;
  url: string;
  store: Store;
  tokens: Tokens;
  server: HttpServer;
  files: StateFiles | undefined;
  controllers: Controllers | undefined;
  actor: (identity: ActorIdentity) => Actor;
  stories: Stories;
};

const hooks = (parts: Parts): PracticeCluster => {
  const { store, tokens, url, hub, failures, server, audit, actor, stories } = parts;
  const tokenFor = (user: string, groups: readonly string[] = user === 'admin' ? ['system:masters'] : []) =>
    tokens.issue({ user, groups });
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await stories.stop();
    parts.controllers?.stop();
    await server.close();
    await audit.stop();
    parts.files?.close();
  };
  return {
    url,
    ca: parts.tls?.cert,
    store,
    audit,
    stories,
    actor,
    tokenFor,
    adminToken: tokenFor('admin'),
    kubeconfigFor: (user, groups) => kubeconfig(url, user, tokenFor(user, groups), parts.tls),
    compact: () => store.compact(),
    cutConnections: () => server.cutConnections(),
    endWatches: (key) => hub.end(key),
    freezeWatches: (isFrozen) => hub.freeze(isFrozen),
    fail: (failure) => failures.plan(failure),
    clearFailures: () => failures.clear(),
    injectRawWatchLine: (key, text) => hub.inject(key, text),
    applyAs: (user, userAgent, object) =>
      applyAs(actor({ user, userAgent, sourceIp: '203.0.113.10', isTrusted: true }), object as JsonObject),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
};

const applyAs = (actor: Actor, object: JsonObject): KubeObject => {
  const metadata = object['metadata'] as { name: string; namespace?: string };
  const target = { apiVersion: textOf(object['apiVersion']), kind: textOf(object['kind']), ...metadata };
  const existing = actor.get(target);
  if (existing === undefined) return actor.create(object);
  return actor.update({
    ...object,
    metadata: { ...(object['metadata'] as JsonObject), resourceVersion: existing.metadata.resourceVersion },
  } as KubeObject);
};

const kubeconfig = (server: string, user: string, token: string, tls: TlsFiles | undefined): string => {
  const authority = tls === undefined ? {} : { 'certificate-authority-data': Buffer.from(tls.cert).toString('base64') };
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'practice',
      clusters: [{ name: 'practice', cluster: { server, ...authority } }],
      users: [{ name: user, user: { token } }],
      contexts: [{ name: 'practice', context: { cluster: 'practice', user } }],
    },
    undefined,
    2,
  );
};
