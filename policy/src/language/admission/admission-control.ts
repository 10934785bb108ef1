/** An admission policy in CEL as a control: of the states it describes, of the changes it is asked about, or of both. */
import type {
  CompiledControl,
  ControlMeta,
  PolicyLanguageName,
  RequestedChange,
  TrackedView,
  Verdict,
} from '../../contract.ts';
import { objectKeyOf, stringAt } from '../read-json.ts';
import { subjectContext } from '../subject-context.ts';
import type { CelPolicy } from './cel-policy.ts';
import type { Asked, ResourceMatch } from './match-resources.ts';
import type { Params } from './params.ts';
import { bindingsOf, creationOf, readOfChange, readsOfState, readsOperation } from './request.ts';
import { resourceNameOf } from './resource-name.ts';
import { evaluateEach, failed } from './verdict.ts';

export type AdmissionParts = {
  readonly meta: ControlMeta;
  readonly language: PolicyLanguageName;
  readonly cel: CelPolicy;
  readonly params: Params | undefined;
  /** All of them have to apply. */
  readonly matches: readonly ResourceMatch[];
};

export function admissionControl(parts: AdmissionParts): CompiledControl {
  const { meta, language, cel, params, matches } = parts;
  const judges = judgedBy(cel, matches);
  const common = {
    meta,
    language,
    kinds: [],
    evaluateChange: (change: RequestedChange, view: TrackedView) => evaluate(parts, change, view, askedOf(change)),
    ...(judges === undefined
      ? {}
      : { judges, judgesChangesOf: (kind) => matches.every((match) => match.judgesChangesOf(kind)) }),
  } satisfies Partial<CompiledControl>;
  if (judges === 'change') return { ...common, selfContained: false, evaluate: () => ({ verdict: 'not-applicable' }) };
  const reads = { deciding: readsOfState(cel.paths), telling: [] };
  return {
    ...common,
    reads: () => reads,
    judgesKind: (kind) => matches.every((match) => match.judgesKind(kind)),
    selfContained: params === undefined && !cel.readsNamespace && !matches.some((match) => match.readsNamespace),
    evaluate: (object, view) => evaluate(parts, creationOf(object, subjectContext(object).key), view),
  };
}

/** What a policy is about beside states; undefined when that is nothing. */
export function judgedBy(cel: CelPolicy, matches: readonly ResourceMatch[]): 'change' | 'both' | undefined {
  if (readOfChange(cel.paths) !== undefined || !matches.every(({ isOfState }) => isOfState)) return 'change';
  return readsOperation(cel.paths) ? 'both' : undefined;
}

export function askedOf({ object, oldObject, request }: RequestedChange): Asked {
  return {
    operation: stringAt(request, 'operation'),
    resource: stringAt(request, 'resource', 'resource') || resourceNameOf(objectKeyOf(object ?? oldObject ?? {}).kind),
    other: object === null ? undefined : (oldObject ?? undefined),
  };
}

/**
 * What the cluster is asked is asked before the first expression: an evaluation that ends because the requester is not
 * known has asked all that another one with a requester will.
 */
function evaluate(
  { cel, params, matches }: AdmissionParts,
  change: RequestedChange,
  view: TrackedView,
  asked?: Asked,
): Verdict {
  const subject = change.object ?? change.oldObject ?? {};
  const { key } = subjectContext(subject);
  if (!matches.every((match) => match.appliesTo(subject, key, view, asked))) return { verdict: 'not-applicable' };
  const bindings = bindingsOf(cel, change, { key, view });
  const given = params?.read(key, view);
  if (given?.isMissing === true)
    return failed([`no parameters: there is no ${params?.kind.kind} as its binding names it`]);
  return evaluateEach(cel, bindings, given?.objects);
}
