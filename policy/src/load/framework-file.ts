/** The shape of a framework file (`kind: Framework`): the requirements controls may map to, and those nothing can show. */
import { z } from 'zod';
import { fileApiVersion } from './control-file.ts';

const text = z.string().trim().min(1);

export const frameworkFileSchema = z.strictObject({
  apiVersion: z.literal(fileApiVersion),
  kind: z.literal('Framework'),
  /** As controls name it under `frameworks`. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower case words joined by -'),
  title: text,
  version: text,
  url: z.url(),
  requirements: z
    .array(
      z.strictObject({
        id: text,
        title: text,
        /** Why no control can show it from what a cluster's API tells. A control must not map to it. */
        cannotShow: text.optional(),
      }),
    )
    .min(1),
});

export type FrameworkFile = z.infer<typeof frameworkFileSchema>;
