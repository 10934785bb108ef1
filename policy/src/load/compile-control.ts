/** One control file becomes a control that can run. */
import { canonicalJson, type JsonObject } from '@driftline/proto';
import type { CompiledControl, ControlMeta } from '../contract.ts';
import { admissionControl } from '../language/admission/admission-control.ts';
import { compileCelPolicy } from '../language/admission/cel-policy.ts';
import { celProblems } from '../language/admission/cel-problems.ts';
import { createResourceMatch } from '../language/admission/match-resources.ts';
import { admissionScope } from '../language/admission/request.ts';
import { compileCelControl } from '../language/compile-cel-control.ts';
import { compileRelation, type ControlParts } from '../language/compile-relation.ts';
import { compileRegoControl } from '../language/rego/compile-rego-control.ts';
import { createMatch } from '../language/match.ts';
import type { LoadContext, LoadedControl } from './bundle.ts';
import {
  type AdmissionSection,
  type ControlCase,
  controlFileSchema,
  type ControlHead,
  controlHeadSchema,
} from './control-file.ts';
import type { FrameworkFile } from './framework-file.ts';
import type { PolicyProblem } from './problem.ts';
import { readShape } from './read-shape.ts';
import { problemAt, type YamlFile } from './yaml-file.ts';

export function compileControl(
  file: YamlFile,
  context: LoadContext,
): LoadedControl | { readonly problems: readonly PolicyProblem[] } {
  const shape = readControl(file);
  if ('problems' in shape) return shape;
  const { data, cases } = shape;
  const problems = requirementProblems(file, data, context.frameworks);
  const params = { ...toParams(data.params), ...context.source.params?.[data.id] };
  const compiled = compile(file, data, { params, context });
  if ('problems' in compiled) return { problems: [...problems, ...compiled.problems] };
  if (problems.length > 0) return { problems };
  return {
    control: compiled.control,
    at: { file: file.path, ...file.at(['id']) },
    cases,
    ...(data.admission === undefined ? {} : { admission: data.admission }),
    ...(data.cel === undefined ? {} : { source: { section: data.cel, match: data.match, params } }),
    withParams(others) {
      const again = compile(file, data, { params: { ...params, ...others }, context });
      return 'control' in again ? again.control : compiled.control;
    },
  };
}

type ReadControl = { readonly data: ControlHead; readonly cases: () => readonly ControlCase[] };

function readControl(file: YamlFile): ReadControl | { readonly problems: readonly PolicyProblem[] } {
  const { whole } = file;
  if (whole === undefined) {
    const shape = readShape(controlFileSchema, file);
    if ('problems' in shape) return shape;
    const { cases, ...data } = shape.value;
    return { data, cases: () => cases };
  }
  const shape = readShape(controlHeadSchema, file);
  if ('problems' in shape) return shape;
  let cases: readonly ControlCase[] | undefined;
  return { data: shape.value, cases: () => (cases ??= casesOf(whole())) };
}

/** Of a file whose cases were trusted. */
function casesOf(file: YamlFile): readonly ControlCase[] {
  const shape = readShape(controlFileSchema, file);
  if ('value' in shape) return shape.value.cases;
  const [problem] = shape.problems;
  throw new Error(`${file.path}:${problem?.line ?? 1}: ${problem?.reason ?? 'its cases cannot be read'}`);
}

type CompileInput = { readonly params: JsonObject; readonly context: LoadContext };
type Compilation = { readonly control: CompiledControl } | { readonly problems: readonly PolicyProblem[] };

function compile(file: YamlFile, data: ControlHead, { params, context }: CompileInput): Compilation {
  const { source, sources } = context;
  const isRelation = data.relation !== undefined;
  const parts: ControlParts = {
    meta: metaOf(data),
    match: createMatch(data.match),
    params,
    digest: source.sha256(canonicalJson([data as unknown as JsonObject, params, isRelation ? sources : ''])),
  };
  if (data.cel !== undefined) {
    const compiled = compileCelControl(parts, data.cel);
    if ('control' in compiled) return compiled;
    return {
      problems: compiled.problems.map(({ keys, reason, line, column }) => ({
        code: 'bad-cel',
        file: file.path,
        ...file.within(keys, { line, column }),
        reason: `${String(keys.at(-1))}: ${reason}`,
      })),
    };
  }
  if (data.admission !== undefined) return compileAdmission(file, data.admission, parts);
  if (data.rego !== undefined) return compileRego(file, data.rego, { parts, context });
  const relation = source.relations.find(({ name }) => name === data.relation);
  if (relation !== undefined) return { control: compileRelation(parts, relation) };
  return {
    problems: [
      problemAt(file, ['relation'], 'unknown-relation', `there is no relation control ${data.relation ?? ''}`),
    ],
  };
}

function compileAdmission(file: YamlFile, section: AdmissionSection, { meta, digest }: ControlParts): Compilation {
  const compiled = compileCelPolicy(section, { scope: admissionScope, isStrict: true });
  if ('problems' in compiled)
    return { problems: celProblems(file, compiled.problems, (keys) => ['admission', ...keys]) };
  const matches = [createResourceMatch(section.matchConstraints)];
  const language = 'validating-admission-policy';
  const control = admissionControl({ meta, language, cel: compiled.policy, params: undefined, matches });
  if (control.judges === 'change') return { control: { ...control, digest } };
  const reason = 'it reads neither oldObject nor who asks, so it is about states: write it as cel';
  return { problems: [problemAt(file, ['admission'], 'not-supported', reason)] };
}

function compileRego(
  file: YamlFile,
  { bundle, entrypoint, input }: NonNullable<ControlHead['rego']>,
  { parts, context }: { readonly parts: ControlParts; readonly context: LoadContext },
): Compilation {
  const folder = file.path.slice(0, file.path.lastIndexOf('/') + 1);
  const rule = context.rego.at(`${folder}${bundle}`, entrypoint);
  if ('reason' in rule) return { problems: [problemAt(file, ['rego'], 'bad-rego', rule.reason)] };
  const digest = context.source.sha256(`${parts.digest}${rule.digest}`);
  return { control: compileRegoControl({ ...parts, digest }, rule, input) };
}

function metaOf(data: ControlHead): ControlMeta {
  const { id, title, severity, weight, category, rationale, remediation, references, frameworks } = data;
  return Object.freeze({
    id,
    title,
    severity,
    weight,
    category,
    rationale,
    remediation,
    references,
    frameworks: Object.entries(frameworks).map(([framework, requirements]) => ({ framework, requirements })),
  });
}

function requirementProblems(
  file: YamlFile,
  data: ControlHead,
  frameworks: ReadonlyMap<string, FrameworkFile>,
): readonly PolicyProblem[] {
  return Object.entries(data.frameworks).flatMap(([id, requirements]) => {
    const framework = frameworks.get(id);
    if (framework === undefined)
      return [problemAt(file, ['frameworks', id], 'unknown-requirement', `there is no framework ${id}`)];
    return requirements.flatMap((requirement, index) => {
      const known = framework.requirements.find((one) => one.id === requirement);
      const refuse = (reason: string) => [problemAt(file, ['frameworks', id, index], 'unknown-requirement', reason)];
      if (known === undefined) return refuse(`${id} has no requirement ${requirement}`);
      return known.cannotShow === undefined
        ? []
        : refuse(`${id} ${requirement} cannot be shown by a control: ${known.cannotShow}`);
    });
  });
}

/** zod answers with records; the type says the same. */
function toParams(params: ControlHead['params']): JsonObject {
  return (params ?? {}) as JsonObject;
}
