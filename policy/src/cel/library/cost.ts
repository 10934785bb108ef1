import { costSize } from '../equality.ts';
import type { CostRule } from '../signature.ts';

/** A tenth for each code point or element walked over, as Kubernetes counts. */
export const traversalFactor = 0.1;

export const walk = (size: number): number => Math.ceil(size * traversalFactor);

/** For what walks over its first argument once. */
export const traversal: CostRule = (subject) => walk(costSize(subject));
/** For what walks over its first argument and builds as much again. */
export const traversalTwice: CostRule = (subject) => walk(costSize(subject) * 2);
/** For what walks over its second argument: prefixes and suffixes. */
export const traversalOfSecond: CostRule = (_, second) => walk(costSize(second));
/** For a search of one in the other. */
export const product: CostRule = (a, b) => walk(costSize(a)) * walk(costSize(b));
/** A quarter for each code point of a pattern, times the text walked over, never nothing. */
export const regexCost: CostRule = (text, pattern) => walk(1 + costSize(text)) * Math.ceil(costSize(pattern) * 0.25);
