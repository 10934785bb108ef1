/** What could not be judged, and when that changed; each state is recorded once. */
import type { Unanswered, UnansweredChange } from '@driftline/policy';
import type { At, BatchRows } from '../batch-rows.ts';
import type { UnjudgedRow } from '../timeline/rows.ts';

export type UnjudgedBook = {
  note(changes: readonly UnansweredChange[], at: At, rows: BatchRows): void;
  /** After a restart: what is answered now and was not when the last life ended. */
  clearAllBut(unanswered: readonly Unanswered[], at: At, rows: BatchRows): void;
  engineFailed(error: unknown, at: At, rows: BatchRows): void;
};

/** Stands in for a control when the engine itself failed. */
const engineControl = 'engine';

const cleared = { state: 'cleared', reason: '' } as const;

type Place = Pick<UnjudgedRow, 'control' | 'group' | 'kind' | 'namespace' | 'name'>;

const keyOf = ({ control, group, kind, namespace, name }: Place): string =>
  [control, group, kind, namespace, name].join('\n');

const placeOf = ({ control, object }: Pick<Unanswered, 'control' | 'object'>): Place => {
  const { group, kind, namespace, name } = object;
  return { control, group, kind, namespace, name };
};

/** `bundle`: the version that judges now. */
export const createUnjudgedBook = (recorded: readonly UnjudgedRow[], bundle: () => string): UnjudgedBook => {
  const last = new Map(recorded.filter((row) => row.state !== 'cleared').map((row) => [keyOf(row), row]));

  const write = (place: Place, verdict: Pick<UnjudgedRow, 'state' | 'reason'>, at: At, rows: BatchRows): void => {
    const previous = rows.unjudged.at(-1);
    const index = previous !== undefined && previous.sequence === at.sequence ? previous.index + 1 : 0;
    const { control, group, kind, namespace, name } = place;
    const where = { control, group, kind, namespace, name };
    const when = { atUs: at.observedAtUs, afterOwn: rows.afterOwn };
    const row = { sequence: at.sequence, index, ...where, ...verdict, bundle: bundle(), ...when };
    if (verdict.state === 'cleared') last.delete(keyOf(place));
    else last.set(keyOf(place), row);
    rows.unjudged.push(row);
  };

  return {
    note(changes, at, rows) {
      for (const change of changes) {
        const place = placeOf(change);
        const before = last.get(keyOf(place));
        if (change.state === 'answered') {
          if (before !== undefined) write(place, cleared, at, rows);
        } else if (before?.state !== change.state || before.reason !== change.reason) {
          write(place, { state: change.state, reason: change.reason }, at, rows);
        }
      }
    },
    clearAllBut(unanswered, at, rows) {
      const current = new Set(unanswered.map((each) => keyOf(placeOf(each))));
      for (const [key, row] of last) if (!current.has(key)) write(row, cleared, at, rows);
    },
    engineFailed(error, at, rows) {
      const name = error instanceof Error ? error.name : 'failure';
      const place = { control: engineControl, group: '', kind: '', namespace: '', name: '' };
      write(place, { state: 'unjudged', reason: `the engine failed: ${name}` }, at, rows);
    },
  };
};
