/** The allow and deny cases of a public constraint library, each answered by its own template. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, RequestedChange, TrackedView } from '../../contract.ts';
import { createEngine } from '../../engine/engine.ts';
import { loadBundle } from '../../load/load-bundle.ts';
import { problemText } from '../../load/problem.ts';
import { objectAt, objectKeyOf } from '../read-json.ts';

const corpora = process.env['DRIFTLINE_CORPORA'];

type Case = {
  readonly suite: string;
  readonly test: string;
  readonly case: string;
  readonly expect: 'allow' | 'deny';
  readonly template: JsonObject;
  readonly constraint: JsonObject;
  readonly object: JsonObject;
  readonly inventory: readonly JsonObject[];
};

function judged({ template, constraint, object, inventory }: Case): string {
  const result = loadBundle({
    files: [
      { path: 'template.yaml', text: JSON.stringify(template) },
      { path: 'constraint.yaml', text: JSON.stringify(constraint) },
    ],
    relations: [],
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
  });
  if (!result.ok) return result.problems.map(problemText).join('\n');
  const [loaded] = result.bundle.controls;
  assert.ok(loaded);
  const request = objectAt(object, 'request');
  if (request !== undefined) return judgedRequest(loaded.control, request);
  const engine = createEngine({ controls: [loaded.control] });
  const changes = [object, ...inventory].map((after, index) => ({
    key: objectKeyOf(after),
    uid: String(index),
    after,
  }));
  engine.apply(changes, 0);
  const verdict = engine.verdict(objectKeyOf(object), loaded.control.meta.id);
  if (verdict === undefined) return 'no verdict';
  return 'reason' in verdict ? `${verdict.verdict}: ${verdict.reason}` : verdict.verdict;
}

/** An AdmissionReview is about a request. */
function judgedRequest(control: CompiledControl, request: JsonObject): string {
  const { object = null, oldObject = null, ...rest } = request;
  const change = { object, oldObject, request: rest } as RequestedChange;
  const view = new Proxy({}, { get: () => assert.fail('the case has no cluster around it') }) as TrackedView;
  return control.evaluateChange?.(change, view).verdict ?? 'judges no changes';
}

test('every case is judged as its library expects', {
  skip: corpora === undefined && 'DRIFTLINE_CORPORA is not set',
}, () => {
  const cases = readFileSync(`${corpora}/gatekeeper/cases.jsonl`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Case);
  assert.ok(cases.length >= 74);
  const wrong = cases.flatMap((one) => {
    const verdict = judged(one);
    const expected = one.expect === 'deny' ? ['fail'] : ['pass', 'not-applicable'];
    return expected.includes(verdict) ? [] : [`${one.suite} ${one.test}/${one.case}: ${one.expect}, got ${verdict}`];
  });
  assert.deepEqual(wrong, []);
  const page = readFileSync(join(import.meta.dirname, '../../../AGREEMENT.md'), 'utf8');
  const table = `| all | ${cases.length} |\n| judged as expected | ${cases.length - wrong.length} |\n| contradicted | ${wrong.length} |\n`;
  assert.ok(page.includes(`| Gatekeeper | cases |\n| --- | ---: |\n${table}\n`), `AGREEMENT.md lacks\n${table}`);
});
