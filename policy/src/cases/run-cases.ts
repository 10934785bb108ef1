/**
 * The cases of control files, run as the engine would: the first object judged, the others the cluster around it; or a
 * change judged, in the cluster before it.
 */
import type { Json, JsonObject } from '@driftline/proto';
import { clusterView } from '../change/cluster-view.ts';
import { createChangeJudge } from '../change/judge-change.ts';
import type { CompiledControl, GroupKind, ObjectChange, Verdict } from '../contract.ts';
import { createEngine } from '../engine/engine.ts';
import { compareKeys } from '../engine/graph.ts';
import { resourceNameOf } from '../language/admission/resource-name.ts';
import { objectKeyOf, stringAt } from '../language/read-json.ts';
import type { Bundle, LoadedControl } from '../load/bundle.ts';
import type { ControlCase } from '../load/control-file.ts';

export type CaseResult = {
  readonly control: string;
  readonly file: string;
  readonly name: string;
  readonly ok: boolean;
  /** What was expected and what came; '' when ok. */
  readonly difference: string;
};

/** 2030-01-01T00:00:00Z: what time it is in a case that does not say. */
export const defaultCaseTimeMs = 1_893_456_000_000;

/** parseTime: ISO 8601 text → ms since the Unix epoch. */
export function runCases(bundle: Bundle, parseTime: (iso: string) => number): readonly CaseResult[] {
  return bundle.controls.flatMap((loaded) => loaded.cases().map((one) => runCase(loaded, one, parseTime)));
}

function runCase(loaded: LoadedControl, one: ControlCase, parseTime: (iso: string) => number): CaseResult {
  const control = one.params === undefined ? loaded.control : loaded.withParams(one.params as JsonObject);
  const nowMs = one.now === undefined ? defaultCaseTimeMs : parseTime(one.now);
  const expected = describeExpected(one);
  const answer = one.change === undefined ? judgeFirst(control, one, nowMs) : judgeChange(control, one, nowMs);
  const actual = one.violations === undefined && one.expect === 'fail' ? (answer.split(' ')[0] ?? '') : answer;
  const isReasoned = one.expect === 'not-assessable' || one.expect === 'unjudged';
  const ok = actual === expected || (isReasoned && answer.startsWith(`${one.expect}: `));
  return {
    control: control.meta.id,
    file: loaded.at.file,
    name: one.name,
    ok,
    difference: ok ? '' : `expected ${expected}, got ${answer}`,
  };
}

function describeExpected({ expect, violations }: ControlCase): string {
  return violations === undefined ? expect : `fail ${pathsText(violations)}`;
}

function pathsText(paths: readonly string[]): string {
  return JSON.stringify([...paths].sort());
}

/** `pass`, `not-applicable`, `fail ["path"]`, `not-assessable: why`, `unjudged: why`. */
function judgeFirst(control: CompiledControl, one: ControlCase, nowMs: number): string {
  const objects = one.objects as readonly JsonObject[];
  const first = objects[0];
  if (first === undefined) return 'no object';
  const key = objectKeyOf(first);
  if (!control.kinds.some((kind) => kind.group === key.group && kind.kind === key.kind)) return 'not-applicable';
  const engine = createEngine({ controls: [control], covers: (kind) => covers(one, kind) });
  engine.apply(objects.map(changeOf), nowMs);
  return textOf(engine.verdict(key, control.meta.id));
}

function judgeChange(control: CompiledControl, one: ControlCase, nowMs: number): string {
  const { object = null, oldObject = null, user, groups } = one.change ?? {};
  const forms = { object: object as JsonObject | null, oldObject: oldObject as JsonObject | null };
  const key = objectKeyOf(forms.object ?? forms.oldObject ?? {});
  const resource = resourceNameOf(key.kind);
  if (control.judgesChangesOf?.({ ...key, resource }) !== true) return 'not-applicable';
  const objects = one.objects as readonly JsonObject[];
  const view = clusterView(
    {
      get: (wanted) => objects.find((other) => compareKeys(objectKeyOf(other), wanted) === 0),
      list: (kind, namespace) =>
        objects.filter((other) => {
          const { group, kind: name, namespace: within } = objectKeyOf(other);
          return group === kind.group && name === kind.kind && (namespace ?? within) === within;
        }),
      covers: (kind) => covers(one, kind),
    },
    nowMs,
  );
  const judge = createChangeJudge({ key: { ...key, resource }, ...forms });
  const { verdict, kept } = judge.judge(control, view, nowMs);
  if (kept === undefined || user === undefined) return textOf(verdict);
  return textOf(judge.judgeAgain(control, kept, { username: user, groups }));
}

function covers({ uncovered = [] }: ControlCase, kind: GroupKind): boolean {
  return !uncovered.some((other) => other.group === kind.group && other.kind === kind.kind);
}

function textOf(verdict: Verdict | undefined): string {
  if (verdict?.verdict === 'fail') return `fail ${pathsText(verdict.violations.map(({ path }) => path))}`;
  if (verdict?.verdict === 'not-assessable' || verdict?.verdict === 'unjudged')
    return `${verdict.verdict}: ${verdict.reason}`;
  return verdict?.verdict ?? 'no verdict';
}

function changeOf(object: Json, index: number): ObjectChange {
  const body = object as JsonObject;
  return { key: objectKeyOf(body), uid: stringAt(body, 'metadata', 'uid') || `case-${index}`, after: body };
}
