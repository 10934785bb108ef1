/** Kyverno's ClusterPolicy and Policy: each validate rule is a control. Rules that change, make or verify are noted. */
import { canonicalJson, type Json, type JsonObject } from '@driftline/proto';
import { z } from 'zod';
import type { CompiledControl } from '../../contract.ts';
import type { LoadContext, LoadedControl } from '../../load/bundle.ts';
import type { LanguageResult, PolicyLanguage } from '../../load/policy-language.ts';
import { policyMeta } from '../../load/policy-meta.ts';
import type { PolicyProblem } from '../../load/problem.ts';
import { readShape } from '../../load/read-shape.ts';
import { partOf, problemAt, type YamlFile } from '../../load/yaml-file.ts';
import { celProblems } from '../admission/cel-problems.ts';
import { creationOf } from '../admission/request.ts';
import { metadataSchema, text } from '../admission/shapes.ts';
import { objectKeyOf } from '../read-json.ts';
import { unobservedReason } from '../unobserved-requests.ts';
import { compileBody, validateSchema } from './compile-body.ts';
import { compileException, type Exception, exceptionSchema } from './exception.ts';
import { unobservedIn } from './match-section.ts';
import { autogenKinds } from './pod-view.ts';
import { compileRule, type Rule, type RuleSection, ruleSchema } from './rule.ts';

const policySchema = z.strictObject({
  apiVersion: text,
  kind: z.enum(['ClusterPolicy', 'Policy']),
  metadata: metadataSchema,
  /** What is not about rules says how the admission controller runs them. */
  spec: z.looseObject({ rules: z.array(ruleSchema).min(1) }),
  status: z.unknown().optional(),
});

type Policy = z.infer<typeof policySchema>;

export const kyvernoPolicies: PolicyLanguage = {
  kinds: ['ClusterPolicy', 'Policy', 'PolicyException'],
  takes: ({ group, kind }) => group === 'kyverno.io' && ['ClusterPolicy', 'Policy', 'PolicyException'].includes(kind),
  load(documents, context) {
    const loading = new Loading(context);
    loading.read(documents);
    return { controls: loading.controls, problems: loading.problems, notes: loading.notes } satisfies LanguageResult;
  },
};

class Loading {
  readonly controls: LoadedControl[] = [];
  readonly problems: PolicyProblem[] = [];
  readonly notes: PolicyProblem[] = [];
  readonly #context: LoadContext;
  readonly #exceptions: { readonly exception: Exception; readonly value: unknown }[] = [];

  constructor(context: LoadContext) {
    this.#context = context;
  }

  read(documents: readonly YamlFile[]): void {
    const isException = ({ value }: YamlFile) => (value as { kind?: unknown }).kind === 'PolicyException';
    for (const file of documents.filter(isException)) this.#readException(file);
    for (const file of documents.filter((one) => !isException(one))) this.#readPolicy(file);
  }

  #readException(file: YamlFile): void {
    const shape = readShape(exceptionSchema, file);
    if ('problems' in shape) this.problems.push(...shape.problems);
    else
      this.#attempt(file, ['spec'], () => {
        this.#exceptions.push({ exception: compileException(shape.value), value: shape.value });
      });
  }

  #readPolicy(file: YamlFile): void {
    const shape = readShape(policySchema, file);
    if ('problems' in shape) {
      this.problems.push(...shape.problems);
      return;
    }
    for (const [index, section] of shape.value.spec.rules.entries()) {
      const keys = ['spec', 'rules', index];
      const other = (['mutate', 'generate', 'verifyImages'] as const).find((key) => section[key] !== undefined);
      if (section.validate === undefined) {
        const what = other ?? 'a rule without validate';
        this.notes.push(problemAt(file, keys, 'not-evaluated', `${section.name}: ${what} is not evaluated`));
      } else this.#attempt(file, keys, () => this.#readRule(file, shape.value, { section, keys }));
    }
  }

  #readRule(
    file: YamlFile,
    policy: Policy,
    { section, keys }: { section: RuleSection; keys: readonly PropertyKey[] },
  ): void {
    const within = [...keys, 'validate'];
    const shape = readShape(validateSchema, partOf(file, within, section.validate));
    if ('problems' in shape) {
      this.problems.push(...shape.problems);
      return;
    }
    const compiled = compileBody(shape.value, section, this.#context.controls);
    if ('problems' in compiled) {
      this.problems.push(
        ...celProblems(file, compiled.problems, ([list, ...rest]) => {
          if (list === 'matchConditions') return [...keys, 'celPreconditions', ...rest];
          return [...within, 'cel', list === 'validations' ? 'expressions' : (list ?? ''), ...rest];
        }),
      );
      return;
    }
    const name = policyName(policy);
    const exceptions = this.#exceptions.filter(({ exception }) => exception.isAbout(name, section.name));
    const rule = compileRule({
      section,
      body: compiled.body,
      autogen: autogenKinds(policy as unknown as JsonObject),
      namespace: policy.kind === 'Policy' ? (policy.metadata.namespace ?? 'default') : undefined,
      isExcepted: (object, view) => exceptions.some(({ exception }) => exception.excepts(object, view)),
    });
    const readsCluster = rule.readsCluster || exceptions.some(({ exception }) => exception.readsCluster);
    // Our own controls answer a podSecurity rule.
    const answering = shape.value.podSecurity === undefined ? [] : this.#context.controls.map((one) => one.digest);
    const digest = this.#context.source.sha256(
      canonicalJson([policy, section.name, exceptions.map(({ value }) => value), answering] as unknown as Json),
    );
    const unobserved = unobservedIn(section.match);
    if (unobserved.length > 0) {
      const reason = `${section.name}: ${unobservedReason(unobserved)}`;
      this.notes.push(problemAt(file, [...keys, 'match'], 'not-evaluated', reason));
    }
    const isOfChange = compiled.isOfChange || rule.readsRequester || !rule.isOfState;
    const isOfBoth = compiled.readsOperation || rule.isOfDeletion;
    const control = createControl(
      { policy, section, rule, digest },
      {
        readsCluster,
        // What an exception asks is not known here.
        hasReads: exceptions.length === 0,
        judges: isOfChange ? 'change' : isOfBoth ? 'both' : undefined,
      },
    );
    this.controls.push({
      control,
      at: { file: file.path, ...file.at([...keys, 'name']) },
      cases: () => [],
      withParams: () => control,
    });
  }

  /** What throws when it is compiled is not supported: the reason becomes a problem where it is. */
  #attempt(file: YamlFile, keys: readonly PropertyKey[], compile: () => void): void {
    try {
      compile();
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      this.problems.push(problemAt(file, keys, 'not-supported', reason));
    }
  }
}

function policyName({ kind, metadata }: Policy): string {
  return kind === 'Policy' ? `${metadata.namespace ?? 'default'}/${metadata.name}` : metadata.name;
}

type Parts = { readonly policy: Policy; readonly section: RuleSection; readonly rule: Rule; readonly digest: string };

function createControl(
  { policy, section, rule, digest }: Parts,
  {
    readsCluster,
    hasReads,
    judges,
  }: { readonly readsCluster: boolean; readonly hasReads: boolean; readonly judges: CompiledControl['judges'] },
): CompiledControl {
  const id = `kyverno/${policyName(policy)}/${section.name}`;
  const message = section.validate?.['message'];
  const common = {
    meta: policyMeta({
      id,
      title: `${policyName(policy)}: ${section.name}`,
      ...(typeof message === 'string' ? { description: message } : {}),
      policy: policy as unknown as JsonObject,
    }),
    language: 'kyverno',
    kinds: [],
    digest,
    evaluateChange: rule.evaluate,
    ...(judges === undefined ? {} : { judges, judgesChangesOf: rule.judgesKind }),
  } as const;
  if (judges === 'change') return { ...common, selfContained: false, evaluate: () => ({ verdict: 'not-applicable' }) };
  return {
    ...common,
    judgesKind: rule.judgesKind,
    ...(hasReads ? { reads: rule.reads } : {}),
    selfContained: !readsCluster,
    evaluate: (object, view) => rule.evaluate(creationOf(object, objectKeyOf(object)), view),
  };
}
