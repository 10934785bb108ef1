/**
 * Recorded versions judged as changes, by the requester that is known in the end: as the collector judges them, whose
 * last word is a function of the same things.
 */
import type { ApiRecord } from '@driftline/proto';
import {
  type ClusterSource,
  type CompiledControl,
  clusterBefore,
  clusterView,
  createChangeControls,
  createChangeJudge,
  observedChange,
  type Requester,
  type Severity,
  type Verdict,
  verdictReason,
} from '@driftline/policy';
import { objectOf, type TextStore } from './text-store.ts';

type VersionRecord = Extract<ApiRecord, { type: 'version' }>;

export type SaidOfChange = {
  readonly control: string;
  readonly severity: Severity;
  readonly title: string;
  readonly state: Verdict['verdict'];
  readonly reason: string;
};

/** What the controls that are about such changes say; what they pass is left out. */
export type JudgedChange = { readonly said: readonly SaidOfChange[] };

export type SecondChangeJudge = {
  /** Undefined when no control is about it, or no request can be told. The store holds what was there before. */
  judge(record: VersionRecord, atMs: number): JudgedChange | undefined;
};

export function createSecondChangeJudge(
  controls: readonly CompiledControl[],
  source: ClusterSource & Pick<TextStore, 'uidOf'>,
): SecondChangeJudge {
  const judging = createChangeControls(controls);
  return {
    judge(record, atMs) {
      const { object, op, request } = record;
      const { group, kind, resource, namespace, name, uid } = object;
      const about = judging.of({ group, kind, resource });
      if (about.length === 0) return undefined;
      const key = { group, kind, resource, namespace, name };
      const observed = observedChange(
        { ...key, op },
        {
          before: () => (source.uidOf(key) === uid ? source.get(key) : undefined),
          after: () => objectOf(record.body),
        },
      );
      if (observed === undefined) return undefined;
      const judge = createChangeJudge(observed);
      const view = clusterView(clusterBefore(source, observed), atMs);
      const requester = requesterOf(request?.requester);
      const said = about.map((control): SaidOfChange => {
        const first = judge.judge(control, view, atMs);
        const verdict = first.kept === undefined ? first.verdict : judge.judgeAgain(control, first.kept, requester);
        const { id, severity, title } = control.meta;
        return { control: id, severity, title, state: verdict.verdict, reason: verdictReason(verdict) };
      });
      return { said: said.filter(({ state }) => state !== 'pass' && state !== 'not-applicable') };
    },
  };
}

function requesterOf(told: NonNullable<VersionRecord['request']>['requester'] | undefined): Requester | undefined {
  if (told === undefined || told === null) return undefined;
  return { username: told.username, groups: told.groups ?? undefined };
}
