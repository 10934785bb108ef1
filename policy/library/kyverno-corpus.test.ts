/**
 * The assertions of a public policy library, each answered by its own policy. What is judged must be judged as the library
 * expects; what is not judged must have one of the reasons below, which AGREEMENT.md counts.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import {
  type BundleResult,
  type CompiledControl,
  createEngine,
  loadBundle,
  objectKeyOf,
  type PolicyFile,
  problemText,
  type TrackedView,
} from '@driftline/policy';
import { libraryFolder, policyFilesIn } from './read-library.ts';
import { assertPublished, byCount } from './testing/agreement-page.ts';

const corpora = process.env.DRIFTLINE_CORPORA;
const skip = corpora === undefined ? 'DRIFTLINE_CORPORA is not set: 2,259 policy assertions not run' : false;

type Case = {
  readonly policy: string;
  /** Null for all rules of the policy. */
  readonly rule: string | null;
  readonly resource: string;
  readonly kind: string | null;
  readonly expect: 'pass' | 'fail' | 'skip';
  readonly policies: readonly string[];
  readonly resources: readonly string[];
};

type Documents = ReadonlyMap<string, readonly JsonObject[]>;

function lines(file: string): readonly unknown[] {
  return readFileSync(join(corpora ?? '', 'kyverno', file), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const agreed = 'judged as expected';

/** Why an assertion is not judged → what its answer looks like. The first that fits counts. */
const reasons: readonly (readonly [reason: string, answer: RegExp])[] = [
  ['the policy changes objects', /mutate is not evaluated|MutatingPolicy/],
  ['the policy asks the API server (apiCall)', /apiCall is not supported/],
  ['the policy asks an image registry', /imageRegistry is not supported|'(image|resource)'/],
  ["the policy uses Kyverno's own CEL functions", /'parseServiceAccount'/],
  ['the case makes up a ConfigMap', /there is no ConfigMap/],
  ['the case makes up who asks', /^changes: /],
  ['an expression without a value is a refusal there', /^unjudged: no such overload: map is not bool/],
  ['the case names a rule that its policy does not have', /^no such rule/],
];

test('every assertion is judged as expected, or is not judged for a reason', { skip }, async () => {
  const files = lines('files.jsonl') as readonly { file: string; documents: readonly JsonObject[] }[];
  const documents: Documents = new Map(files.map((file) => [file.file, file.documents]));
  const standards = (await policyFilesIn(libraryFolder)).filter(
    ({ path, text }) => path.startsWith('frameworks/') || /^ {2}pss:/m.test(text),
  );
  const bundles = new Map<string, BundleResult>();
  const tally = new Map<string, number>();
  const wrong: string[] = [];
  for (const one of lines('cases.jsonl') as readonly Case[]) {
    const answer = answerOf(one, documents, (files) => bundleOf(files, { bundles, documents, standards }));
    // A rule that skips an object has nothing against it; the library asserts some of those as passes.
    const judged = answer.replace(/^changes: /, '').replace('not-applicable', 'skip');
    const agrees = judged === one.expect || (judged === 'skip' && one.expect === 'pass');
    const reason = agrees ? agreed : reasons.find(([, form]) => form.test(answer))?.[0];
    if (reason === undefined)
      wrong.push(`${one.policy} ${one.rule} ${one.kind} ${one.resource}: ${one.expect}, got ${answer}`);
    else tally.set(reason, (tally.get(reason) ?? 0) + 1);
  }
  assert.deepEqual(wrong, []);
  const count = [...tally.values()].reduce((sum, one) => sum + one, 0);
  const judged = tally.get(agreed) ?? 0;
  assertPublished(
    ['Kyverno', 'cases'],
    [
      ['all', count],
      ['judged as expected', judged],
      ['contradicted', wrong.length],
      ['not judged, for a reason below', count - judged],
    ],
  );
  tally.delete(agreed);
  assertPublished(['why it is not judged', 'cases'], byCount(tally));
});

type Loading = {
  readonly bundles: Map<string, BundleResult>;
  readonly documents: Documents;
  readonly standards: readonly PolicyFile[];
};

function bundleOf(files: readonly string[], { bundles, documents, standards }: Loading): BundleResult {
  const known = bundles.get(files.join());
  if (known !== undefined) return known;
  const policies = files.flatMap((file) => documents.get(file) ?? []);
  const asksForStandards = JSON.stringify(policies).includes('"podSecurity"');
  const result = loadBundle({
    files: [
      ...(asksForStandards ? standards : []),
      ...policies.map((policy, index) => ({ path: `${index}.yaml`, text: JSON.stringify(policy) })),
    ],
    relations: [],
    sha256,
  });
  bundles.set(files.join(), result);
  return result;
}

function answerOf(one: Case, documents: Documents, load: (files: readonly string[]) => BundleResult): string {
  const kinds = one.policies.flatMap((file) => documents.get(file) ?? []).map((policy) => policy['kind']);
  if (kinds.includes('MutatingPolicy')) return 'MutatingPolicy';
  const result = load(one.policies);
  if (!result.ok) return result.problems.map(problemText).join('; ');
  const policy = one.policy.split('/').at(-1);
  const rule = one.rule?.replace(/^autogen-(cronjob-)?/, '');
  const controls = result.bundle.controls
    .map(({ control }) => control)
    .filter(({ meta }) => meta.id.split('/').includes(policy ?? '') && isRule(meta.id, rule));
  if (controls.length === 0) return result.bundle.notes.map(problemText).join('; ') || 'no such rule';
  const objects = one.resources.flatMap((file) => documents.get(file) ?? []);
  const object = objects.find((other) => isNamed(other, one));
  return object === undefined ? 'no such object' : worst(controls.map((control) => judge(control, object, objects)));
}

/** A policy of one rule, as all CEL policies are, has no rule in its id. */
function isRule(id: string, rule: string | undefined): boolean {
  const parts = id.split('/');
  return rule === undefined || parts.length === 2 || parts.at(-1) === rule;
}

function isNamed(object: JsonObject, { resource, kind }: Case): boolean {
  const metadata = object['metadata'] as JsonObject | undefined;
  return metadata?.['name'] === resource.split('/').at(-1) && (kind === null || object['kind'] === kind);
}

function judge(control: CompiledControl, object: JsonObject, objects: readonly JsonObject[]): string {
  if (control.judges === 'change') return judgeCreation(control, object);
  const engine = createEngine({ controls: [control] });
  const cluster = [inNamespace(object), ...objects.filter((other) => other !== object), ...namespacesOf(objects)];
  engine.apply(
    cluster.map((after, index) => ({ key: objectKeyOf(after), uid: String(index), after })),
    0,
  );
  const verdict = engine.verdict(objectKeyOf(inNamespace(object)), control.meta.id);
  if (verdict === undefined || verdict.verdict === 'not-applicable') return 'skip';
  return 'reason' in verdict ? `${verdict.verdict}: ${verdict.reason}` : verdict.verdict;
}

/** The cases say of no request who makes it: what is asked of that is their business, the rest is ours. */
function judgeCreation(control: CompiledControl, object: JsonObject): string {
  const view = new Proxy({}, { get: () => assert.fail('the case has no cluster around it') }) as TrackedView;
  const request = { operation: 'CREATE' };
  try {
    const verdict = control.evaluateChange?.({ object, oldObject: null, request }, view).verdict;
    return `changes: ${verdict}`;
  } catch (thrown) {
    return `changes: ${String(thrown)}`;
  }
}

const clusterScoped = new Set(['Namespace', 'ClusterRole', 'ClusterRoleBinding', 'Node', 'StorageClass']);

/** Pods and what makes them are in the namespace `default` when they do not say: their policies read its object. */
function inNamespace(object: JsonObject): JsonObject {
  const metadata = object['metadata'] as JsonObject;
  const isBare = metadata['namespace'] === undefined && !clusterScoped.has(objectKeyOf(object).kind);
  return isBare ? { ...object, metadata: { ...metadata, namespace: 'default' } } : object;
}

function namespacesOf(objects: readonly JsonObject[]): readonly JsonObject[] {
  const names = new Set(objects.map((object) => objectKeyOf(inNamespace(object)).namespace));
  const there = new Set(objects.filter(({ kind }) => kind === 'Namespace').map((one) => objectKeyOf(one).name));
  return [...names]
    .filter((name) => name !== '' && !there.has(name))
    .map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
}

function worst(answers: readonly string[]): string {
  const others = answers.filter((answer) => answer !== 'pass' && answer !== 'skip' && answer !== 'fail');
  return answers.find((answer) => answer === 'fail') ?? others[0] ?? answers.find((one) => one === 'pass') ?? 'skip';
}
