import { ActorError } from '../actor.ts';
import type { KubeObject } from '../object/kube-object.ts';
import type { Commit } from '../store/store.ts';
import type { Controller, ControllerWorld } from './controller.ts';
import { aggregationController } from './aggregation-controller.ts';
import { deploymentController } from './deployment-controller.ts';
import { endpointController } from './endpoint-controller.ts';
import { garbageCollector } from './garbage-collector.ts';
import { startHeartbeats } from './heartbeats.ts';
import { jobController } from './job-controller.ts';
import { definitionController, namespaceController } from './namespace-controller.ts';
import { kubeletController, schedulerController } from './node-controllers.ts';
import { podOwnerControllers } from './pod-owner-controllers.ts';
import { rootCaPublisher, serviceAccountController } from './service-account-controller.ts';

const maxRetries = 8;
/** Events that are kept. */
const maxEvents = 1000;

/** Runs the controllers: changes queue keys, and a turn of the event loop later they are looked at, one by one. */
export class Controllers {
  readonly #controllers: readonly Controller[];
  readonly #world: ControllerWorld & { readonly heartbeatIntervalMs: number };
  readonly #queue = new Map<string, { controller: Controller; key: string; attempts: number }>();
  readonly #stops: (() => void)[] = [];
  #isScheduled = false;
  #isStopped = false;
  #idle: (() => void)[] = [];

  constructor(world: ControllerWorld & { readonly heartbeatIntervalMs: number }) {
    this.#world = world;
    this.#controllers = [
      serviceAccountController(world),
      rootCaPublisher(world),
      namespaceController(world),
      definitionController(world),
      deploymentController(world),
      ...podOwnerControllers(world),
      jobController(world),
      schedulerController(world),
      kubeletController(world),
      endpointController(world),
      garbageCollector(world),
      aggregationController(world),
    ];
  }

  start(): void {
    this.#stops.push(this.#world.store.subscribe((commit) => this.#enqueue(commit)));
    for (const { storageKey: resource, key, object } of this.#world.store.entries())
      this.#enqueueExisting(resource, key, object);
    if (this.#world.heartbeatIntervalMs > 0)
      this.#stops.push(startHeartbeats(this.#world, this.#world.heartbeatIntervalMs));
  }

  stop(): void {
    this.#isStopped = true;
    for (const stop of this.#stops) stop();
    this.#queue.clear();
  }

  /** Resolves when there is nothing left to do. */
  settle(): Promise<void> {
    return this.#queue.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Events live on a lease in a real cluster; here the oldest make room. */
  #expireEvents(): void {
    const { store } = this.#world;
    const events = store.storage({ group: '', resource: 'events' });
    if (events.size <= maxEvents) return;
    const [oldest] = events.values();
    if (oldest !== undefined) this.#world.writer.remove(store.kinds.builtIn('events'), oldest);
  }

  #enqueueExisting(resource: string, key: string, object: KubeObject): void {
    const kind = this.#world.store.kinds.byStorageKey(resource);
    if (kind === undefined) return;
    this.#enqueue({ kind, change: { type: 'ADDED', revision: 0, key, object, previous: undefined } });
  }

  #enqueue(commit: Commit): void {
    if (commit.kind.resource === 'events') return this.#expireEvents();
    for (const controller of this.#controllers) {
      for (const key of controller.concerns(commit)) this.#add(controller, key, 0);
    }
  }

  #add(controller: Controller, key: string, attempts: number): void {
    this.#queue.set(`${controller.name} ${key}`, { controller, key, attempts });
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  /** A bounded slice of work in each turn, so that requests are served in between. */
  #run(): void {
    this.#isScheduled = false;
    let budget = 20;
    for (const [id, item] of this.#queue) {
      if (budget === 0 || this.#isStopped) break;
      budget -= 1;
      this.#queue.delete(id);
      this.#reconcile(item);
    }
    if (this.#queue.size > 0 && !this.#isStopped) {
      this.#isScheduled = true;
      setImmediate(() => this.#run());
    } else if (this.#queue.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #reconcile({ controller, key, attempts }: { controller: Controller; key: string; attempts: number }): void {
    try {
      controller.reconcile(key);
    } catch (error) {
      // Conflicts and namespaces that are going away settle by looking again; a planned failure is one to live with.
      if (!(error instanceof ActorError)) throw error;
      if (attempts < maxRetries && error.status !== 403 && error.status !== 404)
        this.#add(controller, key, attempts + 1);
    }
  }
}
