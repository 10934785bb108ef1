/** A CEL control from its `cel` section. CONTROLS.md says what the section means. */
import type { Json, JsonObject } from '@driftline/proto';
import type { CompiledControl, ObjectKey, TrackedView, Verdict, Violation } from '../contract.ts';
import { engineLimits } from '../engine/limits.ts';
import type { CelSection } from '../load/control-file.ts';
import { LazyFields, toJson, type Value } from '../cel/index.ts';
import {
  type Bindings,
  type Budget,
  EvaluationError,
  evaluateBool,
  maxCostPerEvaluation,
} from './compile-expression.ts';
import { type CelProblem, compileCelSection, type CompiledSection, type Validation } from './compile-cel-section.ts';
import type { ControlParts } from './compile-relation.ts';
import { valueAtFieldPath, valueText } from './field-value.ts';
import { ownReadsOf } from './own-reads.ts';
import { type Item, itemsOf, type SubjectContext, subjectContext } from './subject-context.ts';

export type CelCompilation = { readonly control: CompiledControl } | { readonly problems: readonly CelProblem[] };

export function compileCelControl(parts: ControlParts, section: CelSection): CelCompilation {
  const { meta, match, digest, params } = parts;
  const result = compileCelSection(section, { isPodBearing: match.isPodBearing, params });
  if ('problems' in result) return result;
  const { compiled } = result;
  return {
    control: {
      meta,
      language: 'cel',
      kinds: match.kinds,
      selfContained: !compiled.readsNamespace,
      digest,
      reads: (kind) => ownReadsOf(compiled, kind),
      evaluate(object, view) {
        const context = subjectContext(object);
        if (!match.appliesTo(context) || (match.isPodBearing && context.pod === undefined)) return notApplicable;
        return judge({ compiled, parts, object, context }, view);
      },
    },
  };
}

const notApplicable: Verdict = { verdict: 'not-applicable' };
const pass: Verdict = { verdict: 'pass' };

type Judged = {
  readonly compiled: CompiledSection;
  readonly parts: ControlParts;
  readonly object: JsonObject;
  readonly context: SubjectContext;
};

function judge(judged: Judged, view: TrackedView): Verdict {
  const { compiled, context } = judged;
  const budget: Budget = { left: maxCostPerEvaluation };
  const bindings = bindingsOf(judged, view, budget);
  for (const condition of compiled.conditions) if (!evaluateBool(condition, bindings, budget)) return notApplicable;
  for (const { expression, reason } of compiled.assessable) {
    if (!evaluateBool(expression, bindings, budget)) return { verdict: 'not-assessable', reason };
  }
  const violations: Violation[] = [];
  const { each } = compiled;
  if (each === undefined) validate(judged, { bindings, path: '', item: undefined, budget }, violations);
  else {
    const isOfPod = each.podLists !== undefined;
    const items = isOfPod ? context.podItems(each.podLists) : listedItems(compiled, bindings, budget);
    for (const { value, path, index } of items) {
      bindings[each.as] = value;
      bindings[each.pathName] = path;
      bindings[each.indexName] = index;
      validate(judged, { bindings, path, item: isOfPod ? value : undefined, budget }, violations);
    }
  }
  return violations.length === 0 ? pass : { verdict: 'fail', violations };
}

/** What validations run on: the object, or an item of `each`. */
type Ground = {
  readonly bindings: Bindings;
  readonly path: string;
  /** What is at the path, where that is sure: an author's `each.path` need not lead to the items. */
  readonly item: Json | undefined;
  readonly budget: Budget;
};

function validate({ compiled, object, parts }: Judged, ground: Ground, violations: Violation[]): void {
  for (const validation of compiled.validations) {
    if (evaluateBool(validation.expression, ground.bindings, ground.budget)) continue;
    const violation = violationOf(validation, ground, object);
    violations.push(violation.reason === '' ? { ...violation, reason: `fails: ${parts.meta.title}` } : violation);
  }
}

/** Always of one shape, which is what makes reading it fast; undefined is unbound. */
function bindingsOf(
  { compiled, parts, object, context }: Judged,
  view: TrackedView,
  budget: Budget,
): Record<string, Value> {
  const { key, pod } = context;
  const bindings: Record<string, Value> = {
    object,
    params: parts.params,
    variables: undefined,
    namespaceObject: undefined,
    podSpec: pod?.spec,
    podMeta: pod?.meta,
    podPath: pod?.specPath,
    podMetaPath: pod?.metaPath,
  };
  if (compiled.variables.size > 0) {
    bindings['variables'] = new LazyFields((name) => compiled.variables.get(name)?.evaluateLazily(bindings, budget));
  }
  if (compiled.readsNamespace) {
    const namespace: ObjectKey = { group: '', kind: 'Namespace', namespace: '', name: key.namespace };
    bindings['namespaceObject'] = key.namespace === '' ? null : (view.get(namespace) ?? null);
  }
  return bindings;
}

function listedItems({ items, itemsPath }: CompiledSection, bindings: Bindings, budget: Budget): readonly Item[] {
  const values = items?.evaluate(bindings, budget);
  if (!Array.isArray(values)) throw new EvaluationError('each.in must give a list');
  return itemsOf(values as readonly Json[], itemsPath?.fill(bindings) ?? '');
}

const shownText = (value: Json | undefined): string => valueText(value, engineLimits.maxValueLength);

function violationOf(validation: Validation, ground: Ground, object: JsonObject): Violation {
  const { bindings, budget } = ground;
  const path = pathOf(validation, ground);
  const reason = reasonOf(validation, ground);
  if (validation.value !== undefined)
    return { path, value: shownText(toJson(validation.value.evaluate(bindings, budget)) as Json), reason };
  return { path, value: path === '' ? '' : shownText(valueAt(validation, { ...ground, path }, object)), reason };
}

/** The value at a violation's path. Names of items can be anything, so the way to an item is not looked up again. */
function valueAt(
  { path: template, pathExpression }: Validation,
  { path, item }: Ground,
  object: JsonObject,
): Json | undefined {
  if (item === undefined || pathExpression !== undefined) return valueAtFieldPath(object, path);
  if (template === undefined) return item;
  return template.afterItem === undefined ? valueAtFieldPath(object, path) : valueAtFieldPath(item, template.afterItem);
}

function pathOf({ path, pathExpression }: Validation, ground: Ground): string {
  if (path !== undefined) return path.fill(ground.bindings);
  if (pathExpression === undefined) return ground.path;
  const made = pathExpression.evaluate(ground.bindings, ground.budget);
  if (typeof made !== 'string') throw new EvaluationError('pathExpression must give a string');
  return made;
}

/** As in ValidatingAdmissionPolicy: a message expression that fails gives way to the message. */
function reasonOf({ message, messageExpression }: Validation, { bindings, budget }: Ground): string {
  if (messageExpression === undefined) return message;
  const text = messageExpression.evaluateLazily(bindings, budget);
  return typeof text === 'string' && text.trim() !== '' ? text : message;
}
