/** A scan's answer. */
import type { Score, Unanswered } from '@driftline/policy';
import type { Severity } from '../severity.ts';
import type { Problem, ScanFinding, ScannedObject } from './finding.ts';

export type ReportedFinding = ScanFinding & {
  /** In the baseline: known, and not what the gate stops at. */
  readonly isKnown: boolean;
};

export type Report = {
  /** Most severe first, then by place. */
  readonly findings: readonly ReportedFinding[];
  readonly problems: readonly Problem[];
  readonly unanswered: readonly Unanswered[];
  readonly objects: readonly ScannedObject[];
  readonly fileCount: number;
  readonly score: Score;
  /** Points by category. */
  readonly categories: readonly Score[];
  /** Baseline entries that nothing answers to any more. */
  readonly mended: number;
  readonly bundle: string;
  readonly version: string;
  /** What the gate was set to. */
  readonly failOn: Severity | undefined;
};

/** Neither in the baseline nor excepted: what the gate counts. */
export function isFresh({ isKnown, exception }: ReportedFinding): boolean {
  return !isKnown && exception === '';
}
