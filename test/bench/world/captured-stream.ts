/**
 * What an agent makes of a living world: captured by its own code (noise dropped, redacted, hashed, compared), stamped,
 * encoded and compressed in batches as its spool does. Audit events accompany a share of the changes.
 */
import { createHmac, hash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { canonicalJson, encodeMessages } from '@driftline/proto';
import type { Batch, Hmac, Message, MessageBody, Sha256 } from '@driftline/proto';
import { captureObject } from '../../../agent/src/capture/capture.ts';
import type { Sight } from '../../../agent/src/capture/capture.ts';
import type { KnownObject } from '../../../agent/src/known/known.ts';
import type { LivingWorld } from './edits.ts';
import type { WorldObject } from './objects.ts';
import type { Random } from './random.ts';

export const sha256: Sha256 = (text) => hash('sha256', text, 'hex');
export const hmac: Hmac = (text) => createHmac('sha256', 'bench').update(text).digest('base64url').slice(0, 22);

/** Microseconds between two observations. */
const intervalUs = 5_000;

export class CapturedStream {
  readonly #known = new Map<string, KnownObject>();
  #nextSequence = 1;
  #clockUs = 1_767_700_000_000_000;

  get lastSequence(): number {
    return this.#nextSequence - 1;
  }

  /** Nothing when the canonical form is the known one. */
  observe({ kind, object }: WorldObject, sight: Sight): readonly MessageBody[] {
    const { namespace = '', name } = object['metadata'] as { readonly namespace?: string; readonly name: string };
    const key = `${kind.resource}/${namespace}/${name}`;
    const known = this.#known.get(key);
    const notBeforeUs = sight === 'first-list' ? 0 : this.#clockUs - 2 * intervalUs;
    const captured = captureObject({ kind, object, sight, known, notBeforeUs, floorUs: notBeforeUs }, { hmac, sha256 });
    if (captured.type !== 'changed') return [];
    this.#known.set(key, captured.object);
    return captured.deltas;
  }

  cut(bodies: readonly MessageBody[]): Batch {
    const messages: Message[] = bodies.map((body) => ({ observedAtUs: (this.#clockUs += intervalUs), body }));
    const bytes = encodeMessages(messages);
    const firstSequence = this.#nextSequence;
    this.#nextSequence += messages.length;
    const lastSequence = this.lastSequence;
    const payload = zstdCompressSync(bytes);
    return { firstSequence, lastSequence, compression: 'zstd', uncompressedBytes: bytes.byteLength, payload };
  }

  /** The first list of the world. */
  list(objects: readonly WorldObject[], messagesPerBatch: number): Batch[] {
    return this.#inBatches(
      objects.flatMap((object) => this.observe(object, 'first-list')),
      messagesPerBatch,
    );
  }

  /** The next `changes` changes; every `changesPerAudit`-th comes with its audit event. */
  edits(
    world: LivingWorld,
    random: Random,
    size: { readonly changes: number; readonly messagesPerBatch: number; readonly changesPerAudit: number },
  ): Batch[] {
    const bodies: MessageBody[] = [];
    for (let made = 0; made < size.changes; ) {
      const { after } = world.next();
      const deltas = this.observe(after, 'modified');
      if (deltas.length === 0) continue;
      bodies.push(...deltas);
      made += deltas.length;
      if (made % size.changesPerAudit === 0)
        bodies.push(auditOf(after, random, this.#clockUs + bodies.length * intervalUs));
    }
    return this.#inBatches(bodies, size.messagesPerBatch);
  }

  #inBatches(bodies: readonly MessageBody[], size: number): Batch[] {
    const batches: Batch[] = [];
    for (let at = 0; at < bodies.length; at += size) batches.push(this.cut(bodies.slice(at, at + size)));
    return batches;
  }
}

/** The request that made the version, as an audit policy of level Metadata with responses' versions reports it. */
function auditOf({ kind, object }: WorldObject, random: Random, atUs: number): MessageBody {
  const metadata = object['metadata'] as Readonly<Record<string, string>>;
  const time = new Date(atUs / 1_000).toISOString();
  const { name = '', namespace = '', uid = '', resourceVersion = '' } = metadata;
  const event = canonicalJson({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: random.hex(32),
    stage: 'ResponseComplete',
    requestURI: `/apis/${kind.group}/${kind.version}/namespaces/${namespace}/${kind.resource}/${name}`,
    verb: 'patch',
    user: { username: `oidc:user-${random.below(20)}@example.com`, groups: ['system:authenticated', 'platform'] },
    sourceIPs: [`198.51.100.${random.below(20)}`],
    userAgent: 'kubectl/v1.34.0 (linux/amd64) kubernetes/abcdef0',
    objectRef: { resource: kind.resource, namespace, name, uid, apiGroup: kind.group, apiVersion: kind.version },
    responseObject: { kind: kind.kind, metadata: { name, namespace, uid, resourceVersion } },
    responseStatus: { metadata: {}, code: 200 },
    requestReceivedTimestamp: time,
    stageTimestamp: time,
  });
  return { type: 'audit', digest: sha256(event), event, source: 'webhook' };
}
