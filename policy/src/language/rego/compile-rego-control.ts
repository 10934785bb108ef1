/** A control whose rule is compiled Rego. */
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl } from '../../contract.ts';
import type { ControlParts } from '../compile-relation.ts';
import { creationOf } from '../admission/request.ts';
import { subjectContext } from '../subject-context.ts';
import type { RegoRule } from './rego-modules.ts';
import { regoVerdict } from './rego-verdict.ts';

/** `object`: input is the object. `review`: input is what Gatekeeper gives, `review` and `parameters`. */
export type RegoInput = 'object' | 'review';

export function compileRegoControl(
  { meta, match, params, digest }: ControlParts,
  rule: RegoRule,
  form: RegoInput,
): CompiledControl {
  return {
    meta,
    language: 'rego',
    kinds: match.kinds,
    selfContained: true,
    digest,
    evaluate(object) {
      const context = subjectContext(object);
      if (!match.appliesTo(context)) return { verdict: 'not-applicable' };
      const { request } = creationOf(object, context.key);
      const input = form === 'object' ? object : reviewInput(object, request, params);
      return regoVerdict(rule.module.evaluate(rule.entrypoint, input), object, meta.title);
    },
  };
}

/** The input document of a Gatekeeper rule. */
export function reviewInput(object: JsonObject, request: JsonObject, parameters: JsonObject): JsonObject {
  return { review: { ...request, object }, parameters };
}
