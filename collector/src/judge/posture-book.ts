/** Which postures differ from what was last recorded of their scope. */
import type { Score, ScoreCard, Severity } from '@driftline/policy';
import type { At } from '../batch-rows.ts';
import type { PostureRow } from '../timeline/rows.ts';
import type { OpenFindings } from './open-findings.ts';

export type PostureBook = {
  changed(card: ScoreCard, open: OpenFindings, at: At & Pick<PostureRow, 'afterOwn'>): readonly PostureRow[];
};

const severities: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];

const isSame = (a: PostureRow | undefined, b: PostureRow): boolean =>
  a !== undefined &&
  a.earned === b.earned &&
  a.possible === b.possible &&
  a.score === b.score &&
  severities.every((severity) => a.openBySeverity[severity] === b.openBySeverity[severity]);

export const createPostureBook = (recorded: readonly PostureRow[]): PostureBook => {
  const last = new Map(recorded.map((row) => [row.scope, row]));

  return {
    changed(card, open, at) {
      const scores = new Map<string, Pick<Score, 'earned' | 'possible' | 'score'>>();
      for (const score of [card.cluster, ...card.namespaces, ...card.categories]) scores.set(score.scope, score);
      // A scope that nothing counts for any more says so once.
      for (const scope of [...last.keys(), ...open.scopes()])
        if (!scores.has(scope)) scores.set(scope, { earned: 0, possible: 0, score: 100 });
      const rows: PostureRow[] = [];
      for (const [scope, { earned, possible, score }] of scores) {
        const openBySeverity = open.in(scope);
        const { sequence, observedAtUs: atUs, afterOwn } = at;
        const row = { sequence, scope, earned, possible, score, openBySeverity, atUs, afterOwn };
        const before = last.get(scope);
        if (isSame(before, row) || (before === undefined && possible === 0)) continue;
        last.set(scope, row);
        rows.push(row);
      }
      return rows.sort((a, b) => (a.scope < b.scope ? -1 : 1));
    },
  };
};
