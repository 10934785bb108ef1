/** Shapes of Gatekeeper's documents: templates, and the constraints whose kinds they define. */
import { z } from 'zod';
import { metadataSchema, namedExpressionSchema, text, validationSchema } from '../admission/shapes.ts';
import { constraintMatchSchema } from './constraint-match.ts';

const jsonObject = z.record(z.string(), z.json());

/** The source of the engine K8sNativeValidation. */
export const nativeSourceSchema = z.strictObject({
  variables: z.array(namedExpressionSchema).optional(),
  validations: z.array(validationSchema).min(1),
  matchConditions: z.array(namedExpressionSchema).optional(),
  failurePolicy: z.enum(['Fail', 'Ignore']).optional(),
  generateVAP: z.boolean().optional(),
});

export const nativeEngine = 'K8sNativeValidation';
export const regoEngine = 'Rego';

export const templateSchema = z.strictObject({
  apiVersion: text,
  kind: z.literal('ConstraintTemplate'),
  metadata: metadataSchema,
  spec: z.strictObject({
    crd: z.strictObject({
      spec: z.strictObject({
        names: z.strictObject({ kind: text, shortNames: z.array(z.string()).optional() }),
        validation: z
          .strictObject({ openAPIV3Schema: jsonObject.optional(), legacySchema: z.boolean().optional() })
          .optional(),
      }),
    }),
    targets: z
      .array(
        z.strictObject({
          target: z.literal('admission.k8s.gatekeeper.sh'),
          rego: z.string().optional(),
          libs: z.array(z.string()).optional(),
          code: z.array(z.strictObject({ engine: text, source: jsonObject })).optional(),
          operations: z.array(z.string()).optional(),
        }),
      )
      .length(1),
  }),
  status: z.unknown().optional(),
});

export const constraintSchema = z.strictObject({
  apiVersion: text,
  kind: text,
  metadata: metadataSchema,
  spec: z
    .strictObject({
      match: constraintMatchSchema.optional(),
      parameters: jsonObject.optional(),
      enforcementAction: z.string().optional(),
      scopedEnforcementActions: z.array(z.json()).optional(),
    })
    .optional(),
  status: z.unknown().optional(),
});

export type Template = z.infer<typeof templateSchema>;
export type Constraint = z.infer<typeof constraintSchema>;
export type NativeSource = z.infer<typeof nativeSourceSchema>;
