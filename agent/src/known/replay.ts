import { hash } from 'node:crypto';
import {
  type Delta,
  type Json,
  type MessageBody,
  applyPatch,
  canonicalJson,
  contentHash,
  isAuditEvents,
  parsePatch,
} from '@driftline/proto';
import { beforeAnyVersion, kindKey } from './known.ts';
import type { KindProgress, Known, KnownChange, KnownKind } from './known.ts';
import { packForm, unpackForm } from './packed-form.ts';

export type SpooledMessage = { readonly sequence: number; readonly body: MessageBody };

/**
 * Applies what the spool holds beyond the known objects' own position. Run it before the first watch.
 *
 * A kind's resume version follows its deltas, since a delta that was replayed must not be observed again: its successor
 * in the spool would be undone and redone. It does so only while the kind has one: a list in progress has cleared it
 * (durably, before its first delta), and the versions of listed objects are no place to resume; KindSynced is.
 */
export async function replay(known: Known, messages: AsyncIterable<SpooledMessage>): Promise<number> {
  let count = 0;
  const relisted: Relisted = new Map();
  for await (const { sequence, body } of messages) {
    if (sequence <= known.appliedSequence()) continue;
    applyMessage(known, body, {
      relisted,
      durable: Promise.resolve({ firstSequence: sequence, lastSequence: sequence }),
    });
    count++;
    // Lets the staged change be written, so that the next one finds its base and memory stays flat.
    await Promise.resolve();
  }
  await Promise.all(known.kinds().map((kind) => kind.flush()));
  return count;
}

type Durable = Promise<{ readonly firstSequence: number; readonly lastSequence: number }>;

/** Where a gap `relist` of a kind ends beyond which nothing was seen, by kindKey. */
type Relisted = Map<string, string>;
type Replaying = { readonly relisted: Relisted; readonly durable: Durable };

function applyMessage(known: Known, body: MessageBody, { relisted, durable }: Replaying): void {
  switch (body.type) {
    case 'delta': {
      const kind = known.kind(body.ref.group, body.ref.resource);
      if (!body.synthesised) relisted.delete(kindKey(kind));
      kind.stage({ changes: [toChange(kind, body)], progress: resumeAfter(kind, body), durable });
      return;
    }
    case 'kind-synced': {
      const { resourceVersion } = body;
      const progress = { resumeVersion: resourceVersion, seenVersion: resourceVersion, isSynced: true };
      known.kind(body.group, body.resource).stage({ progress, durable });
      return;
    }
    case 'kind-digest': {
      // Everything of the kind up to there is in messages before, or was written before this message was made.
      const kind = known.kind(body.group, body.resource);
      const { resourceVersion: seenVersion } = body;
      // Of a kind that has gone it says that nothing is left: there is nowhere to resume.
      const isOver = kind.progress().coverage === 'gone' && body.objects === 0;
      relisted.delete(kindKey(kind));
      const progress = { resumeVersion: isOver ? '' : seenVersion, seenVersion, isSynced: true };
      kind.stage({ progress, durable });
      return;
    }
    case 'coverage': {
      // The audit stream is not a kind that is watched.
      if (isAuditEvents(body)) return;
      // A kind is known from its first list on.
      if (body.state === 'listing') return;
      const kind = known.kind(body.group, body.resource);
      const ended = body.state === 'gone' ? endOf(kind, relisted) : {};
      kind.stage({ progress: { coverage: body.state, coverageReason: body.reason, ...ended }, durable });
      return;
    }
    case 'gap':
      if (body.cause === 'relist' && body.toVersion !== '') relisted.set(kindKey(body), body.toVersion);
      return;
    case 'audit':
    case 'rejected':
    case 'kind-entries':
      return;
  }
}

/** A gap before its end tells up to where; without one, everything that was seen was told. */
function endOf(kind: KnownKind, relisted: Relisted): Partial<KindProgress> {
  const seenVersion = relisted.get(kindKey(kind)) ?? (kind.progress().seenVersion || beforeAnyVersion);
  return { resumeVersion: '', seenVersion, isSynced: true };
}

function resumeAfter(
  kind: KnownKind,
  delta: Delta,
): { readonly resumeVersion?: string; readonly seenVersion?: string } {
  const isWatched = !delta.synthesised && delta.op !== 'snapshot' && kind.progress().resumeVersion !== '';
  return isWatched ? { resumeVersion: delta.resourceVersion, seenVersion: delta.resourceVersion } : {};
}

/** A form that cannot be rebuilt is forgotten: the next sight of the object then sends it whole. */
function toChange(kind: KnownKind, delta: Delta): KnownChange {
  const { namespace, name, uid } = delta.ref;
  const canonical = delta.op === 'deleted' ? undefined : rebuild(kind, delta);
  if (canonical === undefined) return { namespace, name };
  const { apiVersion, resourceVersion, contentHash: hash } = delta;
  // The owners of fields do not travel with a delta; the object's next event brings them back.
  const packed = packForm({ canonical, owners: '' });
  return { namespace, name, object: { uid, apiVersion, resourceVersion, contentHash: hash, packed } };
}

function rebuild(kind: KnownKind, delta: Delta): string | undefined {
  if (delta.full !== undefined) return delta.full;
  const base = kind.get(delta.ref);
  if (base === undefined || delta.patch === undefined || base.contentHash !== delta.baseHash) return undefined;
  const document = JSON.parse(unpackForm(base.packed).canonical) as Json;
  const canonical = canonicalJson(applyPatch(document, parsePatch(delta.patch)));
  const isRight = contentHash(canonical, (text) => hash('sha256', text)) === delta.contentHash;
  return isRight ? canonical : undefined;
}
