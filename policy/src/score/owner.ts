/** Who answers for an object: what its labels say, else its annotations; where neither does, what its namespace says. */
import type { JsonObject } from '@driftline/proto';
import { stringAt } from '../language/read-json.ts';

/** The first that is there counts; they are also what the library's controls ask for (DL-GOV-001, DL-GOV-005). */
export const ownerLabels: readonly string[] = ['owner', 'team'];
/** Characters of an owner's name, as of any label; an annotation's text is cut. */
const ownerCharacters = 63;

/** '' when the object itself names nobody. */
export function ownerOf(object: JsonObject): string {
  for (const place of ['labels', 'annotations']) {
    for (const label of ownerLabels) {
      const named = stringAt(object, 'metadata', place, label);
      if (named !== '') return named.slice(0, ownerCharacters);
    }
  }
  return '';
}
