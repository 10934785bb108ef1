/** Limits of the engine: what one verdict may say and one evaluation may read. None of them is ever passed in silence. */
export const engineLimits = {
  /** Violations of one verdict that become findings; the rest is counted in one more at path ''. */
  maxViolationsPerVerdict: 1_000,
  /** UTF-16 code units. A longer value ends with `…`. */
  maxValueLength: 256,
  maxReasonLength: 1_024,
  maxPathLength: 1_024,
  /** Reads of one evaluation, each object or fact of a list counted; past it the verdict is unjudged. */
  maxReadsPerEvaluation: 1_000_000,
} as const;
