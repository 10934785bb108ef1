/** Findings that were opened lately and still are: what a falling score can be due to. */
import type { ObjectKey } from '@driftline/policy';
import type { TransitionRow } from '../timeline/rows.ts';
import type { ScoreLimits } from './score-limits.ts';

export type Cause = {
  readonly findingId: string;
  readonly control: string;
  readonly object: ObjectKey;
  readonly openedAtUs: number;
  /** `<epoch>:<sequence>`; '' when no change opened it. */
  readonly changeId: string;
};

export type RecentCauses = {
  move(row: TransitionRow, epoch: string): void;
  /** Opened after the moment, oldest first. */
  since(atUs: number): readonly Cause[];
};

export const createRecentCauses = (
  limits: Pick<ScoreLimits, 'regressionWindowMs' | 'rememberedCauses'>,
): RecentCauses => {
  /** In the order they were opened. */
  const open = new Map<string, Cause>();

  const forget = (nowUs: number): void => {
    for (const [findingId, { openedAtUs }] of open) {
      const isOld = nowUs - openedAtUs > limits.regressionWindowMs * 1000;
      if (!isOld && open.size <= limits.rememberedCauses) return;
      open.delete(findingId);
    }
  };

  return {
    move({ findingId, state, control, group, kind, namespace, name, atUs, cause, sequence }, epoch) {
      if (state === 'updated') return;
      open.delete(findingId);
      if (state === 'resolved' || state === 'excepted') return;
      const changeId = cause === 'change' ? `${epoch}:${sequence}` : '';
      open.set(findingId, { findingId, control, object: { group, kind, namespace, name }, openedAtUs: atUs, changeId });
      forget(atUs);
    },
    since: (atUs) => [...open.values()].filter(({ openedAtUs }) => openedAtUs > atUs),
  };
};
