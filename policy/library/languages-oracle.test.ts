/** Law 5 for the languages of others: policies of public libraries over manifests of real projects, with random edits. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import {
  type CompiledControl,
  createEngine,
  type Engine,
  loadBundle,
  type ObjectChange,
  objectKeyOf,
} from '@driftline/policy';
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
  const objects = lines('realworld', 'objects.jsonl').filter((_, index) => index % 9 === 0);
  for (const [index, { object }] of objects.entries()) {
    const found = object as JsonObject;
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
    if (index % 100 === 99 || index === objects.length - 1) {
      const scratch = createEngine({ controls: all });
      scratch.apply([...now.values()], 0);
      assert.deepEqual(stateOf(engine), stateOf(scratch));
    }
  }
  const failing = new Set(engine.findings().map(({ finding }) => finding.control.split('/')[0]));
  assert.deepEqual(failing, new Set(['gatekeeper', 'kyverno', 'vap']));
});
