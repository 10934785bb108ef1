/** The shape of an exception file (`kind: Exception`, one a file): a waiver that somebody owns, somebody approved, and that ends. */
import { z } from 'zod';
import { labelSelectorSchema } from '../language/admission/match-resources.ts';
import { fileApiVersion } from '../load/control-file.ts';

const text = z.string().trim().min(1);
const pattern = text.regex(/^[^*]*\*?$/, 'may have an asterisk at its end only');

export const exceptionFileSchema = z.strictObject({
  apiVersion: z.literal(fileApiVersion),
  kind: z.literal('Exception'),
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be a short name of letters, digits, dots and dashes'),
  /** Ids, or beginnings of ids followed by `*`. */
  controls: z.array(pattern).min(1),
  /** Everything that is given must hold. */
  scope: z
    .strictObject({
      clusters: z.array(pattern).min(1).optional(),
      namespaces: z.array(pattern).min(1).optional(),
      objects: z
        .array(z.strictObject({ group: z.string().default(''), kind: text, name: pattern.optional() }))
        .min(1)
        .optional(),
      selector: labelSelectorSchema.optional(),
      /** Field paths of findings, or beginnings of them followed by `*`. */
      paths: z.array(pattern).min(1).optional(),
    })
    .refine((scope) => Object.keys(scope).length > 0, {
      message: 'must name something; an exception for everything is a control that should not be there',
    }),
  owner: text,
  approver: text,
  reason: text,
  ticket: text.optional(),
  /** RFC 3339; a date alone ends with that day in UTC. */
  expires: z.union([z.iso.date(), z.iso.datetime({ offset: true })]),
});

export type ExceptionFile = z.infer<typeof exceptionFileSchema>;
