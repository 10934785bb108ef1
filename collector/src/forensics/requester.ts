import type { Requester } from '@driftline/policy';
import type { LinkRow } from '../timeline/rows.ts';

/** Groups of an impersonated user are not in a link, and a user without any is one whose groups are not told. */
export const requesterOf = ({
  user,
  impersonatedUser,
  groups,
}: Pick<LinkRow, 'user' | 'impersonatedUser' | 'groups'>): Requester | undefined => {
  if (impersonatedUser !== '') return { username: impersonatedUser, groups: undefined };
  return user === '' ? undefined : { username: user, groups: groups.length === 0 ? undefined : groups };
};
