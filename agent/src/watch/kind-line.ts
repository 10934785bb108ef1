import {
  type CoverageState,
  type Delta,
  type Gap,
  type GapCause,
  type JsonObject,
  type MessageBody,
  type Rejected,
  ownObject,
  ownString,
} from '@driftline/proto';
import { type CapturePorts, captureDelete, place } from '../capture/capture.ts';
import type { ClusterClock } from '../cluster-clock.ts';
import type { ApiKind } from '../kube/api-kind.ts';
import { beforeAnyVersion } from '../known/known.ts';
import type { KindProgress, KnownChange, KnownKind, KnownObject, ObjectName } from '../known/known.ts';
import { unpackForm, unpackedBytes } from '../known/packed-form.ts';
import type { MessageSink, SequenceRange } from '../message-sink.ts';
import { KindComparison, type SentDigest } from '../reconcile/kind-comparison.ts';
import type { ByteBudget } from './byte-budget.ts';
import { CommitFloor } from './commit-floor.ts';
import { ListPass } from './list-pass.ts';
import { nameKey, nameOf } from './object-name.ts';
import type { ChangeEvent, ListEnd, Moving, Sighting } from './sighting.ts';
import { tryCapture } from './try-capture.ts';
import { unlessAborted } from './unless-aborted.ts';
import type { WatchMetrics } from './watch-metrics.ts';
import { wholeOf } from './whole-of.ts';

export type KindLinePorts = {
  readonly sink: MessageSink;
  readonly known: KnownKind;
  readonly capture: CapturePorts;
  readonly budget: ByteBudget;
  readonly clock: ClusterClock;
  readonly metrics: WatchMetrics;
  /** Ends every wait: once it aborts, the spool may be closed at any moment. */
  readonly signal: AbortSignal;
  /** The spool took no more: everything must stop. */
  readonly onFatal: (error: unknown) => void;
  /** Told of each object that a list shows to be gone, as it was last. */
  readonly onMissing?: (last: JsonObject) => void;
  /**
   * Told of each digest. With it the objects of an epoch's first list are remembered and compared with what the
   * collector has; without it they are sent.
   */
  readonly onDigest?: ((sent: SentDigest) => void) | undefined;
};

type Emission = {
  readonly bodies: readonly MessageBody[];
  readonly bytes: number;
  readonly changes?: readonly KnownChange[];
  readonly progress?: Partial<KindProgress>;
};

/** Weight of a message that carries no object. */
const smallMessageBytes = 256;

/** What is remembered has no message to wait for. */
const noMessage = Promise.resolve({ firstSequence: 0, lastSequence: 0 });
/** Objects remembered without a look at whether they are written. */
const rememberedAtOnce = 256;

/**
 * The line of one kind: what its reflector sees, in order, becomes messages. Looking up the known object, capturing,
 * appending and staging happen in one turn without a pause, so events may come faster than the spool syncs and still
 * meet the form that was handed over last. Methods that return promises wait for room, not for durability.
 */
export class KindLine {
  readonly kind: ApiKind;
  readonly #ports: KindLinePorts;
  readonly #known: KnownKind;
  readonly #floor: CommitFloor;
  /** With what the collector has; undefined where everything is sent instead. */
  readonly comparison: KindComparison | undefined;
  #remembered = 0;
  #heardUs: number;
  #isFollowed = false;

  constructor(kind: ApiKind, ports: KindLinePorts) {
    this.kind = kind;
    this.#ports = ports;
    this.#known = ports.known;
    this.#heardUs = ports.known.progress().seenAtUs;
    this.#floor = new CommitFloor(ports.clock, this.#heardUs);
    const { known, clock, onDigest } = ports;
    const { sha256 } = ports.capture;
    this.comparison = onDigest && new KindComparison({ kind, known, clock, sha256, onDigest, line: this });
  }

  progress(): KindProgress {
    return this.#known.progress();
  }

  /** Bytes arrived. */
  heard(): void {
    this.#heardUs = this.#ports.clock.nowUs();
  }

  /** Up to here the timeline tells what was there; a gap begins here. */
  get heardUs(): number {
    return this.#heardUs;
  }

  async observe({ type, object, bytes }: ChangeEvent): Promise<void> {
    const version = ownString(ownObject(object, 'metadata'), 'resourceVersion');
    const floorUs = this.#floor.us;
    const notBeforeUs = this.#floor.take(object);
    const moving = { progress: version === '' ? {} : this.#seen(version), notBeforeUs, floorUs, isRemembered: false };
    if (type === 'DELETED') await this.absent(object, bytes, moving);
    else await this.present({ object, bytes, sight: type === 'ADDED' ? 'added' : 'modified' }, moving);
  }

  /** Every version up to this one was seen; later ones were committed after `floorUs`. */
  bookmark(resourceVersion: string, floorUs: number): void {
    this.#floor.raise(floorUs);
    this.#known.stage({ progress: this.#seen(resourceVersion) });
  }

  /** From here to ListPass.complete the kind cannot be resumed, and known.db says so durably. */
  async beginList(cause: GapCause): Promise<ListPass> {
    if (this.progress().resumeVersion !== '') {
      this.#known.stage({ progress: { resumeVersion: '' } });
      await this.#unlessStopped(this.#known.flush());
    }
    return new ListPass(this, cause);
  }

  async reject(source: 'watch' | 'list', reason: string, bytes: number): Promise<void> {
    this.#ports.metrics.rejected.inc({ source });
    await this.#say(rejection(source, reason, bytes));
  }

  /** A message if this is news. */
  async cover(state: CoverageState, reason: string): Promise<void> {
    if (this.progress().coverage === state) return;
    const { group, resource, kind } = this.kind;
    const progress = { coverage: state, coverageReason: reason };
    await this.#say({ type: 'coverage', group, resource, kind, state, reason }, progress);
  }

  /**
   * Its changes are told as they come. It counts as watched once the collector has what there was before them; one that
   * has come back does at once, because nothing is left that could be compared and it must not be taken for gone.
   */
  async watching(): Promise<void> {
    this.follows(true);
    const { coverage, isAgreed } = this.progress();
    if (this.comparison === undefined || isAgreed || coverage === 'gone') await this.cover('watched', '');
  }

  /** The collector has all of it, or all of it that could be sent. */
  async compared(): Promise<void> {
    if (this.#isFollowed) await this.cover('watched', '');
  }

  /** The kind came after its epoch had begun: what its first list does not show any more is a gap like any other. */
  appeared(): void {
    this.#known.stage({ progress: { seenVersion: beforeAnyVersion } });
  }

  /** Whether changes are being told as they come. It stays true over a watch that the server ended in good order. */
  follows(isFollowed: boolean): void {
    this.#isFollowed = isFollowed;
  }

  /**
   * The kind is no longer served: its objects are no more. `goneVersion` is one at which this was so, '' when not known.
   * Unless the kind was followed to its end and no object was left, there were changes that nobody can tell any more.
   */
  async end(reason: string, goneVersion: string): Promise<void> {
    const { seenVersion: fromVersion } = this.progress();
    const toVersion = goneVersion || fromVersion;
    this.#known.stage({ progress: { resumeVersion: '' } });
    await this.#unlessStopped(this.#known.settled());
    if (!this.#isFollowed || this.#known.count() > 0) {
      await this.#say(this.gap({ cause: 'relist', detail: reason, fromVersion, toVersion: goneVersion }));
    }
    await this.removeExcept(new Set(), toVersion);
    // That there is nothing is known as after a list: what comes when the kind comes back is told, not compared.
    this.#known.stage({ progress: { seenVersion: toVersion, isSynced: true } });
    this.#isFollowed = false;
    await this.cover('gone', reason);
  }

  /** Sends the last form of an object again, whole; false when it is not known. */
  async sendWhole(name: ObjectName): Promise<boolean> {
    const packed = this.#known.get(name)?.packed;
    if (packed === undefined) return false;
    const bytes = smallMessageBytes + unpackedBytes(packed);
    await this.#unlessStopped(this.#ports.budget.take(bytes));
    const known = this.#known.get(name);
    if (known === undefined) {
      this.#ports.budget.give(bytes);
      return false;
    }
    this.comparison?.told(name);
    this.#emit({ bodies: [wholeOf(this.kind, name, known)], bytes });
    return true;
  }

  /**
   * Appends what `make` says when there is room for it, made in the turn in which it is appended. Undefined when it says
   * nothing.
   */
  async tell(
    bytes: number,
    make: () => MessageBody | undefined,
  ): Promise<{ readonly durable: Promise<SequenceRange> } | undefined> {
    await this.#unlessStopped(this.#ports.budget.take(bytes));
    const body = make();
    if (body !== undefined) return { durable: this.#append({ bodies: [body], bytes }) };
    this.#ports.budget.give(bytes);
    return undefined;
  }

  /** An object is there. */
  async present(
    { object, bytes, sight }: Sighting,
    { progress, notBeforeUs, floorUs, isRemembered }: Moving,
  ): Promise<void> {
    const { budget, capture, metrics } = this.#ports;
    const wait = budget.take(bytes);
    if (wait !== undefined) await this.#unlessStopped(wait);
    const name = nameOf(object);
    const known = this.#known.get(name);
    const captured = tryCapture({ kind: this.kind, object, sight, known, notBeforeUs, floorUs }, capture);
    switch (captured.type) {
      case 'unchanged':
        metrics.captured.inc({ result: 'unchanged' });
        budget.give(bytes);
        this.#known.stage({ progress });
        return;
      case 'changed':
        if (isRemembered) return this.#remember({ ...name, object: captured.object }, bytes);
        metrics.captured.inc({ result: 'delta' });
        this.#emit({
          bodies: [...this.#before(name, known), ...captured.deltas],
          bytes,
          changes: [{ ...name, object: captured.object }],
          progress,
        });
        return;
      case 'unreadable': {
        metrics.rejected.inc({ source: 'object' });
        const fromVersion = this.progress().seenVersion;
        const toVersion = ownString(ownObject(object, 'metadata'), 'resourceVersion') || fromVersion;
        const detail = `an object could not be captured: ${captured.reason}`;
        const gap = this.gap({ cause: 'undecodable', detail, fromVersion, toVersion });
        this.#emit({ bodies: [rejection('watch', captured.reason, bytes), gap], bytes, progress });
      }
    }
  }

  /** An object is no more. */
  async absent(
    object: JsonObject,
    bytes: number,
    { progress, notBeforeUs, floorUs, isRemembered }: Moving,
  ): Promise<void> {
    const { budget, metrics } = this.#ports;
    const wait = budget.take(bytes);
    if (wait !== undefined) await this.#unlessStopped(wait);
    const name = nameOf(object);
    const known = this.#known.get(name);
    if (known === undefined) {
      budget.give(bytes);
      this.#known.stage({ progress });
      return;
    }
    if (isRemembered) return this.#remember(name, bytes);
    const metadata = ownObject(object, 'metadata');
    const resourceVersion = ownString(metadata, 'resourceVersion');
    const ref = { ...place(this.kind, name.namespace, name.name), uid: known.uid };
    const synthesised = ownString(metadata, 'uid') !== known.uid;
    const after = { ref, known, resourceVersion, notBeforeUs: synthesised ? floorUs : notBeforeUs };
    const delta = { ...captureDelete(after), synthesised };
    metrics.captured.inc({ result: 'deleted' });
    this.#emit({ bodies: [...this.#before(name, known), delta], bytes, changes: [name], progress });
  }

  /** Deletes the known objects that are not in `listed` (see nameKey); `isRemembered`: without a word. */
  async removeExcept(listed: ReadonlySet<string>, resourceVersion: string, isRemembered = false): Promise<void> {
    await this.#unlessStopped(this.#known.settled());
    const missing: ObjectName[] = [];
    for (const object of this.#known.objects()) if (!listed.has(nameKey(object))) missing.push(object);
    const notBeforeUs = this.#floor.us;
    const { budget, metrics, onMissing } = this.#ports;
    for (const name of missing) {
      await this.#unlessStopped(budget.take(smallMessageBytes));
      const known = this.#known.get(name);
      if (known === undefined) {
        budget.give(smallMessageBytes);
        continue;
      }
      onMissing?.(JSON.parse(unpackForm(known.packed).canonical) as JsonObject);
      if (isRemembered) {
        await this.#remember(name, smallMessageBytes);
        continue;
      }
      const ref = { ...place(this.kind, name.namespace, name.name), uid: known.uid };
      const delta = captureDelete({ ref, known, resourceVersion, notBeforeUs });
      metrics.captured.inc({ result: 'deleted' });
      this.#emit({ bodies: [...this.#before(name, known), delta], bytes: smallMessageBytes, changes: [name] });
    }
  }

  gap(gap: Pick<Gap, 'cause' | 'detail' | 'fromVersion' | 'toVersion'> & Partial<Gap>): Gap {
    this.#ports.metrics.gaps.inc({ cause: gap.cause });
    const { group, resource } = this.kind;
    const fromUs = this.#heardUs;
    const toUs = this.#ports.clock.nowUs();
    return { type: 'gap', group, resource, fromUs, toUs, fromSequence: 0, toSequence: 0, ...gap };
  }

  /** The last word of a list: from here the kind can be resumed. */
  async synced(bodies: readonly MessageBody[], { resourceVersion, begunAtUs, seenAtUs }: ListEnd): Promise<void> {
    // What has no message of its own is written before there is one that says so.
    if (this.comparison !== undefined) await this.#unlessStopped(this.#known.flush());
    const bytes = smallMessageBytes + this.#known.count();
    await this.#unlessStopped(this.#ports.budget.take(bytes));
    this.#heardUs = Math.max(this.#heardUs, seenAtUs);
    this.#floor.raise(begunAtUs);
    const progress = { ...this.#seen(resourceVersion), isSynced: true };
    const digest = this.comparison?.digest(resourceVersion, 'self-check');
    const durable = this.#append({ bodies: digest === undefined ? bodies : [...bodies, digest], bytes, progress });
    if (digest !== undefined) this.comparison?.sent(digest, durable);
  }

  countList(cause: GapCause): void {
    this.#ports.metrics.lists.inc({ cause });
  }

  #seen(resourceVersion: string): Partial<KindProgress> {
    return { resumeVersion: resourceVersion, seenVersion: resourceVersion, seenAtUs: this.#floor.us };
  }

  async #say(body: MessageBody, progress: Partial<KindProgress> = {}): Promise<void> {
    await this.#unlessStopped(this.#ports.budget.take(smallMessageBytes));
    this.#emit({ bodies: [body], bytes: smallMessageBytes, progress });
  }

  async #unlessStopped(wait: Promise<void> | undefined): Promise<void> {
    await unlessAborted(wait, this.#ports.signal);
  }

  #emit(emission: Emission): void {
    void this.#append(emission).catch(() => undefined);
  }

  #before(name: ObjectName, known: KnownObject | undefined): readonly Delta[] {
    return this.comparison?.before(name, known) ?? [];
  }

  /** Changes what is known without a word to the collector. */
  async #remember(change: KnownChange, bytes: number): Promise<void> {
    this.#ports.metrics.captured.inc({ result: 'remembered' });
    this.#known.stage({ changes: [change], durable: noMessage });
    this.#ports.budget.give(bytes);
    this.#remembered += 1;
    if (this.#remembered % rememberedAtOnce === 0) await this.#unlessStopped(this.#known.settled());
  }

  /** What is known must keep up, or it would fill the memory. */
  async #giveBack(bytes: number): Promise<void> {
    await this.#known.blocked();
    this.#ports.budget.give(bytes);
  }

  /** Takes over bytes that were taken from the budget and gives them back when the messages are durable. */
  #append({ bodies, bytes, changes = [], progress = {} }: Emission): Promise<SequenceRange> {
    const { budget, onFatal, sink } = this.#ports;
    const durable = sink.append(bodies);
    this.#known.stage({ changes, progress, durable });
    durable.then(
      () => this.#giveBack(bytes),
      (error: unknown) => {
        budget.give(bytes);
        onFatal(error);
      },
    );
    return durable;
  }
}

function rejection(source: string, reason: string, bytes: number): Rejected {
  return { type: 'rejected', source, reason, detail: '', bytes };
}
