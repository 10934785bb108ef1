/**
 * Gatekeeper's ConstraintTemplates and constraints. A constraint becomes a control. Of the code of its template the part
 * for the engine K8sNativeValidation (CEL) runs, else the Rego where a compiled bundle is given.
 */
import { canonicalJson, type Json, type JsonObject } from '@driftline/proto';
import type { CompiledControl, OwnReads, RequestedChange, TrackedView, Verdict } from '../../contract.ts';
import { dynType } from '../../cel/index.ts';
import type { LoadContext, LoadedControl } from '../../load/bundle.ts';
import type { LanguageResult, PolicyLanguage } from '../../load/policy-language.ts';
import { policyMeta } from '../../load/policy-meta.ts';
import type { PolicyProblem } from '../../load/problem.ts';
import { readShape } from '../../load/read-shape.ts';
import { partOf, problemAt, type YamlFile } from '../../load/yaml-file.ts';
import { type CelPolicy, compileCelPolicy } from '../admission/cel-policy.ts';
import { celProblems } from '../admission/cel-problems.ts';
import { userInfoOf } from '../admission/asked.ts';
import {
  admissionScope,
  bindingsOf,
  creationOf,
  readOfChange,
  readsOfState,
  readsOperation,
} from '../admission/request.ts';
import { failed } from '../admission/verdict.ts';
import { objectAt, objectKeyOf } from '../read-json.ts';
import { reviewInput } from '../rego/compile-rego-control.ts';
import type { RegoRule } from '../rego/rego-modules.ts';
import { regoVerdict } from '../rego/rego-verdict.ts';
import { unobservedReason, unobservedRequests } from '../unobserved-requests.ts';
import { createConstraintMatch } from './constraint-match.ts';
import {
  type Constraint,
  constraintSchema,
  nativeEngine,
  nativeSourceSchema,
  regoEngine,
  type Template,
  templateSchema,
} from './constraint-template.ts';
import { withDefaults } from './default-parameters.ts';

const templateGroup = 'templates.gatekeeper.sh';
const constraintGroup = 'constraints.gatekeeper.sh';

export const gatekeeper: PolicyLanguage = {
  kinds: ['ConstraintTemplate', `constraints (${constraintGroup})`],
  takes: ({ group, kind }) => group === constraintGroup || (group === templateGroup && kind === 'ConstraintTemplate'),
  load(documents, context) {
    const loading = new Loading(context);
    loading.read(documents);
    return loading.result();
  },
};

type Code = { readonly cel: CelPolicy } | { readonly rego: RegoRule; readonly source: string };
type LoadedTemplate = { readonly file: YamlFile; readonly template: Template; readonly code: Code | undefined };

/** Variables that Gatekeeper itself defines, before those of the template. */
const given = { anyObject: dynType, params: dynType };

class Loading {
  readonly #context: LoadContext;
  readonly #templates = new Map<string, LoadedTemplate>();
  readonly #controls: LoadedControl[] = [];
  readonly #problems: PolicyProblem[] = [];
  readonly #notes: PolicyProblem[] = [];
  readonly #used = new Set<string>();

  constructor(context: LoadContext) {
    this.#context = context;
  }

  read(documents: readonly YamlFile[]): void {
    const isTemplate = ({ value }: YamlFile) => (value as { kind?: unknown }).kind === 'ConstraintTemplate';
    for (const file of documents.filter(isTemplate)) this.#readTemplate(file);
    for (const file of documents.filter((file) => !isTemplate(file))) this.#readConstraint(file);
    for (const [kind, { file }] of this.#templates) {
      if (!this.#used.has(kind))
        this.#note(file, ['metadata', 'name'], `the template ${kind} has no constraint, so it is about nothing`);
    }
  }

  result(): LanguageResult {
    return { controls: this.#controls, problems: this.#problems, notes: this.#notes };
  }

  #readTemplate(file: YamlFile): void {
    const shape = readShape(templateSchema, file);
    if ('problems' in shape) {
      this.#problems.push(...shape.problems);
      return;
    }
    const template = shape.value;
    const { kind } = template.spec.crd.spec.names;
    const other = this.#templates.get(kind);
    if (other === undefined) this.#templates.set(kind, { file, template, code: this.#compile(file, template) });
    else
      this.#refuse(
        file,
        ['spec', 'crd', 'spec', 'names', 'kind'],
        'duplicate',
        `${kind} is in ${other.file.path} already`,
      );
  }

  /** What runs of a template: its CEL, else its Rego where that is in a compiled bundle. Undefined after a problem. */
  #compile(file: YamlFile, template: Template): Code | undefined {
    const code = template.spec.targets[0]?.code ?? [];
    const index = code.findIndex(({ engine }) => engine === nativeEngine);
    if (index === -1) return this.#findRego(file, template);
    const keys = ['spec', 'targets', 0, 'code', index, 'source'];
    const source = readShape(nativeSourceSchema, partOf(file, keys, code[index]?.source));
    if ('problems' in source) {
      this.#problems.push(...source.problems);
      return undefined;
    }
    const compiled = compileCelPolicy(source.value, { scope: admissionScope, given });
    if ('policy' in compiled) return { cel: compiled.policy };
    this.#problems.push(...celProblems(file, compiled.problems, (within) => [...keys, ...within]));
    return undefined;
  }

  #findRego(file: YamlFile, template: Template): Code | undefined {
    const source = regoOf(template);
    const keys = ['spec', 'targets', 0];
    const name = /^\s*package\s+([\w.]+)/m.exec(source)?.[1]?.replaceAll('.', '/');
    if (name === undefined)
      this.#refuse(file, keys, 'not-supported', `it has code neither for ${nativeEngine} nor in Rego`);
    else if (/\bdata\.inventory\b/.test(source))
      this.#refuse(file, keys, 'not-supported', 'Rego that reads data.inventory is not supported');
    else {
      const rule = this.#context.rego.withEntrypoint(`${name}/violation`);
      if (!('reason' in rule)) return { rego: rule, source };
      const how = `compile it: opa build -t wasm -e ${name}/violation`;
      this.#refuse(file, keys, 'bad-rego', `its Rego runs only as a compiled bundle, and ${rule.reason}; ${how}`);
    }
    return undefined;
  }

  #readConstraint(file: YamlFile): void {
    const shape = readShape(constraintSchema, file);
    if ('problems' in shape) {
      this.#problems.push(...shape.problems);
      return;
    }
    const constraint = shape.value;
    const loaded = this.#templates.get(constraint.kind);
    this.#used.add(constraint.kind);
    if (loaded === undefined) {
      this.#refuse(file, ['kind'], 'unknown-reference', `there is no template that defines ${constraint.kind}`);
      return;
    }
    const { code } = loaded;
    if (code === undefined) return;
    const kinds = constraint.spec?.match?.kinds ?? [];
    const unobserved = unobservedRequests(kinds.map((one) => ({ names: one.kinds })));
    if (unobserved.length > 0) this.#note(file, ['spec', 'match', 'kinds'], unobservedReason(unobserved));
    const digest = this.#context.source.sha256(
      canonicalJson([loaded.template, constraint, 'rego' in code ? code.rego.digest : ''] as unknown as Json),
    );
    const control = { ...createControl(constraint, loaded.template, code), digest };
    this.#controls.push({
      control,
      at: { file: file.path, ...file.at(['metadata', 'name']) },
      cases: () => [],
      withParams: () => control,
    });
  }

  #refuse(file: YamlFile, keys: readonly PropertyKey[], code: PolicyProblem['code'], reason: string): void {
    this.#problems.push(problemAt(file, keys, code, reason));
  }

  #note(file: YamlFile, keys: readonly PropertyKey[], reason: string): void {
    this.#notes.push(problemAt(file, keys, 'not-evaluated', reason));
  }
}

function regoOf({ spec }: Template): string {
  const [target] = spec.targets;
  const code = target?.code?.find(({ engine }) => engine === regoEngine)?.source['rego'];
  return typeof code === 'string' ? code : (target?.rego ?? '');
}

function createControl(constraint: Constraint, template: Template, code: Code): CompiledControl {
  const { kind, metadata, spec } = constraint;
  const match = createConstraintMatch(spec?.match ?? {});
  const schema = template.spec.crd.spec.validation?.openAPIV3Schema as JsonObject | undefined;
  const parameters = withDefaults((spec?.parameters ?? {}) as JsonObject, schema) as JsonObject;
  const params = { ...constraint, spec: { ...spec, parameters } } as unknown as JsonObject;
  const readsNamespace = 'cel' in code && code.cel.readsNamespace;
  const title = `${kind} ${metadata.name}`;
  const evaluateChange = (change: RequestedChange, view: TrackedView): Verdict => {
    const object = change.object ?? change.oldObject ?? {};
    const key = objectKeyOf(object);
    if (!match.appliesTo(object, key, view)) return { verdict: 'not-applicable' };
    if ('rego' in code) {
      const { module, entrypoint } = code.rego;
      const input = reviewInput(object, regoRequest(change, code.source), parameters);
      return regoVerdict(module.evaluate(entrypoint, input), object, title);
    }
    const bindings = { ...bindingsOf(code.cel, change, { key, view }), params };
    const input = { bindings, given: { anyObject: object, params: parameters } };
    const reasons = code.cel.evaluate(input);
    return reasons === undefined ? { verdict: 'not-applicable' } : failed(reasons);
  };
  return {
    meta: policyMeta({
      id: `gatekeeper/${kind}/${metadata.name}`,
      title,
      policy: mergedAnnotations(template, constraint),
    }),
    language: 'gatekeeper',
    kinds: [],
    judgesKind: (one) => match.judgesKind(one),
    ...('cel' in code ? { reads: () => readsOf(code.cel) } : {}),
    selfContained: !match.readsNamespace && !readsNamespace,
    evaluate: (object, view) => evaluateChange(creationOf(object, objectKeyOf(object)), view),
    evaluateChange,
    ...(readsRequest(code) ? { judges: 'both', judgesChangesOf: (one) => match.judgesKind(one) } : {}),
  };
}

/** What Rego reads is not known. */
function readsOf({ paths }: CelPolicy): OwnReads {
  const named = paths.map((path) =>
    path[0] === 'variables' && path[1] === 'anyObject' ? ['object', ...path.slice(2)] : path,
  );
  return { deciding: readsOfState(named), telling: [] };
}

/** Templates are written for the audit of states, too: one that reads the request has something to say of both. */
function readsRequest(code: Code): boolean {
  if ('rego' in code) return /\b(?:oldObject|operation|userInfo)\b/.test(code.source);
  return readOfChange(code.cel.paths) !== undefined || readsOperation(code.cel.paths);
}

/** Rego takes what is not there for undefined: it is not asked while what it reads is not known. Throws NotKnown. */
function regoRequest(change: RequestedChange, source: string): JsonObject {
  const { request, oldObject } = change;
  const asked = { ...request, oldObject };
  if (change.asking === undefined || !/\buserInfo\b/.test(source)) return asked;
  const fields = ['username', 'groups', 'uid', 'extra'].filter(
    (field) => field === 'username' || new RegExp(`\\b${field}\\b`).test(source),
  );
  const userInfo = userInfoOf(change);
  return { ...asked, userInfo: Object.fromEntries(fields.map((field) => [field, userInfo?.[field] ?? null])) };
}

/** What the constraint says of itself goes before what its template says. */
function mergedAnnotations(template: Template, constraint: Constraint): JsonObject {
  const annotations = (document: Template | Constraint) =>
    objectAt(document as unknown as JsonObject, 'metadata', 'annotations') ?? {};
  return { metadata: { annotations: { ...annotations(template), ...annotations(constraint) } } };
}
