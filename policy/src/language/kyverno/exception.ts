/** PolicyException: objects that rules of a policy leave out. */
import type { JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { TrackedView } from '../../contract.ts';
import { objectKeyOf } from '../read-json.ts';
import { text } from '../admission/shapes.ts';
import { compileConditions, conditionsSchema } from './condition.ts';
import { FunctionError } from './function-error.ts';
import { compileMatch, matchSectionSchema } from './match-section.ts';
import { matchesWildcard } from './wildcard.ts';

export const exceptionSchema = z.strictObject({
  apiVersion: text,
  kind: z.literal('PolicyException'),
  metadata: z.looseObject({ name: text }),
  spec: z.strictObject({
    background: z.boolean().optional(),
    exceptions: z.array(z.strictObject({ policyName: text, ruleNames: z.array(text).min(1) })).min(1),
    match: matchSectionSchema,
    conditions: conditionsSchema.optional(),
    podSecurity: z.array(z.json()).optional(),
  }),
});

export type ExceptionSection = z.infer<typeof exceptionSchema>;

export type Exception = {
  /** Whether it is about this rule of this policy (`namespace/name` for a Policy). */
  isAbout(policy: string, rule: string): boolean;
  excepts(object: JsonObject, view: TrackedView): boolean;
  readonly readsCluster: boolean;
};

/** Throws FunctionError for what is not supported. */
export function compileException({ spec }: ExceptionSection): Exception {
  if (spec.podSecurity !== undefined && spec.podSecurity.length > 0)
    throw new FunctionError('podSecurity of a PolicyException is not supported: exclude it in the policy');
  const match = compileMatch(spec.match);
  const conditions = spec.conditions === undefined ? undefined : compileConditions(spec.conditions);
  return {
    readsCluster: match.readsNamespace,
    isAbout: (policy, rule) =>
      spec.exceptions.some(
        ({ policyName, ruleNames }) => policyName === policy && ruleNames.some((name) => matchesWildcard(name, rule)),
      ),
    excepts(object, view) {
      const question = { object, key: objectKeyOf(object), operation: 'CREATE', asked: { request: {} }, view };
      if (!match.matches(question)) return false;
      return conditions?.hold({ data: { request: { object } }, isLenient: true }) ?? true;
    },
  };
}
