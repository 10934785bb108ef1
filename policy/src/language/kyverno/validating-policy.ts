/** Kyverno's CEL policies: ValidatingPolicy and NamespacedValidatingPolicy (policies.kyverno.io). Each is one control. */
import { canonicalJson, type Json, type JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { CompiledControl, GroupKind, RequestedChange, TrackedView, Verdict } from '../../contract.ts';
import type { LoadContext, LoadedControl } from '../../load/bundle.ts';
import type { PolicyLanguage } from '../../load/policy-language.ts';
import { policyMeta } from '../../load/policy-meta.ts';
import type { PolicyProblem } from '../../load/problem.ts';
import { readShape } from '../../load/read-shape.ts';
import { problemAt, type YamlFile } from '../../load/yaml-file.ts';
import { askedOf, judgedBy } from '../admission/admission-control.ts';
import { type CelPolicy, compileCelPolicy } from '../admission/cel-policy.ts';
import { celProblems } from '../admission/cel-problems.ts';
import {
  type Asked,
  createResourceMatch,
  matchResourcesSchema,
  type ResourceMatch,
} from '../admission/match-resources.ts';
import { admissionScope, bindingsOf, creationOf, readsOfState } from '../admission/request.ts';
import { resourceNameOf } from '../admission/resource-name.ts';
import { metadataSchema, namedExpressionSchema, text, validationSchema } from '../admission/shapes.ts';
import { evaluateEach } from '../admission/verdict.ts';
import { hasPodBearingController, podBearingKinds } from '../pod-template.ts';
import { objectKeyOf } from '../read-json.ts';
import { unobservedReason } from '../unobserved-requests.ts';
import { podChange, podViewOf } from './pod-view.ts';
import { ruleReads } from './rule-reads.ts';

const kinds = ['ValidatingPolicy', 'NamespacedValidatingPolicy'] as const;

const policySchema = z.strictObject({
  apiVersion: text,
  kind: z.enum(kinds),
  metadata: metadataSchema,
  spec: z.strictObject({
    matchConstraints: matchResourcesSchema.optional(),
    matchConditions: z.array(namedExpressionSchema).optional(),
    variables: z.array(namedExpressionSchema).optional(),
    validations: z.array(validationSchema).min(1),
    auditAnnotations: z.array(z.json()).optional(),
    validationActions: z.array(z.string()).optional(),
    failurePolicy: z.string().optional(),
    webhookConfiguration: z.json().optional(),
    evaluation: z
      .strictObject({
        mode: z.enum(['Kubernetes', 'JSON']).optional(),
        admission: z.strictObject({ enabled: z.boolean().optional() }).optional(),
        background: z.strictObject({ enabled: z.boolean().optional() }).optional(),
      })
      .optional(),
    autogen: z
      .strictObject({
        podControllers: z.strictObject({ controllers: z.array(z.string()).optional() }).optional(),
        validatingAdmissionPolicy: z.strictObject({ enabled: z.boolean().optional() }).optional(),
      })
      .optional(),
  }),
  status: z.unknown().optional(),
});

type Policy = z.infer<typeof policySchema>;

export const kyvernoCelPolicies: PolicyLanguage = {
  kinds,
  takes: ({ group, kind }) => group === 'policies.kyverno.io' && kinds.some((one) => one === kind),
  load(documents, context) {
    const controls: LoadedControl[] = [];
    const problems: PolicyProblem[] = [];
    const notes: PolicyProblem[] = [];
    for (const file of documents) {
      const loaded = loadPolicy(file, context);
      if ('problems' in loaded) problems.push(...loaded.problems);
      else {
        controls.push(loaded.loaded);
        notes.push(...loaded.notes);
      }
    }
    return { controls, problems, notes };
  },
};

function loadPolicy(
  file: YamlFile,
  { source }: LoadContext,
):
  | { readonly loaded: LoadedControl; readonly notes: readonly PolicyProblem[] }
  | { readonly problems: readonly PolicyProblem[] } {
  const shape = readShape(policySchema, file);
  if ('problems' in shape) return shape;
  const policy = shape.value;
  const { spec } = policy;
  if (spec.evaluation?.mode === 'JSON')
    return {
      problems: [
        problemAt(file, ['spec', 'evaluation', 'mode'], 'not-supported', 'JSON: only Kubernetes objects are judged'),
      ],
    };
  const compiled = compileCelPolicy(spec, { scope: admissionScope });
  if ('problems' in compiled) {
    return { problems: celProblems(file, compiled.problems, (keys) => ['spec', ...keys]) };
  }
  const digest = source.sha256(canonicalJson(policy as unknown as Json));
  const control = { ...createControl(policy, compiled.policy), digest };
  const { unobserved } = createResourceMatch(spec.matchConstraints);
  const about = ['spec', 'matchConstraints', 'resourceRules'];
  return {
    loaded: {
      control,
      at: { file: file.path, ...file.at(['metadata', 'name']) },
      cases: () => [],
      withParams: () => control,
    },
    notes: unobserved.length === 0 ? [] : [problemAt(file, about, 'not-evaluated', unobservedReason(unobserved))],
  };
}

function createControl(policy: Policy, cel: CelPolicy): CompiledControl {
  const { spec, metadata } = policy;
  const name = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  const match = createResourceMatch(spec.matchConstraints);
  const made = madeKinds(policy, match);
  const isNamespaced = policy.kind === 'NamespacedValidatingPolicy';
  const namespace = isNamespaced ? (metadata.namespace ?? 'default') : undefined;
  const given = { cel, match, made, namespace };
  const judges = judgedBy(cel, [match]);
  const common = {
    meta: policyMeta({ id: `kyverno/${name}`, title: name, policy: policy as unknown as JsonObject }),
    language: 'kyverno',
    kinds: [],
    evaluateChange: (change: RequestedChange, view: TrackedView) =>
      evaluate({ ...given, change, view, asked: askedOf(change) }),
    ...(judges === undefined
      ? {}
      : { judges, judgesChangesOf: (kind) => match.judgesChangesOf(kind) || isMade(made, kind) }),
  } satisfies Partial<CompiledControl>;
  if (judges === 'change') return { ...common, selfContained: false, evaluate: () => ({ verdict: 'not-applicable' }) };
  return {
    ...common,
    judgesKind: (kind) => match.judgesKind(kind) || isMade(made, kind),
    reads: (kind) => ({
      deciding: ruleReads(kind, readsOfState(cel.paths), isMade(made, kind)),
      telling: [],
    }),
    selfContained: !cel.readsNamespace && !match.readsNamespace,
    evaluate: (object, view) =>
      evaluate({ ...given, change: creationOf(object, objectKeyOf(object)), view, asked: undefined }),
  };
}

/** Kinds whose pods are judged besides: all that make pods, unless the policy lists some. */
function madeKinds({ spec }: Policy, match: ResourceMatch): readonly GroupKind[] {
  const rules = spec.matchConstraints?.resourceRules ?? [];
  const resources = rules.flatMap((rule) => rule.resources ?? []);
  const isAboutPods = match.judgesKind({ group: '', kind: 'Pod' }) && resources.every((one) => /^pods(\/|$)/.test(one));
  if (!isAboutPods) return [];
  const listed = spec.autogen?.podControllers?.controllers;
  return podBearingKinds.filter(({ kind }) => kind !== 'Pod' && (listed?.includes(resourceNameOf(kind)) ?? true));
}

function isMade(made: readonly GroupKind[], { group, kind }: GroupKind): boolean {
  return made.some((one) => one.group === group && one.kind === kind);
}

type Evaluation = {
  readonly change: RequestedChange;
  readonly view: TrackedView;
  readonly cel: CelPolicy;
  readonly match: ResourceMatch;
  readonly made: readonly GroupKind[];
  readonly namespace: string | undefined;
  /** Undefined for a state. */
  readonly asked: Asked | undefined;
};

function evaluate(evaluation: Evaluation): Verdict {
  const { change, view, cel, match, made, namespace, asked } = evaluation;
  const given = change.object ?? change.oldObject ?? {};
  const key = objectKeyOf(given);
  if (namespace !== undefined && key.namespace !== namespace) return { verdict: 'not-applicable' };
  if (made.length > 0 && key.kind === 'Pod' && hasPodBearingController(given)) return { verdict: 'not-applicable' };
  const object = isMade(made, key) ? podViewOf(given, key)?.pod : given;
  if (object === undefined) return { verdict: 'not-applicable' };
  const isView = object !== given;
  const subject = isView ? { ...key, group: '', kind: 'Pod' } : key;
  const request = isView && asked !== undefined ? { ...asked, resource: 'pods' } : asked;
  if (!match.appliesTo(object, subject, view, request)) return { verdict: 'not-applicable' };
  const seen = isView ? podChange(change) : change;
  const bindings = bindingsOf(cel, seen, { key, view });
  return evaluateEach(cel, bindings);
}
