/**
 * The shape of a control file (`kind: Control`), one control a file. CONTROLS.md explains every field with examples;
 * this schema is what decides. Unknown fields are refused: a typing error must never switch a check off in silence.
 */
import { z } from 'zod';
import { matchResourcesSchema } from '../language/admission/match-resources.ts';
import { namedExpressionSchema } from '../language/admission/shapes.ts';

export const fileApiVersion = 'driftline.dev/v1';

/** Sets of kinds that `match.kinds` may name. Members are in kind-sets.ts. */
export const kindSetNames = ['pod-bearing'] as const;

const text = z.string().trim().min(1);
const expression = text.max(16_384);
const identifier = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be an identifier');
const groupKind = z.strictObject({ group: z.string(), kind: text });

const matchSchema = z.strictObject({
  kinds: z.array(z.union([z.enum(kindSetNames), groupKind])).min(1),
  /** Names, or beginnings of names followed by `*`. Cluster-scoped objects are not concerned. */
  namespaces: z
    .strictObject({ include: z.array(text).min(1).optional(), exclude: z.array(text).min(1).optional() })
    .optional(),
});

const validationSchema = z
  .strictObject({
    /** CEL, bool: false is a violation. */
    expression,
    message: text.optional(),
    /** CEL, string. Used instead of message when it gives a non-empty string. */
    messageExpression: expression.optional(),
    /** Field path; `{podPath}`, `{podMetaPath}` and `{<item>Path}` are filled in. */
    path: text.optional(),
    /** CEL, string: a field path. */
    pathExpression: expression.optional(),
    /** CEL, any: the offending value. Without it the value at the path is reported. */
    valueExpression: expression.optional(),
  })
  .refine((validation) => validation.message !== undefined || validation.messageExpression !== undefined, {
    message: 'needs message or messageExpression: a violation without a reason helps nobody',
    path: ['message'],
  })
  .refine((validation) => validation.path === undefined || validation.pathExpression === undefined, {
    message: 'path and pathExpression exclude each other',
    path: ['pathExpression'],
  });

const eachSchema = z.union([
  z.enum(['containers', 'all-containers', 'volumes']),
  z.strictObject({
    /** CEL, list: the items. */
    in: expression,
    /** Name the item is bound to; `<as>Path` and `<as>Index` are bound with it. */
    as: identifier,
    /** Field path of the list; placeholders as in `path`. */
    path: text,
  }),
]);

const named = z.strictObject({ name: identifier, expression });

const celSchema = z.strictObject({
  /** As in ValidatingAdmissionPolicy: when one is false the control does not apply to the object. */
  matchConditions: z.array(z.strictObject({ name: text, expression })).optional(),
  /** When one is false the verdict is not-assessable, with its reason. */
  assessable: z.array(z.strictObject({ expression, reason: text })).optional(),
  /** As in ValidatingAdmissionPolicy: `variables.<name>`, evaluated when first used. */
  variables: z.array(named).optional(),
  each: eachSchema.optional(),
  validations: z.array(validationSchema).min(1),
});

/** The `spec` of a ValidatingAdmissionPolicy, without parameters; its validations say why. */
const admissionSchema = z.strictObject({
  failurePolicy: z.enum(['Fail', 'Ignore']).optional(),
  matchConstraints: matchResourcesSchema,
  matchConditions: z.array(namedExpressionSchema).optional(),
  variables: z.array(namedExpressionSchema).optional(),
  validations: z
    .array(
      z
        .strictObject({
          expression,
          message: text.optional(),
          messageExpression: expression.optional(),
          reason: text.optional(),
        })
        .refine((validation) => validation.message !== undefined || validation.messageExpression !== undefined, {
          message: 'needs message or messageExpression: a violation without a reason helps nobody',
          path: ['message'],
        }),
    )
    .min(1),
});

const jsonObject = z.record(z.string(), z.json());

/** The forms of an object before and after; who asked, where that is known. */
const caseChangeSchema = z
  .strictObject({
    oldObject: jsonObject.optional(),
    object: jsonObject.optional(),
    user: text.optional(),
    groups: z.array(text).min(1).optional(),
  })
  .refine(({ oldObject, object }) => oldObject !== undefined || object !== undefined, {
    message: 'needs object, oldObject or both',
    path: ['object'],
  })
  .refine(({ user, groups }) => user !== undefined || groups === undefined, {
    message: 'nobody has groups: needs user',
    path: ['groups'],
  });

const caseSchema = z
  .strictObject({
    name: text,
    /** unjudged: of a change whose requester nobody knows. */
    expect: z.enum(['pass', 'fail', 'not-applicable', 'not-assessable', 'unjudged']),
    /** What is judged instead of a state. */
    change: caseChangeSchema.optional(),
    /** The first is judged; the others are the cluster around it. With `change`, all of them are the cluster before it. */
    objects: z.array(jsonObject).default([]),
    /** Exactly the paths that must be reported, in any order. */
    violations: z.array(z.string()).min(1).optional(),
    /** Parameters that differ from the control's defaults. */
    params: jsonObject.optional(),
    /** Kinds that cannot be seen in this case. */
    uncovered: z.array(groupKind).min(1).optional(),
    /** What time it is in this case; 2030-01-01T00:00:00Z when not given. */
    now: z.iso.datetime().optional(),
  })
  .refine((one) => one.violations === undefined || one.expect === 'fail', {
    message: 'only a case that expects fail has violations',
    path: ['violations'],
  })
  .refine((one) => one.change !== undefined || one.objects.length > 0, {
    message: 'needs objects: the first is judged',
    path: ['objects'],
  });

const control = {
  apiVersion: z.literal(fileApiVersion),
  kind: z.literal('Control'),
  id: z.string().regex(/^[A-Z]{2,8}(-[A-Z0-9]{1,12}){1,3}$/, 'must look like DL-POD-001'),
  title: text.max(120),
  severity: z.enum(['critical', 'high', 'medium', 'low', 'info']),
  weight: z.number().positive().max(100),
  category: z.enum(['identity', 'network', 'data', 'compute', 'supply-chain', 'governance']),
  rationale: text,
  remediation: z.strictObject({ summary: text, fields: z.array(text).min(1), impact: text }),
  references: z.array(z.url()).min(1),
  /** Framework id → requirement ids; both must exist in library/frameworks. */
  frameworks: z.record(text, z.array(text).min(1)),
  /** A control with `admission` is about what its matchConstraints say. */
  match: matchSchema.default({ kinds: [] }),
  params: jsonObject.optional(),
  cel: celSchema.optional(),
  /** What judges changes. */
  admission: admissionSchema.optional(),
  /** Name of a relation control in library/relation. */
  relation: text.optional(),
  /** A rule of a bundle that `opa build -t wasm` made; the path is relative to this file. */
  rego: z
    .strictObject({ bundle: text, entrypoint: text, input: z.enum(['object', 'review']).default('object') })
    .optional(),
};

/** What judges, without what shows that it judges well. */
export const controlHeadSchema = judging(z.strictObject(control));

export const controlFileSchema = judging(z.strictObject({ ...control, cases: z.array(caseSchema).min(2) }))
  .refine(({ admission, cases }) => cases.every(({ change }) => (change === undefined) === (admission === undefined)), {
    message: 'cases of a control with admission, and only those, have a change',
    path: ['cases'],
  })
  .refine(({ cases }) => cases.some((one) => one.expect === 'pass') && cases.some((one) => one.expect === 'fail'), {
    message: 'needs at least one case that passes and one that fails',
    path: ['cases'],
  });

type Judging = Pick<
  z.infer<z.ZodObject<typeof control>>,
  'cel' | 'admission' | 'relation' | 'rego' | 'match' | 'params'
>;

function judging<T extends Judging>(schema: z.ZodType<T>): z.ZodType<T> {
  return schema
    .refine(
      ({ cel, admission, relation, rego }) =>
        [cel, admission, relation, rego].filter((one) => one !== undefined).length === 1,
      { message: 'needs exactly one of cel, admission, relation and rego', path: ['cel'] },
    )
    .refine(({ admission, match }) => (admission === undefined) === match.kinds.length > 0, {
      message: 'needs match.kinds, or admission with matchConstraints instead',
      path: ['match'],
    })
    .refine(({ admission, params }) => admission === undefined || params === undefined, {
      message: 'a control with admission has no parameters',
      path: ['params'],
    });
}

export type ControlHead = z.infer<typeof controlHeadSchema>;
export type ControlFile = z.infer<typeof controlFileSchema>;
export type AdmissionSection = z.infer<typeof admissionSchema>;
export type CelSection = z.infer<typeof celSchema>;
export type CelValidation = z.infer<typeof validationSchema>;
export type EachSection = z.infer<typeof eachSchema>;
export type MatchSection = z.infer<typeof matchSchema>;
export type ControlCase = z.infer<typeof caseSchema>;
