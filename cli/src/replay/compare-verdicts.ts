/**
 * What is said of changes by two sets of policies: the candidate's, and those that were in force. What is held are the
 * differences, not the agreement. Pure.
 */
import type { ApiObject, ApiRecord } from '@driftline/proto';
import type { Severity } from '@driftline/policy';
import { changeIdOf } from './change-id.ts';
import { keptDifferences } from './compare-findings.ts';
import type { JudgedChange } from './judge-changes.ts';

/** new: the candidate finds a violation that was not recorded. lost: it does not find the one that was. */
export type VerdictDifference = {
  readonly verdict: 'new' | 'lost';
  readonly control: string;
  readonly severity: Severity;
  readonly title: string;
  readonly reason: string;
  readonly object: Omit<ApiObject, 'cluster'>;
  readonly changeId: string;
  /** RFC 3339. */
  readonly at: string;
  /** Who asked; '': nobody is known. */
  readonly user: string;
};

export type VerdictComparison = {
  /** Changes that controls of the candidate are about. */
  readonly judged: number;
  /** Verdicts that the candidate does not have: unjudged or not assessable. */
  readonly unanswered: number;
  /** In the order of the record. */
  readonly differences: readonly VerdictDifference[];
  /** Differences beyond `keptDifferences`. */
  readonly left: number;
  /** Violations that both find. */
  readonly same: number;
  readonly counts: Readonly<Record<VerdictDifference['verdict'], Readonly<Partial<Record<Severity, number>>>>>;
};

type VersionRecord = Extract<ApiRecord, { type: 'version' }>;

export type ComparingVerdicts = {
  /** `judged`: undefined when the candidate has nothing to say of such a change. */
  change(record: VersionRecord, judged: JudgedChange | undefined): void;
  end(): VerdictComparison;
};

/** `known`: the candidate's controls; of others nothing is compared, and `onOther` is told. */
export function compareVerdicts(known: ReadonlySet<string>, onOther: (control: string) => void): ComparingVerdicts {
  const differences: VerdictDifference[] = [];
  const counts: Record<VerdictDifference['verdict'], Partial<Record<Severity, number>>> = { new: {}, lost: {} };
  let [judgedChanges, unanswered, left, same] = [0, 0, 0, 0];

  const differ = (
    verdict: VerdictDifference['verdict'],
    record: VersionRecord,
    { control, severity, title, reason }: Pick<VerdictDifference, 'control' | 'severity' | 'title' | 'reason'>,
  ): void => {
    counts[verdict][severity] = (counts[verdict][severity] ?? 0) + 1;
    if (differences.length >= keptDifferences) {
      left += 1;
      return;
    }
    const { cluster: _, ...object } = record.object;
    const user = record.request?.requester?.username ?? '';
    const place = { object, changeId: changeIdOf(record), at: record.at, user };
    differences.push({ verdict, control, severity, title, reason, ...place });
  };

  return {
    change(record, judged) {
      const then = new Map<string, NonNullable<VersionRecord['request']>['verdicts'][number]>();
      for (const one of record.request?.verdicts ?? []) {
        if (one.state !== 'fail') continue;
        if (known.has(one.control)) then.set(one.control, one);
        else onOther(one.control);
      }
      if (judged !== undefined) judgedChanges += 1;
      for (const one of judged?.said ?? []) {
        if (one.state === 'unjudged' || one.state === 'not-assessable') unanswered += 1;
        if (one.state !== 'fail') continue;
        if (then.delete(one.control)) same += 1;
        else differ('new', record, one);
      }
      for (const one of then.values()) differ('lost', record, one);
    },
    end: () => ({ judged: judgedChanges, unanswered, differences, left, same, counts }),
  };
}
