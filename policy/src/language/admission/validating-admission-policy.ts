/**
 * ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1) and its bindings, read as they are. Each binding of a
 * policy becomes a control, because it has its own objects and parameters. Findings say what the API server would refuse
 * (or warn of, or note) if the object were created as it is now.
 */
import { canonicalJson, type Json, type JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { CompiledControl } from '../../contract.ts';
import type { LoadContext, LoadedControl } from '../../load/bundle.ts';
import type { LanguageResult, PolicyLanguage } from '../../load/policy-language.ts';
import { policyMeta } from '../../load/policy-meta.ts';
import type { PolicyProblem } from '../../load/problem.ts';
import { readShape } from '../../load/read-shape.ts';
import { problemAt, type YamlFile } from '../../load/yaml-file.ts';
import { unobservedReason } from '../unobserved-requests.ts';
import { admissionControl } from './admission-control.ts';
import { type CelPolicy, compileCelPolicy } from './cel-policy.ts';
import { celProblems } from './cel-problems.ts';
import { createResourceMatch, matchResourcesSchema } from './match-resources.ts';
import { createParams, paramKindSchema, type Params, paramRefSchema } from './params.ts';
import { admissionScope } from './request.ts';
import { metadataSchema, namedExpressionSchema, text, validationSchema } from './shapes.ts';

const policySchema = z.strictObject({
  apiVersion: text,
  kind: z.literal('ValidatingAdmissionPolicy'),
  metadata: metadataSchema,
  spec: z.strictObject({
    paramKind: paramKindSchema.optional(),
    matchConstraints: matchResourcesSchema,
    matchConditions: z.array(namedExpressionSchema).optional(),
    variables: z.array(namedExpressionSchema).optional(),
    validations: z.array(validationSchema).optional(),
    auditAnnotations: z.array(z.strictObject({ key: text, valueExpression: text })).optional(),
    failurePolicy: z.enum(['Fail', 'Ignore']).optional(),
  }),
  status: z.unknown().optional(),
});

const bindingSchema = z.strictObject({
  apiVersion: text,
  kind: z.literal('ValidatingAdmissionPolicyBinding'),
  metadata: metadataSchema,
  spec: z.strictObject({
    policyName: text,
    paramRef: paramRefSchema.optional(),
    matchResources: matchResourcesSchema.optional(),
    validationActions: z.array(z.enum(['Deny', 'Warn', 'Audit'])).min(1),
  }),
});

type Policy = z.infer<typeof policySchema>;
type Binding = z.infer<typeof bindingSchema>;
type Read<T> = { readonly file: YamlFile; readonly value: T };

export const validatingAdmissionPolicies: PolicyLanguage = {
  kinds: ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
  takes: ({ group, kind }) => group === 'admissionregistration.k8s.io' && kind.startsWith('ValidatingAdmissionPolicy'),
  load(documents, context) {
    const loading = new Loading(context);
    loading.read(documents);
    loading.bind();
    return loading.result();
  },
};

class Loading {
  readonly #context: LoadContext;
  readonly #policies = new Map<string, Read<Policy>>();
  readonly #bindings: Read<Binding>[] = [];
  readonly #controls: LoadedControl[] = [];
  readonly #problems: PolicyProblem[] = [];
  readonly #notes: PolicyProblem[] = [];

  constructor(context: LoadContext) {
    this.#context = context;
  }

  read(documents: readonly YamlFile[]): void {
    for (const file of documents) {
      const isPolicy = (file.value as { kind?: unknown }).kind === 'ValidatingAdmissionPolicy';
      const shape = isPolicy ? readShape(policySchema, file) : readShape(bindingSchema, file);
      if ('problems' in shape) this.#problems.push(...shape.problems);
      else if (shape.value.kind === 'ValidatingAdmissionPolicy') this.#addPolicy(file, shape.value);
      else this.#bindings.push({ file, value: shape.value });
    }
  }

  bind(): void {
    const used = new Set(this.#bindings.map(({ value }) => value.spec.policyName));
    for (const [name, { file }] of this.#policies) {
      if (!used.has(name))
        this.#notes.push(
          problemAt(file, ['metadata', 'name'], 'not-evaluated', `${name} has no binding, so it is about nothing`),
        );
    }
    for (const binding of this.#bindings) {
      const { policyName } = binding.value.spec;
      const policy = this.#policies.get(policyName);
      if (policy !== undefined) this.#compile(policy, binding);
      else
        this.#problems.push(
          problemAt(binding.file, ['spec', 'policyName'], 'unknown-reference', `there is no policy ${policyName}`),
        );
    }
  }

  result(): LanguageResult {
    return { controls: this.#controls, problems: this.#problems, notes: this.#notes };
  }

  #addPolicy(file: YamlFile, value: Policy): void {
    const { name } = value.metadata;
    const other = this.#policies.get(name);
    const { unobserved } = createResourceMatch(value.spec.matchConstraints);
    if (unobserved.length > 0) {
      const keys = ['spec', 'matchConstraints', 'resourceRules'];
      this.#notes.push(problemAt(file, keys, 'not-evaluated', unobservedReason(unobserved)));
    }
    if (other === undefined) this.#policies.set(name, { file, value });
    else
      this.#problems.push(
        problemAt(file, ['metadata', 'name'], 'duplicate', `${name} is in ${other.file.path} already`),
      );
  }

  #compile(policy: Read<Policy>, binding: Read<Binding>): void {
    const { spec } = policy.value;
    const compiled = compileCelPolicy(
      { ...spec, validations: spec.validations ?? [] },
      { scope: admissionScope, isStrict: true },
    );
    if ('problems' in compiled) {
      this.#problems.push(...celProblems(policy.file, compiled.problems, (keys) => ['spec', ...keys]));
      return;
    }
    const { paramKind } = spec;
    const { paramRef } = binding.value.spec;
    if ((paramKind === undefined) !== (paramRef === undefined)) {
      const reason =
        paramKind === undefined ? 'its policy has no paramKind' : `its policy needs parameters: ${paramKind.kind}`;
      this.#problems.push(problemAt(binding.file, ['spec'], 'bad-shape', reason));
      return;
    }
    const params = paramKind === undefined || paramRef === undefined ? undefined : createParams(paramKind, paramRef);
    const id = `vap/${policy.value.metadata.name}/${binding.value.metadata.name}`;
    const control = createControl({ id, policy: policy.value, binding: binding.value, cel: compiled.policy, params });
    const digest = this.#context.source.sha256(canonicalJson([policy.value, binding.value] as unknown as Json));
    const loaded = { ...control, digest };
    this.#controls.push({
      control: loaded,
      at: { file: binding.file.path, ...binding.file.at(['metadata', 'name']) },
      cases: () => [],
      withParams: () => loaded,
    });
  }
}

type Parts = {
  readonly id: string;
  readonly policy: Policy;
  readonly binding: Binding;
  readonly cel: CelPolicy;
  readonly params: Params | undefined;
};

function createControl({ id, policy, binding, cel, params }: Parts): CompiledControl {
  const actions = binding.spec.validationActions.join(', ').toLowerCase();
  const meta = policyMeta({
    id,
    title: policy.metadata.name,
    description: `The admission policy ${policy.metadata.name}, bound by ${binding.metadata.name} (${actions}).`,
    policy: policy as unknown as JsonObject,
  });
  const matches = [createResourceMatch(policy.spec.matchConstraints), createResourceMatch(binding.spec.matchResources)];
  return admissionControl({ meta, language: 'validating-admission-policy', cel, params, matches });
}
