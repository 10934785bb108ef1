/** A function of a policy's expression that has no answer for its arguments: the object is unjudged. */
export class FunctionError extends Error {}
