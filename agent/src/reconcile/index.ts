export { openReconciler } from './reconciler.ts';
export type { Reconciler } from './reconciler.ts';
export { defaultReconcileLimits } from './reconcile-limits.ts';
export type { SentDigest } from './kind-comparison.ts';
export { isGone } from './kind-comparison.ts';
