/**
 * The cases of Kubescape's rules, answered by the controls that ask the same, object by object. Where the answers
 * differ, one named reason says why ours stays; AGREEMENT.md publishes the counts.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CompiledControl, loadBundle, type PolicyFile } from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';
import { libraryFolder, policyFilesIn } from './read-library.ts';
import { relationControls } from './relation/index.ts';
import { assertPublished, byCount } from './testing/agreement-page.ts';
import { type Case, type Difference, differences, isOnNodesOnly } from './testing/kubescape-case.ts';
import { explained, type Reason, reasons } from './testing/kubescape-differences.ts';
import { noQuestion, type RuleAnswer, ruleAnswers } from './testing/kubescape-rules.ts';

const corpora = process.env.DRIFTLINE_CORPORA;
const skip = corpora === undefined ? 'DRIFTLINE_CORPORA is not set: 692 cases of Kubescape not run' : false;

type Params = Readonly<Record<string, JsonObject>>;

const onNodes = 'files, processes and kernels of nodes';

test('every case of Kubescape is answered alike, or differs for a named reason', { skip }, async () => {
  const cases = readFileSync(join(corpora ?? '', 'kubescape/rule-tests.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Case);
  const controlsOf = await loaded();
  const notAsked = new Map<string, number>();
  const differing = new Map<string, number>();
  const unexplained: string[] = [];
  const met = new Set<string>();
  let judged = 0;
  let agreed = 0;
  for (const one of cases) {
    const answer = ruleAnswers[one.rule];
    assert.ok(answer, `nothing says which control answers the rule ${one.rule}`);
    const why = typeof answer === 'string' ? answer : isOnNodesOnly(one, answer) ? onNodes : undefined;
    if (why !== undefined || typeof answer === 'string') {
      notAsked.set(String(why), (notAsked.get(String(why)) ?? 0) + 1);
      continue;
    }
    judged += 1;
    const found = differences(one, controlsOf(answer, one));
    if (found.length === 0) agreed += 1;
    for (const reason of new Set(found.map((difference) => reasonOf(one, difference))))
      if (reason !== undefined) differing.set(reason, (differing.get(reason) ?? 0) + 1);
    for (const difference of found) {
      met.add(placeOf(one, difference));
      if (reasonOf(one, difference) === undefined)
        unexplained.push(`${placeOf(one, difference)}: alerts ${difference.they}, findings ${difference.we}`);
    }
  }
  assert.deepEqual(unexplained, []);
  const stale = Object.entries(explained).flatMap(([rule, ofRule]) =>
    Object.entries(ofRule).flatMap(([name, ofCase]) =>
      Object.keys(ofCase).map((object) => placeOf({ rule, case: name }, { object })),
    ),
  );
  assert.deepEqual(
    stale.filter((place) => !met.has(place)),
    [],
  );
  assertPublished(
    ['Kubescape', 'cases'],
    [
      ['all', cases.length],
      ['answered alike', agreed],
      ['answered otherwise, for a reason below', judged - agreed],
      ['answered otherwise, unexplained', unexplained.length],
      ['not asked, for a reason below', cases.length - judged],
    ],
  );
  assertPublished(
    ['why the answers differ', 'who finds a fault', 'cases'],
    byCount(differing).map(([name, count]) => {
      const { who, why }: Reason = reasons[name as keyof typeof reasons];
      return [`**${name}**: ${why}`, who === 'we' ? 'Driftline' : 'Kubescape', count];
    }),
  );
  assertPublished(
    ['why it is not asked', 'cases'],
    byCount(notAsked).map(([name, count]) => [`**${name}**: ${noQuestion[name as keyof typeof noQuestion]}`, count]),
  );
});

function placeOf(one: Pick<Case, 'rule' | 'case'>, { object }: Pick<Difference, 'object'>): string {
  return `${one.rule} / ${one.case} / ${object}`;
}

/** Only a reason that speaks of the one who finds more is one. */
function reasonOf(one: Case, difference: Difference): string | undefined {
  const name = explained[one.rule]?.[one.case]?.[difference.object];
  const more = difference.we > difference.they ? 'we' : 'they';
  return name !== undefined && reasons[name].who === more ? name : undefined;
}

/** The controls of an answer, with the settings of a case. */
async function loaded(): Promise<(answer: RuleAnswer, one: Case) => readonly CompiledControl[]> {
  const files = await policyFilesIn(libraryFolder);
  const known = new Map<string, readonly CompiledControl[]>();
  return (answer, one) => {
    const params = paramsOf(one);
    const key = JSON.stringify([answer.controls, params]);
    const controls = known.get(key) ?? compile(files, answer.controls, params);
    known.set(key, controls);
    return controls;
  };
}

function compile(files: readonly PolicyFile[], ids: readonly string[], params: Params): readonly CompiledControl[] {
  const needed = files.filter(
    ({ path }) => path.startsWith('frameworks/') || ids.some((id) => path.startsWith(`controls/${id.toLowerCase()}-`)),
  );
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const result = loadBundle({ files: needed, relations: relationControls, sha256, params });
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.bundle.controls.length, ids.length, `one of ${ids.join(', ')} is not there`);
  return result.bundle.controls.map(({ control }) => control);
}

function paramsOf(one: Case): Params {
  const answer = ruleAnswers[one.rule];
  if (answer === undefined || typeof answer === 'string') return {};
  const given = Object.entries(answer.params ?? {}).flatMap(([setting, param]) => {
    const value = one.data?.postureControlInputs?.[setting];
    if (value === undefined) return [];
    return [param.endsWith('[]') ? ([param.slice(0, -2), [...value]] as const) : ([param, value[0] ?? ''] as const)];
  });
  if (given.length === 0) return {};
  return Object.fromEntries(answer.controls.map((id) => [id, Object.fromEntries(given)]));
}
