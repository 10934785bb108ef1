import { type Delta, type DigestCause, type KindDigest, type Sha256, bucketOf } from '@driftline/proto';
import type { Clock } from '../clock.ts';
import type { ApiKind } from '../kube/api-kind.ts';
import type { KnownKind, KnownObject, ObjectName } from '../known/known.ts';
import type { SequenceRange } from '../message-sink.ts';
import type { KindLine } from '../watch/kind-line.ts';
import { wholeOf } from '../watch/whole-of.ts';
import { makeDigest, makeEntries, namesOfEntries } from './kind-messages.ts';

/** A digest that was handed to the spool. */
export type SentDigest = {
  readonly kind: ApiKind;
  readonly cause: DigestCause;
  readonly resourceVersion: string;
  readonly atUs: number;
  readonly durable: Promise<SequenceRange>;
};

type Ports = {
  readonly kind: ApiKind;
  /** Where messages go, in order with all others of the kind. */
  readonly line: Pick<KindLine, 'tell' | 'sendWhole'>;
  readonly known: KnownKind;
  readonly sha256: Sha256;
  readonly clock: Clock;
  readonly onDigest: (sent: SentDigest) => void;
};

/** Weight of a digest beside its buckets. */
const digestBytes = 256;

/** Names that are kept as told; beyond, some objects are sent whole once more than needed. */
const maxTold = 50_000;

/**
 * One kind's side of anti-entropy. While the kind has not agreed, the collector may lack the last form of any object:
 * it goes ahead of the first change of each, so that every patch has its base.
 */
export class KindComparison {
  readonly #ports: Ports;
  /**
   * Objects of which something was sent since the last digest, by a hash of their names: two that share one cost a
   * question of the collector, or a round. A kind may stay in doubt for hours, while its collector is away.
   */
  readonly #told = new Set<number>();

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /**
   * What has to be sent before the next word about an object; `known` is its form before that word. Nothing while a first
   * list is under way: what is known may be of an earlier time than what the collector has.
   */
  before(name: ObjectName, known: KnownObject | undefined): readonly Delta[] {
    const { isAgreed, isSynced } = this.#ports.known.progress();
    if (isAgreed || !isSynced || this.isTold(name)) return [];
    this.told(name);
    if (known === undefined) return [];
    return [wholeOf(this.#ports.kind, name, known)];
  }

  isTold(name: ObjectName): boolean {
    return this.#told.has(hashOf(name));
  }

  told(name: ObjectName): void {
    if (this.#told.size >= maxTold) this.#told.clear();
    this.#told.add(hashOf(name));
  }

  /** What is there now, to be appended in this turn. */
  digest(resourceVersion: string, asked: DigestCause): KindDigest {
    const { kind, known, sha256 } = this.#ports;
    this.#told.clear();
    return makeDigest(kind, known, { resourceVersion, cause: this.#causeOf(asked) }, sha256);
  }

  sent({ cause, resourceVersion }: KindDigest, durable: Promise<SequenceRange>): void {
    const { kind, clock, onDigest } = this.#ports;
    onDigest({ kind, cause, resourceVersion, atUs: clock.nowUs(), durable });
  }

  /**
   * Says what exists of the kind; of one that is no longer served, that nothing does. False while that is not known: the
   * end of the list will say it.
   */
  async compare(cause: DigestCause): Promise<boolean> {
    const { line, known } = this.#ports;
    let digest: KindDigest | undefined;
    const told = await line.tell(digestBytes + known.count(), () => {
      const { isSynced, resumeVersion, seenVersion } = known.progress();
      if (isGone(known)) digest = this.digest(seenVersion, cause);
      else if (isSynced && resumeVersion !== '') digest = this.digest(resumeVersion, cause);
      return digest;
    });
    if (told === undefined || digest === undefined) return false;
    this.sent(digest, told.durable);
    return true;
  }

  /** Says which objects these buckets hold; resolves with the sequences of the messages, which are durable then. */
  async tellEntries(wanted: { readonly bucketBits: number; readonly buckets: Uint8Array }): Promise<readonly number[]> {
    const { kind, known, sha256, line } = this.#ports;
    const messages = makeEntries(kind, known, wanted, sha256);
    const sequences: number[] = [];
    for (const message of messages) {
      const told = await line.tell(digestBytes + message.entries.byteLength, () => message);
      if (told !== undefined) sequences.push((await told.durable).lastSequence);
    }
    return sequences;
  }

  /** Sends the objects of these entries, or all, of which nothing was sent since the last digest. Returns how many. */
  async sendUntold(entries: ReadonlySet<string> | 'all'): Promise<number> {
    const { line, known, sha256 } = this.#ports;
    // What is not written yet was sent after the digest.
    const pages = entries === 'all' ? known.names() : [namesOfEntries(known, entries, sha256)];
    let sent = 0;
    for (const names of pages) {
      for (const name of names) if (!this.isTold(name) && (await line.sendWhole(name))) sent += 1;
    }
    return sent;
  }

  agreed({ resourceVersion, atUs }: Pick<SentDigest, 'resourceVersion' | 'atUs'>): void {
    this.#told.clear();
    const progress = { isAgreed: true, agreedVersion: resourceVersion, agreedAtUs: atUs };
    this.#ports.known.stage({ progress });
  }

  /** From now on nothing is taken for granted. */
  doubted(): void {
    this.#told.clear();
    if (this.#ports.known.progress().isAgreed) this.#ports.known.stage({ progress: { isAgreed: false } });
  }

  /** Where the kind has not agreed, a check is no check but what is owed since the epoch began or the loss. */
  #causeOf(asked: DigestCause): DigestCause {
    const { isAgreed, agreedVersion } = this.#ports.known.progress();
    if (asked === 'repair' || isAgreed) return asked;
    return agreedVersion === '' ? 'epoch-start' : 'loss';
  }
}

/** Nothing of the kind exists: it went, and its objects with it. */
export const isGone = (known: Pick<KnownKind, 'progress' | 'count'>): boolean =>
  known.progress().coverage === 'gone' && known.progress().resumeVersion === '' && known.count() === 0;

/** As many bits as an integer has that a set keeps without a box. */
const hashBits = 31;
const hashOf = (name: ObjectName): number => bucketOf(name, hashBits);
