/**
 * An observed change, judged by what admission policies say of the request that made it. Nobody may know yet who asked:
 * what does not depend on that is decided at once, and the rest waits, with what it read of the cluster, for an answer.
 *
 * The verdict is a function of the change, of the cluster before it, of the control and of the requester; when these
 * became known has no part in it.
 */
import type { JsonObject } from '@driftline/proto';
import type {
  ChangedKind,
  CompiledControl,
  ObjectKey,
  RequestedChange,
  Requester,
  TrackedView,
  Verdict,
} from '../contract.ts';
import { outcomeOf, verdictOf } from '../engine/outcome.ts';
import { NotAssessable } from '../engine/tracked-view.ts';
import { createRequest } from '../language/admission/request.ts';
import { KeepingView, keptView, type KeptReads } from './kept-reads.ts';
import { createRedactedReads } from './redacted-reads.ts';

export type ObservedChange = {
  readonly key: ObjectKey & ChangedKind;
  /** Null for a deletion. */
  readonly object: JsonObject | null;
  /** Null for a creation. */
  readonly oldObject: JsonObject | null;
  /** False where neither form holds a redacted value; without it both are looked through. */
  readonly holdsRedacted?: boolean;
};

/** Largest JSON text of the reads that are kept for a later answer, in UTF-16 code units. */
export const keptReadsCharacters = 65_536;

export type FirstJudgement = {
  /** As long as nobody is known to have asked. */
  readonly verdict: Verdict;
  /** Present when who asked can change the verdict: what `judgeAgain` needs beside the change. */
  readonly kept?: KeptReads;
};

/** The answers of controls about one change. A control that throws is unjudged. */
export type ChangeJudge = {
  /** `view` is the cluster before the change; `atMs` (since the Unix epoch) is when it was observed. */
  judge(control: CompiledControl, view: TrackedView, atMs: number): FirstJudgement;
  judgeAgain(control: CompiledControl, kept: KeptReads, requester: Requester | undefined): Verdict;
};

export function createChangeJudge(change: ObservedChange): ChangeJudge {
  const { key, object, oldObject, holdsRedacted } = change;
  const redacted = createRedactedReads(holdsRedacted);
  let forms: Pick<RequestedChange, 'object' | 'oldObject'> | undefined;
  const request = createRequest(object ?? oldObject ?? {}, key, {
    operation: operationOf(change),
    resource: key.resource,
  });

  function evaluate(control: CompiledControl, view: TrackedView, requester: Requester | undefined) {
    const missing: string[] = [];
    forms ??= { object: redacted.watch('new', object), oldObject: redacted.watch('old', oldObject) };
    redacted.forget();
    const asking = { requester, note: (field: string) => void missing.push(field) };
    const asked = { object: forms.object, oldObject: forms.oldObject, request, asking };
    const verdict = evaluateSafely(control, asked, view);
    const readAlone = redacted.readAlone();
    if (readAlone !== undefined && (verdict.verdict === 'pass' || verdict.verdict === 'fail'))
      return { verdict: notAssessable(`it reads ${readAlone}, whose value is redacted`), isOpen: missing.length > 0 };
    const [field] = missing;
    if (field === undefined || verdict.verdict === 'pass' || verdict.verdict === 'not-applicable')
      return { verdict, isOpen: false };
    if (verdict.verdict !== 'unjudged') return { verdict, isOpen: true };
    return { verdict: unjudged(`nobody knows request.${field} of the request that made the change`), isOpen: true };
  }

  return {
    judge(control, view, atMs) {
      const keeping = new KeepingView(view, atMs);
      const { verdict, isOpen } = evaluate(control, keeping, undefined);
      if (!isOpen) return { verdict };
      const kept = keeping.kept();
      if (JSON.stringify(kept).length <= keptReadsCharacters) return { verdict, kept };
      return { verdict: unjudged(`it reads more than ${keptReadsCharacters} characters of the cluster`) };
    },
    judgeAgain: (control, kept, requester) => evaluate(control, keptView(kept), requester).verdict,
  };
}

function operationOf({ object, oldObject }: ObservedChange): 'CREATE' | 'UPDATE' | 'DELETE' {
  if (object === null) return 'DELETE';
  return oldObject === null ? 'CREATE' : 'UPDATE';
}

/** Of a control about both, what it says of the new state is the state's finding and not the change's. */
function evaluateSafely(control: CompiledControl, change: RequestedChange, view: TrackedView): Verdict {
  const verdict = attempt(() => control.evaluateChange?.(change, view) ?? { verdict: 'not-applicable' });
  if (control.judges !== 'both' || change.object === null || verdict.verdict !== 'fail') return verdict;
  const { object } = change;
  const ofState = attempt(() => control.evaluate(object, view));
  return ofState.verdict === 'fail' || ofState.verdict === 'excepted' ? { verdict: 'not-applicable' } : verdict;
}

function attempt(evaluate: () => Verdict): Verdict {
  try {
    return verdictOf(outcomeOf(evaluate())) ?? unjudged('the control gave no verdict');
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return (
      verdictOf(outcomeOf(thrown instanceof NotAssessable ? notAssessable(reason) : unjudged(reason))) ?? unjudged('')
    );
  }
}

function unjudged(reason: string): Verdict {
  return { verdict: 'unjudged', reason };
}

function notAssessable(reason: string): Verdict {
  return { verdict: 'not-assessable', reason };
}
