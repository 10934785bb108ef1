/** The form of `validate` that a rule has, ready to judge. */
import { isJsonArray, isJsonObject, type Json } from '@driftline/proto';
import { z } from 'zod';
import type { CompiledControl } from '../../contract.ts';
import type { CelPolicyProblem } from '../admission/cel-policy.ts';
import { compileCelPolicy } from '../admission/cel-policy.ts';
import { createParams, paramKindSchema, paramRefSchema } from '../admission/params.ts';
import { admissionScope, bindingsOf, readOfChange, readsOfState, readsOperation } from '../admission/request.ts';
import { namedExpressionSchema, validationSchema } from '../admission/shapes.ts';
import { evaluateEach } from '../admission/verdict.ts';
import { objectKeyOf } from '../read-json.ts';
import { FunctionError } from './function-error.ts';
import { compilePodSecurity, podSecuritySchema } from './pod-security.ts';
import { readsOfSection } from './rule-reads.ts';
import type { RuleBody, RuleSection } from './rule.ts';
import { compileValidation, validationShape } from './validation.ts';

const celSchema = z.strictObject({
  expressions: z.array(validationSchema).min(1),
  variables: z.array(namedExpressionSchema).optional(),
  paramKind: paramKindSchema.optional(),
  paramRef: paramRefSchema.optional(),
  auditAnnotations: z.array(z.json()).optional(),
  generate: z.boolean().optional(),
});

/** What a rule may say of failing is not about what is judged. */
const operational = {
  message: z.string().optional(),
  failureAction: z.string().optional(),
  failureActionOverrides: z.array(z.json()).optional(),
  allowExistingViolations: z.boolean().optional(),
  emitWarning: z.boolean().optional(),
};

export const validateSchema = z
  .strictObject({
    ...operational,
    ...validationShape,
    podSecurity: podSecuritySchema.optional(),
    cel: celSchema.optional(),
  })
  .refine(
    (section) =>
      ['pattern', 'anyPattern', 'deny', 'foreach', 'podSecurity', 'cel'].filter((key) => key in section).length === 1,
    { message: 'needs exactly one of pattern, anyPattern, deny, foreach, podSecurity and cel' },
  );

export type ValidateSection = z.infer<typeof validateSchema>;

export type BodyResult =
  | { readonly body: RuleBody; readonly isOfChange: boolean; readonly readsOperation: boolean }
  | { readonly problems: readonly CelPolicyProblem[] };

/** Throws FunctionError for what is not supported. */
export function compileBody(
  section: ValidateSection,
  rule: RuleSection,
  controls: readonly CompiledControl[],
): BodyResult {
  const { cel, podSecurity, pattern, anyPattern, deny, foreach } = section;
  if (cel !== undefined) return compileCel(cel, rule);
  const expressions = expressionsIn({ rule, section } as unknown as Json).join('\n');
  const readsOperation = /\brequest\.operation\b/.test(expressions);
  if (podSecurity !== undefined)
    return { body: compilePodSecurity(podSecurity, controls), isOfChange: false, readsOperation };
  const validation = compileValidation({ pattern, anyPattern, deny, foreach });
  const reads = readsOfSection({ pattern, anyPattern, deny, foreach } as unknown as Json);
  return {
    isOfChange: ofTheRequest.test(expressions),
    readsOperation,
    body: {
      reads: () => reads,
      readsCluster: validation.readsCluster,
      judge: ({ object, data, view }) => validation.judge({ data, subject: object, path: '', view }),
    },
  };
}

/** Who makes the request, what was there before, and what else a state does not have. */
const ofTheRequest =
  /\b(?:request\.(?:oldObject|userInfo|roles|clusterRoles|options|uid)|serviceAccountName(?:space)?)\b/;

/** JMESPath in braces, and where it stands alone. */
function expressionsIn(section: Json): readonly string[] {
  if (typeof section === 'string') return section.match(/\{\{[^}]*\}\}/g) ?? [];
  if (isJsonArray(section)) return section.flatMap(expressionsIn);
  if (!isJsonObject(section)) return [];
  return Object.entries(section).flatMap(([key, value]) =>
    (key === 'jmesPath' || key === 'list') && typeof value === 'string' ? [value] : expressionsIn(value),
  );
}

function compileCel(cel: z.infer<typeof celSchema>, rule: RuleSection): BodyResult {
  const { expressions, variables, paramKind, paramRef } = cel;
  if ((paramKind === undefined) !== (paramRef === undefined))
    throw new FunctionError('cel needs both of paramKind and paramRef, or none');
  const compiled = compileCelPolicy(
    { validations: expressions, variables, matchConditions: rule.celPreconditions },
    { scope: admissionScope },
  );
  if ('problems' in compiled) return { problems: compiled.problems };
  const { policy } = compiled;
  const params = paramKind === undefined || paramRef === undefined ? undefined : createParams(paramKind, paramRef);
  return {
    isOfChange: readOfChange(policy.paths) !== undefined,
    readsOperation: readsOperation(policy.paths),
    body: {
      reads: () => readsOfState(policy.paths),
      readsCluster: params !== undefined || policy.readsNamespace,
      judge({ change, object, view }) {
        const key = objectKeyOf(object);
        const bindings = bindingsOf(policy, change, { key, view });
        const given = params?.read(key, view);
        if (given?.isMissing === true)
          return { isSkipped: false, mismatches: [mismatch(`there is no ${params?.kind.kind} as paramRef names it`)] };
        const verdict = evaluateEach(policy, bindings, given?.objects);
        const reasons = verdict.verdict === 'fail' ? verdict.violations : [];
        return {
          isSkipped: verdict.verdict === 'not-applicable',
          mismatches: reasons.map(({ reason }) => mismatch(reason)),
        };
      },
    },
  };
}

function mismatch(reason: string) {
  return { path: '', value: '', reason };
}
