/**
 * The sending half of an agent without a cluster or a disk: objects go in, batches with real diffs and hashes come out,
 * and stay here until they are released. What the pipeline is tested with.
 */
import {
  bucketBitsFor,
  canonicalJson,
  contentHash,
  diff,
  digestOfKind,
  digestVersion,
  encodeMessages,
  entryOf,
  isInBuckets,
  joinEntries,
  objectKey,
  splitEntries,
} from '@driftline/proto';
import type {
  Batch,
  Delta,
  DigestCause,
  Json,
  JsonObject,
  KindMember,
  KindVerdict,
  Message,
  MessageBody,
  ObjectRef,
} from '@driftline/proto';
import { hash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';

const sha256 = (text: string): string => hash('sha256', text, 'hex');

type Kind = { readonly group: string; readonly resource: string; readonly kind: string };
type Known = { readonly ref: ObjectRef; readonly object: JsonObject; readonly hash: string };

export class AgentStream {
  readonly epoch: string;
  /** Batches that were cut and not released, oldest first. */
  readonly spool: Batch[] = [];
  readonly known = new Map<string, Known>();
  #pending: Message[] = [];
  #nextSequence = 1;
  #clockUs: number;
  #version: number;

  constructor(epoch: string, startUs = 1_700_000_000_000_000, firstVersion = 1) {
    this.epoch = epoch;
    this.#clockUs = startUs;
    this.#version = firstVersion;
  }

  get lastSequence(): number {
    return this.#nextSequence - 1;
  }

  get oldestSequence(): number {
    return this.spool[0]?.firstSequence ?? this.#nextSequence;
  }

  get nowUs(): number {
    return this.#clockUs;
  }

  get lastVersion(): string {
    return String(this.#version - 1);
  }

  /** Lets time pass; the next message is observed after it. */
  wait(us: number): this {
    this.#clockUs += us;
    return this;
  }

  /** An object as it is now; nothing is sent when its canonical form is the known one. */
  put(ref: ObjectRef, object: JsonObject, evidence: Partial<Delta> = {}): this {
    const text = canonicalJson(object);
    const newHash = contentHash(text, sha256);
    const before = this.known.get(objectKey(ref));
    const resourceVersion = String(this.#version++);
    if (before?.hash === newHash && before.ref.uid === ref.uid) return this;
    const body =
      before === undefined || before.ref.uid !== ref.uid
        ? { op: 'created' as const, baseHash: '', full: text, patch: undefined }
        : {
            op: 'modified' as const,
            baseHash: before.hash,
            full: undefined,
            patch: JSON.stringify(diff(before.object as Json, object as Json)),
          };
    this.known.set(objectKey(ref), { ref, object, hash: newHash });
    return this.send({ ...this.#delta(ref, resourceVersion), ...body, contentHash: newHash, ...evidence });
  }

  /** The whole object again, as after a NeedFull or in a new epoch's list. */
  snapshot(ref: ObjectRef): this {
    const known = this.known.get(objectKey(ref));
    if (known === undefined) return this.remove(ref);
    // What is there now may be another object of that name.
    const delta = this.#delta(known.ref, String(this.#version++));
    const full = canonicalJson(known.object);
    return this.send({ ...delta, op: 'snapshot', full, contentHash: known.hash });
  }

  remove(ref: ObjectRef, evidence: Partial<Delta> = {}): this {
    this.known.delete(objectKey(ref));
    return this.send({ ...this.#delta(ref, String(this.#version++)), op: 'deleted', ...evidence });
  }

  /** Another agent's memory: what is known and was not sent. */
  adopt(known: ReadonlyMap<string, Known>): this {
    for (const [key, value] of known) this.known.set(key, value);
    return this;
  }

  /** What exists of the kind, as digests. */
  digest(kind: Kind, cause: DigestCause, bucketBits = bucketBitsFor(this.known.size)): this {
    const members = this.#members(kind);
    const { objects, digests } = digestOfKind(members, bucketBits, sha256);
    const agreed = { agreedVersion: '', agreedAtUs: 0 };
    const common = { ...kind, resourceVersion: this.lastVersion, version: digestVersion, bucketBits };
    return this.send({ type: 'kind-digest', ...common, objects, digests, cause, ...agreed });
  }

  /** Sends what a verdict asks for; false when it says that both agree. */
  answer(kind: Kind, { verdict }: KindVerdict): boolean {
    switch (verdict.outcome) {
      case 'agreed':
        return false;
      case 'all':
        for (const { ref } of this.known.values()) if (ref.resource === kind.resource) this.snapshot(ref);
        this.digest(kind, 'repair');
        return true;
      case 'buckets': {
        const { bucketBits, buckets } = verdict;
        const chosen = this.#members(kind).filter((member) => isInBuckets(member, bucketBits, buckets));
        const entries = joinEntries(chosen.map((member) => entryOf(member, sha256)));
        this.send({ type: 'kind-entries', ...kind, version: digestVersion, bucketBits, buckets, entries });
        return true;
      }
      case 'wanted': {
        const wanted = splitEntries(verdict.entries);
        for (const member of this.#members(kind)) if (wanted.has(entryOf(member, sha256))) this.snapshot(member.ref);
        for (const ref of verdict.objects) this.snapshot(ref);
        if (!verdict.hasMore) this.digest(kind, 'repair');
        return true;
      }
    }
  }

  #members({ group, resource }: Kind): (KindMember & { readonly ref: ObjectRef })[] {
    return [...this.known.values()]
      .filter(({ ref }) => ref.group === group && ref.resource === resource)
      .map(({ ref, hash }) => ({ namespace: ref.namespace, name: ref.name, uid: ref.uid, contentHash: hash, ref }));
  }

  send(...bodies: readonly MessageBody[]): this {
    for (const body of bodies) {
      this.#clockUs += 1_000;
      this.#pending.push({ observedAtUs: this.#clockUs, body });
    }
    return this;
  }

  /** Seals what was sent since the last cut. */
  cut(compression: 'none' | 'zstd' = 'zstd'): Batch | undefined {
    if (this.#pending.length === 0) return undefined;
    const bytes = encodeMessages(this.#pending);
    const firstSequence = this.#nextSequence;
    this.#nextSequence += this.#pending.length;
    const batch: Batch = {
      firstSequence,
      lastSequence: this.#nextSequence - 1,
      compression,
      uncompressedBytes: bytes.byteLength,
      payload: compression === 'zstd' ? zstdCompressSync(bytes) : bytes,
    };
    this.#pending = [];
    this.spool.push(batch);
    return batch;
  }

  /** Forgets what is recorded. */
  release(sequence: number): void {
    while ((this.spool[0]?.lastSequence ?? Number.POSITIVE_INFINITY) <= sequence) this.spool.shift();
  }

  #delta(ref: ObjectRef, resourceVersion: string): Delta {
    return {
      type: 'delta',
      ref,
      apiVersion: ref.group === '' ? 'v1' : `${ref.group}/v1`,
      resourceVersion,
      op: 'modified',
      baseHash: '',
      contentHash: '',
      full: undefined,
      patch: undefined,
      managers: [],
      synthesised: false,
      notBeforeUs: 0,
      versionSwitch: false,
    };
  }
}
