/** One validate rule of a Kyverno policy: what it is about, what it asks, and what it answers. */
import type { Json, JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { GroupKind, OwnReads, RequestedChange, TrackedView, Verdict, Violation } from '../../contract.ts';
import type { ReadPath } from '../../read-path.ts';
import { hasPodBearingController, podBearingKinds } from '../pod-template.ts';
import { objectAt, objectKeyOf, stringAt } from '../read-json.ts';
import { serviceAccountNamed } from '../service-account.ts';
import { NotKnown, requestData, userInfoOf } from '../admission/asked.ts';
import { text } from '../admission/shapes.ts';
import { compileConditions, conditionsSchema } from './condition.ts';
import { imagesOf } from './image-info.ts';
import { compileMatch, matchSectionSchema } from './match-section.ts';
import type { Mismatch } from './pattern.ts';
import { isAboutPodsOnly, podChange, podViewOf } from './pod-view.ts';
import { readsOfMatch, readsOfSection, ruleReads } from './rule-reads.ts';
import { compileContext, contextSchema } from './rule-context.ts';
import { compileTemplate } from './template.ts';

export const ruleSchema = z.strictObject({
  name: text,
  match: matchSectionSchema,
  exclude: matchSectionSchema.optional(),
  context: contextSchema.optional(),
  preconditions: conditionsSchema.optional(),
  celPreconditions: z.array(z.strictObject({ name: text, expression: text })).optional(),
  skipBackgroundRequests: z.boolean().optional(),
  reportProperties: z.record(z.string(), z.string()).optional(),
  validate: z.record(z.string(), z.json()).optional(),
  mutate: z.unknown().optional(),
  generate: z.unknown().optional(),
  verifyImages: z.unknown().optional(),
  imageExtractors: z.unknown().optional(),
});

export type RuleSection = z.infer<typeof ruleSchema>;

/** What a form of `validate` sees: the object (of a controller, the pod it would make), and what `{{ … }}` finds. */
export type RuleGround = {
  readonly change: RequestedChange;
  readonly object: JsonObject;
  readonly data: JsonObject;
  readonly view: TrackedView;
};

export type RuleBody = {
  /** What it reads of an object of the kind that it sees; undefined: not known. */
  reads(kind: GroupKind): readonly ReadPath[] | undefined;
  readonly readsCluster: boolean;
  judge(ground: RuleGround): { readonly isSkipped: boolean; readonly mismatches: readonly Mismatch[] };
};

export type RuleParts = {
  readonly section: RuleSection;
  readonly body: RuleBody;
  /** Kinds that rules about Pods judge besides. */
  readonly autogen: readonly string[];
  /** The namespace of a Policy; undefined for a ClusterPolicy. */
  readonly namespace: string | undefined;
  /** Objects that a PolicyException takes out. */
  readonly isExcepted: (object: JsonObject, view: TrackedView) => boolean;
};

export type Rule = {
  readonly judgesKind: (kind: GroupKind) => boolean;
  readonly readsCluster: boolean;
  readonly readsRequester: boolean;
  readonly isOfState: boolean;
  readonly isOfDeletion: boolean;
  readonly evaluate: (change: RequestedChange, view: TrackedView) => Verdict;
  readonly reads: (kind: GroupKind) => OwnReads | undefined;
};

const podKind: GroupKind = { group: '', kind: 'Pod' };
const notApplicable: Verdict = { verdict: 'not-applicable' };

/** Throws FunctionError for what is not supported. */
export function compileRule({ section, body, autogen, namespace, isExcepted }: RuleParts): Rule {
  const match = compileMatch(section.match);
  const exclude = section.exclude === undefined ? undefined : compileMatch(section.exclude);
  const conditions = section.preconditions === undefined ? undefined : compileConditions(section.preconditions);
  const context = compileContext(section.context ?? []);
  const message = compileMessage(section);
  const readsAccount = /\bserviceAccountName(?:space)?\b/.test(JSON.stringify(section));
  const made = isAboutPodsOnly([section.match, section.exclude]) ? autogen : [];
  const isMade = ({ group, kind }: GroupKind) =>
    made.includes(kind) && podBearingKinds.some((one) => one.group === group && one.kind === kind);

  function evaluate(change: RequestedChange, view: TrackedView): Verdict {
    const given = change.object ?? change.oldObject ?? {};
    const key = objectKeyOf(given);
    if (namespace !== undefined && key.namespace !== namespace) return notApplicable;
    if (made.length > 0 && key.kind === 'Pod' && hasPodBearingController(given)) return notApplicable;
    const pod = isMade(key) ? podViewOf(given, key) : undefined;
    const object = pod?.pod ?? given;
    const seen = pod === undefined ? change : podChange(change);
    const question = {
      object: pod === undefined ? given : { ...given, apiVersion: 'v1', kind: 'Pod' },
      key: pod === undefined ? key : { ...key, group: '', kind: 'Pod' },
      operation: stringAt(change.request, 'operation'),
      asked: change,
      view,
    };
    try {
      if (!match.matches(question) || exclude?.matches(question) === true) return notApplicable;
    } catch (thrown) {
      if (thrown instanceof NotKnown) readAhead(seen, object, view);
      throw thrown;
    }
    if (isExcepted(given, view)) return notApplicable;
    if (readsAccount) stringAt(userInfoOf(change), 'username');
    const data = context.extend(dataOf(seen, object), view);
    if (conditions?.hold({ data, isLenient: true }) === false) return notApplicable;
    const { isSkipped, mismatches } = body.judge({ change: seen, object, data, view });
    if (mismatches.length === 0) return isSkipped ? notApplicable : { verdict: 'pass' };
    const said = message(data);
    return { verdict: 'fail', violations: distinct(mismatches.map((one) => violation(one, said, pod?.place))) };
  }

  /** What an evaluation with a requester will read of the cluster is read by the one that ends without. */
  function readAhead(change: RequestedChange, object: JsonObject, view: TrackedView): void {
    try {
      isExcepted(object, view);
      context.extend(dataOf(change, object), view);
    } catch {
      // Whoever goes on from here meets it again.
    }
  }

  const around = readsOfSection({
    ...section,
    validate: { message: section.validate?.['message'] ?? '' },
  } as unknown as Json);
  const ofMatch = readsOfMatch([section.match, section.exclude ?? {}] as unknown as Json);
  return {
    evaluate,
    reads(kind) {
      const within = body.reads(isMade(kind) ? podKind : kind);
      if (around === undefined || within === undefined) return undefined;
      const ofPaths = ruleReads(kind, [...around, ...within], isMade(kind));
      return { deciding: [...ofMatch, ...ofPaths], telling: [] };
    },
    readsCluster: match.readsNamespace || exclude?.readsNamespace === true || context.readsCluster || body.readsCluster,
    readsRequester: match.readsRequester || exclude?.readsRequester === true,
    isOfState: match.isOfState,
    isOfDeletion: match.isOfDeletion,
    judgesKind: (kind) => match.judgesKind(kind) || (isMade(kind) && match.judgesKind({ group: '', kind: 'Pod' })),
  };
}

/** `request` as in AdmissionReview, with what Kyverno adds to it. */
function dataOf(change: RequestedChange, object: JsonObject): JsonObject {
  const spec = stringAt(object, 'kind') === 'Pod' ? objectAt(object, 'spec') : undefined;
  const username = change.asking?.requester?.username ?? stringAt(change.request, 'userInfo', 'username');
  const account = serviceAccountNamed(username);
  const request = requestData({ ...change, request: { ...change.request, ...formsOf(change, object) } });
  return {
    request,
    images: imagesOf(spec),
    ...(account && { serviceAccountNamespace: account.namespace, serviceAccountName: account.name }),
  };
}

/** Of a deletion only the old form is there. */
function formsOf({ object, oldObject }: RequestedChange, judged: JsonObject): JsonObject {
  return { object: object === null ? null : judged, ...(oldObject === null ? {} : { oldObject }) };
}

/** What the policy's author says; expressions in it that find nothing leave it as it is written. */
function compileMessage({ validate }: RuleSection): (data: JsonObject) => string {
  const written = validate?.['message'];
  if (typeof written !== 'string') return () => '';
  const template = compileTemplate(written);
  return (data) => {
    try {
      const said = template({ data, isLenient: true });
      return typeof said === 'string' ? said : JSON.stringify(said);
    } catch {
      return written;
    }
  };
}

function violation(found: Mismatch, said: string, place: ((path: string) => string) | undefined): Violation {
  const reasons = [said.trim(), found.reason].filter((reason) => reason !== '' && reason !== 'is denied');
  return {
    path: place?.(found.path) ?? found.path,
    value: found.value,
    reason: reasons.length === 0 ? found.reason : reasons.join(': '),
  };
}

/** One finding for each path; several reasons at one are told together. */
function distinct(violations: readonly Violation[]): readonly Violation[] {
  const byPath = new Map<string, Violation>();
  for (const one of violations) {
    const other = byPath.get(one.path);
    if (other === undefined) byPath.set(one.path, one);
    else if (other.reason !== one.reason) byPath.set(one.path, { ...other, reason: `${other.reason}; ${one.reason}` });
  }
  return [...byPath.values()];
}
