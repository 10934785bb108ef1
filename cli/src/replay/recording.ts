/**
 * What the timeline holds of clusters, as a stream of entries that can be judged again: for each cluster its beginning, the
 * state at that moment, then every record after it, and an end. A file holds the same entries, one JSON document a line.
 */
import type { ApiRecord, ApiStatus } from '@driftline/proto';
import type { ApiClient, Query } from '../api-client.ts';

export type Beginning = {
  readonly type: 'begin';
  /** Of this form. */
  readonly version: 2;
  readonly cluster: string;
  /** RFC 3339; null: from the first record on, so that no state precedes it. */
  readonly since: string | null;
  readonly until: string;
  /** Gaps that reach into the range: what is not in the records. */
  readonly gaps: number;
};

export type RecordingEntry =
  | Beginning
  /** The last record of something at the beginning. */
  | { readonly type: 'state'; readonly record: ApiRecord }
  | { readonly type: 'record'; readonly record: ApiRecord }
  | { readonly type: 'end'; readonly cluster: string };

export type Range = { readonly since: string | null; readonly until: string };

const judgedTypes = ['coverage', 'version', 'transition'] as const;

/** Everything of one cluster, page by page: memory does not grow with the range. */
export async function* readRecording(
  api: ApiClient,
  cluster: string,
  { since, until }: Range,
): AsyncGenerator<RecordingEntry, void> {
  const records = (query: Query) => api.items<ApiRecord>('records', { cluster, ...query }, Number.POSITIVE_INFINITY);
  const gaps = await gapsIn(api, cluster, { since, until });
  yield { type: 'begin', version: 2, cluster, since, until, gaps };
  if (since !== null)
    for (const type of judgedTypes)
      for await (const record of records({ type, at: since })) yield { type: 'state', record };
  const of = (type: (typeof judgedTypes)[number]) =>
    records({ type, since: since ?? undefined, until, ...(type === 'version' && { requests: 'true' }) });
  const judged = merged(of('coverage'), of('version'), (a, b) => compareOrder(a, b) <= 0);
  const all = merged(judged, of('transition'), (a, b) => a.at <= b.at);
  for await (const record of all) yield { type: 'record', record };
  yield { type: 'end', cluster };
}

async function gapsIn(api: ApiClient, cluster: string, { since, until }: Range): Promise<number> {
  const { gaps } = await api.get<ApiStatus>('status', { cluster });
  return gaps.filter((gap) => gap.cluster === cluster && gap.from <= until && (since === null || gap.to >= since))
    .length;
}

function compareOrder({ order: a }: ApiRecord, { order: b }: ApiRecord): number {
  return a[0] - b[0] || a[1] - b[1];
}

/** Both in their own order; of two that are next, `isFirst` says whether the one of `a` comes first. */
async function* merged<T>(
  a: AsyncIterable<T>,
  b: AsyncIterable<T>,
  isFirst: (a: T, b: T) => boolean,
): AsyncGenerator<T, void> {
  const [left, right] = [a[Symbol.asyncIterator](), b[Symbol.asyncIterator]()];
  let [nextLeft, nextRight] = await Promise.all([left.next(), right.next()]);
  while (nextLeft.done !== true || nextRight.done !== true) {
    if (nextRight.done === true || (nextLeft.done !== true && isFirst(nextLeft.value, nextRight.value))) {
      yield nextLeft.value as T;
      nextLeft = await left.next();
    } else {
      yield nextRight.value;
      nextRight = await right.next();
    }
  }
}
