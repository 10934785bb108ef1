/**
 * What the API server reported becomes what we send: noise dropped, secrets redacted, canonical, hashed, and compared
 * with the last sent form. Pure: known objects come in and go out as values.
 */
import {
  type Delta,
  type Hmac,
  type Json,
  type JsonObject,
  type ObjectRef,
  type Op,
  type Sha256,
  canonicalJson,
  contentHash,
  diff,
  ownObject,
  ownString,
  redact,
} from '@driftline/proto';
import { type ApiKind, apiVersionOf, kindName } from '../kube/api-kind.ts';
import type { KnownObject } from '../known/known.ts';
import { packForm, unpackForm } from '../known/packed-form.ts';
import { changeEvidence, parseOwners, readOwners, wholeEvidence, writeOwners } from './field-owners.ts';
import { normalise } from './normalise.ts';

/** How we came to see the object: it decides what an object not known before is. */
export type Sight =
  | 'first-list' // it was there before the epoch
  | 'relist' // it appeared while we could not look
  | 'added' // a watch says it is new
  | 'modified'; // a watch says it changed

export type Observation = {
  readonly kind: ApiKind;
  /** As the API server sent it. */
  readonly object: JsonObject;
  readonly sight: Sight;
  readonly known: KnownObject | undefined;
  /** This version was not committed before it; 0 when nothing is known. */
  readonly notBeforeUs: number;
  /** The same of anything of the kind that was not seen: of the end of another object that had the name. */
  readonly floorUs: number;
};

export type CapturePorts = { readonly hmac: Hmac; readonly sha256: Sha256 };

export type Captured =
  | { readonly type: 'unchanged' }
  /** Two deltas when another object took the name: the end of the one, the begin of the other. */
  | { readonly type: 'changed'; readonly deltas: readonly Delta[]; readonly object: KnownObject }
  /** Not an object that can be identified. */
  | { readonly type: 'unreadable'; readonly reason: string };

/** A patch is sent only where it saves at least this share of the full form. */
const maxPatchShare = 0.8;

/** Throws ProtocolError 'too-deep' for JSON nested beyond the protocol's limit. */
export function captureObject(observation: Observation, ports: CapturePorts): Captured {
  const { kind, object, known } = observation;
  const metadata = ownObject(object, 'metadata');
  const name = ownString(metadata, 'name');
  if (metadata === undefined || name === '') return { type: 'unreadable', reason: 'an object without a name' };
  const apiVersion = ownString(object, 'apiVersion') || apiVersionOf(kind);
  const typed = { ...object, apiVersion, kind: ownString(object, 'kind') || kind.kind };
  const form = redact(normalise(typed, kindName(kind)), ports.hmac);
  const canonical = canonicalJson(form);
  const hash = contentHash(canonical, ports.sha256);
  if (known?.contentHash === hash) return { type: 'unchanged' };

  const owners = readOwners(object);
  const resourceVersion = ownString(metadata, 'resourceVersion');
  const uid = ownString(metadata, 'uid');
  const common = {
    type: 'delta' as const,
    ref: { ...place(kind, ownString(metadata, 'namespace'), name), uid },
    apiVersion,
    resourceVersion,
    contentHash: hash,
    synthesised: false,
    notBeforeUs: observation.notBeforeUs,
    versionSwitch: false,
  };
  const after: KnownObject = {
    uid,
    apiVersion,
    resourceVersion,
    contentHash: hash,
    packed: packForm({ canonical, owners: writeOwners(owners) }),
  };
  const whole = (op: Op): Delta => ({
    ...common,
    op,
    baseHash: '',
    full: canonical,
    patch: undefined,
    managers: wholeEvidence(owners),
  });
  if (known === undefined)
    return { type: 'changed', deltas: [whole(opAtFirstSight(observation.sight))], object: after };
  if (known.uid !== uid) {
    const ended = captureDelete({
      ref: { ...common.ref, uid: known.uid },
      resourceVersion,
      known,
      notBeforeUs: observation.floorUs,
    });
    return { type: 'changed', deltas: [ended, whole('created')], object: after };
  }
  const before = unpackForm(known.packed);
  const base = JSON.parse(before.canonical) as Json;
  const operations = diff(base, form);
  const patch = JSON.stringify(operations);
  const isPatch = patch.length <= canonical.length * maxPatchShare;
  const delta: Delta = {
    ...common,
    op: 'modified',
    baseHash: isPatch ? known.contentHash : '',
    full: isPatch ? undefined : canonical,
    patch: isPatch ? patch : undefined,
    managers: changeEvidence(
      operations,
      { document: base, owners: parseOwners(before.owners) },
      { document: form, owners },
    ),
    versionSwitch: known.apiVersion !== apiVersion,
  };
  return { type: 'changed', deltas: [delta], object: after };
}

type Ending = {
  readonly ref: ObjectRef;
  readonly known: KnownObject;
  readonly resourceVersion: string;
  readonly notBeforeUs: number;
};

/** The end of a known object that nobody reported: a list or a new object of that name showed it. */
export function captureDelete({ ref, known, resourceVersion, notBeforeUs }: Ending): Delta {
  return {
    type: 'delta',
    ref,
    apiVersion: known.apiVersion,
    resourceVersion,
    op: 'deleted',
    baseHash: '',
    contentHash: '',
    full: undefined,
    patch: undefined,
    managers: wholeEvidence(parseOwners(unpackForm(known.packed).owners)),
    synthesised: true,
    notBeforeUs,
    versionSwitch: false,
  };
}

/** The last sent form, whole: for a collector that cannot apply a patch. */
export function captureWhole(ref: ObjectRef, known: KnownObject): Delta {
  const form = unpackForm(known.packed);
  return {
    type: 'delta',
    ref: { ...ref, uid: known.uid },
    apiVersion: known.apiVersion,
    resourceVersion: known.resourceVersion,
    op: 'snapshot',
    baseHash: '',
    contentHash: known.contentHash,
    full: form.canonical,
    patch: undefined,
    managers: wholeEvidence(parseOwners(form.owners)),
    synthesised: false,
    notBeforeUs: 0,
    versionSwitch: false,
  };
}

/** Identity without uid. */
export function place(kind: ApiKind, namespace: string, name: string): Omit<ObjectRef, 'uid'> {
  return { group: kind.group, resource: kind.resource, kind: kind.kind, namespace, name };
}

function opAtFirstSight(sight: Sight): Op {
  return sight === 'relist' || sight === 'added' ? 'created' : 'snapshot';
}
