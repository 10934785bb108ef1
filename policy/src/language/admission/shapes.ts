/** Parts that documents of several kinds of policies share. */
import { z } from 'zod';

export const text = z.string().min(1);
export const metadataSchema = z.looseObject({ name: text, namespace: text.optional() });
/** A variable or a match condition. */
export const namedExpressionSchema = z.strictObject({ name: text, expression: text });
export const validationSchema = z.strictObject({
  expression: text,
  message: z.string().optional(),
  messageExpression: text.optional(),
  reason: z.string().optional(),
});
