/** Who asks, and what of an answer that leaves. */
import type { RawQuery } from './parameters.ts';
import { Problem } from './problem.ts';

/** From the credential, never from the request. */
export type Reader = {
  readonly tenant: string;
  /** The only cluster this credential may see; '' for all of the tenant. */
  readonly cluster: string;
};

/** A credential for one cluster narrows every question to it. */
export function clusterOf(reader: Reader, query: RawQuery): string {
  const wanted = query.cluster ?? '';
  if (reader.cluster === '' || wanted === reader.cluster) return wanted;
  if (wanted === '') return reader.cluster;
  throw new Problem('forbidden', `cluster: this token may read ${reader.cluster} only`);
}
