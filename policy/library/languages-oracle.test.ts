/** Law 5 for the languages of others: policies of public libraries over manifests of real projects, with random edits. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import {
  clusterView,
  type CompiledControl,
  createEngine,
  type Engine,
  loadBundle,
  type ObjectChange,
  objectKeyOf,
} from '@driftline/policy';
import { type Edit, Pool } from '../src/engine/oracle/edit-world.ts';
import { createReadPlan } from '../src/engine/read-plan.ts';
import { createRandom } from '../src/engine/oracle/random.ts';

const corpora = process.env.DRIFTLINE_CORPORA;
const skip = corpora === undefined ? 'DRIFTLINE_CORPORA is not set: policies of public libraries not run' : false;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

function lines(...path: readonly string[]): readonly JsonObject[] {
  return readFileSync(join(corpora ?? '', ...path), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonObject);
}

/** Namespaces with this label are chosen, and this ConfigMap is the parameter: both change in the histories below. */
const chosen = 'oracle';
const admission: readonly JsonObject[] = [
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'images' },
    spec: {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: {
        resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }],
      },
      matchConditions: [{ name: 'named', expression: 'has(object.metadata.name)' }],
      validations: [
        {
          expression:
            "!object.metadata.name.startsWith(params.data.prefix) && namespaceObject.metadata.name != 'kube-system'",
          messageExpression: "'starts with ' + params.data.prefix",
        },
      ],
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'chosen' },
    spec: {
      policyName: 'images',
      paramRef: { name: 'settings', namespace: 'default', parameterNotFoundAction: 'Deny' },
      matchResources: { namespaceSelector: { matchLabels: { [chosen]: 'yes' } } },
      validationActions: ['Deny'],
    },
  },
];

function controls(): readonly CompiledControl[] {
  const policies = lines('kyverno', 'files.jsonl')
    .flatMap(({ documents }) => documents as readonly JsonObject[])
    .filter((document) => ['ClusterPolicy', 'ValidatingPolicy'].includes(objectKeyOf(document).kind))
    .map((policy) => [policy]);
  const constraints = lines('gatekeeper', 'cases.jsonl').map(({ template, constraint }) => [template, constraint]);
  const byId = new Map<string, CompiledControl>();
  for (const documents of [admission, ...policies, ...constraints]) {
    const files = documents.map((document, index) => ({ path: `${index}.yaml`, text: JSON.stringify(document) }));
    const result = loadBundle({ files, relations: [], sha256 });
    if (result.ok) for (const { control } of result.bundle.controls) byId.set(control.meta.id, control);
  }
  return [...byId.values()];
}

const stateOf = (engine: Engine) => ({
  findings: engine.findings(),
  unanswered: engine.unanswered(),
  score: engine.score(),
});

const everyNinth = () =>
  lines('realworld', 'objects.jsonl')
    .filter((_, index) => index % 9 === 0)
    .map(({ object }) => object as JsonObject);

const ways: readonly Edit['way'][] = ['remove', 'strange', 'insert', 'replace', 'replace'];

/** The object edited at one place; it keeps its kind and its name. */
function editedOnce(before: JsonObject, pool: Pool, random: () => number): JsonObject {
  const integer = () => Math.floor(random() * 1e9);
  const way = ways[integer() % ways.length] ?? 'remove';
  const after = pool.edited(before, { place: integer(), way, value: integer() });
  const { name, namespace } = before['metadata'] as JsonObject;
  const metadata = typeof after['metadata'] === 'object' ? (after['metadata'] as JsonObject) : {};
  const keyed = { ...metadata, ...(name && { name }), ...(namespace && { namespace }) };
  return { ...after, apiVersion: before['apiVersion'] ?? '', kind: before['kind'] ?? '', metadata: keyed };
}

test('an edit of what no policy says it reads changes no answer of public libraries', { skip }, () => {
  const all = controls().filter((control) => control.selfContained);
  const random = createRandom(23);
  // Objects that the policies' authors try them on, too: real ones are seldom near an answer.
  const tried = lines('kyverno', 'files.jsonl')
    .flatMap(({ documents }) => documents as readonly JsonObject[])
    .filter((document, index) => index % 20 === 0 && typeof document['metadata'] === 'object');
  const objects = [...everyNinth().filter((_, index) => index % 3 === 0), ...tried];
  const pool = new Pool(objects);
  const view = clusterView({ get: () => undefined, list: () => [], covers: () => true }, 0);
  const answer = (control: CompiledControl, object: JsonObject) => {
    try {
      return control.evaluate(object, view);
    } catch (thrown) {
      return String(thrown);
    }
  };
  let [asked, left] = [0, 0];
  for (let round = 0; round < 400; round += 1) {
    const before = objects[Math.floor(random() * objects.length)] as JsonObject;
    const after = editedOnce(before, pool, random);
    const kind = objectKeyOf(before);
    const judging = all.filter((control) => control.judgesKind?.(kind) === true);
    const slots = judging.map((control, position) => ({ control, position }));
    const concerned = createReadPlan(slots, ({ control }) => control.reads?.(kind)).concerned(
      before,
      after,
      () => true,
    );
    for (const slot of slots) {
      asked += 1;
      if (concerned.includes(slot)) continue;
      left += 1;
      const { control } = slot;
      assert.deepEqual(answer(control, after), answer(control, before), `${control.meta.id}: ${JSON.stringify(after)}`);
    }
  }
  assert.ok(left > asked / 2, `${left} of ${asked} were left alone`);
});

test('incremental = from scratch with the policies of public libraries', { skip }, () => {
  const all = controls();
  assert.ok(all.length > 200, `${all.length} controls`);
  const random = createRandom(11);
  const engine = createEngine({ controls: all });
  const now = new Map<string, ObjectChange>();
  const apply = (after: JsonObject, isThere = true) => {
    const key = objectKeyOf(after);
    const change = { key, uid: 'u', after: isThere ? after : undefined };
    engine.apply([change], 0);
    if (isThere) now.set(JSON.stringify(key), change);
    else now.delete(JSON.stringify(key));
  };
  const names = ['default', 'shop', 'kube-system'];
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const objects = everyNinth();
  const pool = new Pool(objects);
  const edit = () => {
    const before = pick([...now.values()]).after;
    if (before !== undefined) apply(editedOnce(before, pool, random));
  };
  for (const [index, found] of objects.entries()) {
    const metadata = found['metadata'] as JsonObject;
    apply({ ...found, metadata: { ...metadata, namespace: metadata['namespace'] ?? pick(names) } });
    if (random() < 0.2) apply(pick([...now.values()]).after ?? found, false);
    if (random() < 0.1)
      apply({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: pick(names), labels: { [chosen]: pick(['yes', 'no']) } },
      });
    if (random() < 0.1) {
      const settings = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'default' } };
      apply({ ...settings, data: { prefix: pick(['a', 'c', 'd']) } }, random() < 0.8);
    }
    for (let edits = 0; edits < 3; edits += 1) edit();
    if (index % 100 === 99 || index === objects.length - 1) {
      const scratch = createEngine({ controls: all });
      scratch.apply([...now.values()], 0);
      assert.deepEqual(stateOf(engine), stateOf(scratch));
    }
  }
  const failing = new Set(engine.findings().map(({ finding }) => finding.control.split('/')[0]));
  assert.deepEqual(failing, new Set(['gatekeeper', 'kyverno', 'vap']));
});
