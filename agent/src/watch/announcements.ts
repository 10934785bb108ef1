import type { MessageBody } from '@driftline/proto';
import type { ApiKind } from '../kube/api-kind.ts';

/** What is about to be listed, to be said before anything of it: until then its absence proves nothing. */
export function announcements(kinds: readonly ApiKind[]): readonly MessageBody[] {
  const listing = { type: 'coverage', state: 'listing', reason: 'its first list has not ended yet' } as const;
  return kinds.map(({ group, resource, kind }) => ({ ...listing, group, resource, kind }));
}
