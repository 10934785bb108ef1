/** Many objects that many others refer to change at once: each referrer is judged once a batch, and only for what it reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import type { Fact, ObjectKey } from '../contract.ts';
import { stringAt, stringsOf, valueAt } from '../language/read-json.ts';
import { createEngine } from './engine.ts';
import { control, fail, object, pass, upsert } from './test-control.ts';

const secretCount = 300;
const deploymentCount = 100;
const secretNames = Array.from({ length: secretCount }, (_, index) => `secret-${index}`);

const types: Fact<string> = {
  name: 'secret-type',
  group: '',
  kind: 'Secret',
  project: (secret) => stringAt(secret, 'type'),
};

const keyOf = (name: string): ObjectKey => ({ group: '', kind: 'Secret', namespace: 'shop', name });

/** Every Deployment refers to every Secret, and asks what type each is. */
function cluster() {
  const ran = { referrers: 0, secrets: 0 };
  const joining = control(
    'JOIN',
    (deployment, view) => {
      ran.referrers += 1;
      const found = stringsOf(valueAt(deployment, 'secrets')).map((name) => view.fact(types, keyOf(name)) ?? 'none');
      return found.includes('bad') ? fail('secrets') : pass;
    },
    { kinds: [{ group: '', kind: 'Deployment' }], reads: () => ({ deciding: [['secrets']], telling: [] }) },
  );
  const own = control(
    'OWN',
    () => {
      ran.secrets += 1;
      return pass;
    },
    {
      kinds: [{ group: '', kind: 'Secret' }],
      selfContained: true,
      reads: () => ({ deciding: [['data']], telling: [] }),
    },
  );
  const engine = createEngine({ controls: [joining, own] });
  const secrets = (body: JsonObject, names = secretNames) => names.map((name) => upsert(object('Secret', name, body)));
  const deployments = Array.from({ length: deploymentCount }, (_, index) =>
    upsert(object('Deployment', `web-${index}`, { secrets: secretNames })),
  );
  const judged = (changes: Parameters<typeof engine.apply>[0]) => {
    Object.assign(ran, { referrers: 0, secrets: 0 });
    const transitions = engine.apply(changes, 0);
    return { ...ran, transitions: transitions.length };
  };
  return { engine, secrets, deployments, judged };
}

test('touched secrets with many referrers cost one evaluation a referrer and batch, and none where nothing read differs', () => {
  const { engine, secrets, deployments, judged } = cluster();
  assert.deepEqual(judged([...secrets({ type: 'ok', data: 1 }), ...deployments]), {
    referrers: deploymentCount,
    secrets: secretCount,
    transitions: 0,
  });
  assert.deepEqual(judged(secrets({ type: 'ok', data: 1, note: 'touched' })), {
    referrers: 0,
    secrets: 0,
    transitions: 0,
  });
  assert.deepEqual(judged(secrets({ type: 'ok', data: 2 })), { referrers: 0, secrets: secretCount, transitions: 0 });
  assert.deepEqual(judged(secrets({ type: 'other', data: 2 })), {
    referrers: deploymentCount,
    secrets: 0,
    transitions: 0,
  });
  assert.deepEqual(judged(secrets({ type: 'bad', data: 2 }, ['secret-7'])), {
    referrers: deploymentCount,
    secrets: 0,
    transitions: deploymentCount,
  });
  assert.equal(engine.size().subjects, secretCount + deploymentCount);
});
