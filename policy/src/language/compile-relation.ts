/** A relation control of the library, bound to its control file. */
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, ControlMeta } from '../contract.ts';
import type { Match } from './match.ts';
import type { RelationControl } from './relation-control.ts';
import { subjectContext } from './subject-context.ts';

export type ControlParts = {
  readonly meta: ControlMeta;
  readonly match: Match;
  readonly params: JsonObject;
  readonly digest: string;
};

export function compileRelation(
  { meta, match, params, digest }: ControlParts,
  relation: RelationControl,
): CompiledControl {
  return {
    meta,
    language: 'relation',
    kinds: match.kinds,
    selfContained: false,
    digest,
    evaluate(object, view) {
      const context = subjectContext(object);
      if (!match.appliesTo(context)) return { verdict: 'not-applicable' };
      return relation.evaluate({ object, key: context.key, view, params, pod: context.pod });
    },
  };
}
