import { decodeCursor, encodeCursor } from './cursor.ts';
import { limitOf, type RawQuery } from './parameters.ts';

/** The page of an answer that is made as a whole; its cursor is how far that one went. */
export function partOf<T>(
  whole: readonly T[],
  query: RawQuery,
): { readonly items: readonly T[]; readonly next: string | null } {
  const [from] = decodeCursor<readonly [number]>(query.cursor, ['number']) ?? [0];
  const through = from + limitOf(query);
  return { items: whole.slice(from, through), next: whole.length > through ? encodeCursor([through]) : null };
}
