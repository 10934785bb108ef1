import type { Delta, ObjectRef } from '@driftline/proto';
import type { Known, KnownKind } from './known/known.ts';
import type { MessageSink } from './message-sink.ts';
import { isGone } from './reconcile/index.ts';
import type { Watch } from './watch/open-watch.ts';

/**
 * The collector wants these objects whole: those that exist are sent as snapshots, and of those that do not it is said
 * that they were deleted, and of those of a kind that is not served either. Nothing is said of a kind whose objects are
 * not all known yet: its list will tell.
 */
export async function answerNeedFull(
  objects: readonly ObjectRef[],
  {
    watch,
    known,
    sink,
  }: { readonly watch: Pick<Watch, 'sendWhole' | 'isUnserved'>; readonly known: Known; readonly sink: MessageSink },
): Promise<void> {
  const kinds = new Map(known.kinds().map((kind) => [`${kind.group}/${kind.resource}`, kind]));
  const kindOf = (ref: ObjectRef): KnownKind | undefined => kinds.get(`${ref.group}/${ref.resource}`);
  const isSure = (kind: KnownKind): boolean => kind.progress().isSynced || isGone(kind);
  const sure = objects.filter((ref) => {
    const kind = kindOf(ref);
    return kind === undefined ? watch.isUnserved(ref) : isSure(kind);
  });
  const gone = sure.filter((ref) => kindOf(ref)?.get(ref) === undefined);
  // In the same turn as the look into the known objects: a later creation comes after it in the stream.
  const seenVersion = (ref: ObjectRef): string => kindOf(ref)?.progress().seenVersion ?? '';
  const appended = gone.length > 0 ? sink.append(gone.map((ref) => deletion(ref, seenVersion(ref)))) : undefined;
  await watch.sendWhole(sure.filter((ref) => !gone.includes(ref)));
  await appended;
}

const deletion = (ref: ObjectRef, resourceVersion: string): Delta => ({
  type: 'delta',
  ref,
  apiVersion: '',
  resourceVersion,
  op: 'deleted',
  baseHash: '',
  contentHash: '',
  full: undefined,
  patch: undefined,
  managers: [],
  synthesised: true,
  notBeforeUs: 0,
  versionSwitch: false,
});
