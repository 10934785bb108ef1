/** What a rule is said to read is never less than what it reads; what is not plain is not said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '@driftline/proto';
import { everyItem } from '../../read-path.ts';
import { readsOfSection, ruleReads } from './rule-reads.ts';

const deny = (key: string): Json => ({ deny: { conditions: { any: [{ key, operator: 'Equals', value: 'x' }] } } });

test('JMESPath that names plainly what it reads is followed down to where it stops naming', () => {
  assert.deepEqual(readsOfSection(deny('{{ request.object.spec.type }}')), [['spec', 'type']]);
  assert.deepEqual(readsOfSection(deny('{{ request.object.spec.containers[].image || `[]` }}')), [
    ['spec', 'containers'],
  ]);
  assert.deepEqual(readsOfSection(deny('{{ request.object.metadata.labels."a/b" }}')), [['metadata', 'labels']]);
  assert.deepEqual(readsOfSection(deny('{{ request.operation }}-{{ request.object.kind }}')), [['kind']]);
  assert.deepEqual(readsOfSection({ foreach: [{ list: 'request.object.spec.rules[]', pattern: { host: '?*' } }] }), [
    ['spec', 'rules'],
    ['host'],
  ]);
  assert.deepEqual(readsOfSection({ message: 'any text: request.object * @' }), []);
});

test('JMESPath that may read anything is not understood', () => {
  const hidden = [
    'request',
    'request.object',
    'keys(request.object)',
    'request."object".spec',
    '"request".object.spec',
  ];
  for (const text of [...hidden, '@', 'values(@)', '*.object', 'request.*', '"req\\u0075est".object', '$'])
    assert.equal(readsOfSection(deny(`{{ ${text} }}`)), undefined, text);
});

test('a pattern reads its leaves, how items are named, and a level as a whole where keys are wildcards', () => {
  const pattern = {
    '=(metadata)': { 'X(labels)': 'null' },
    spec: { '^(containers)': [{ '(name)': 'a*', image: '!*:latest' }], '(tolerations)': ['x'] },
  };
  const container = ['spec', 'containers', everyItem];
  assert.deepEqual(readsOfSection({ pattern }), [
    ['metadata', 'labels'],
    [...container, 'name'],
    [...container, 'name'],
    [...container, 'image'],
    ['spec', 'tolerations'],
  ]);
  assert.deepEqual(readsOfSection({ anyPattern: [{ a: { 'x*': '?*' } }, { b: [] }] }), [['a'], ['b']]);
});

test('what is read of the pod is read of the template that makes it', () => {
  const reads = ruleReads({ group: 'batch', kind: 'CronJob' }, [['spec', 'hostPID'], ['kind']], true);
  const pod = ['spec', 'jobTemplate', 'spec', 'template', 'spec'];
  assert.ok(reads.some((path) => JSON.stringify(path) === JSON.stringify([...pod, 'hostPID'])));
  assert.deepEqual(
    reads.filter(([root]) => root === 'spec').map((path) => path.slice(0, 4).join('.')),
    Array.from({ length: 3 }, () => 'spec.jobTemplate.spec.template'),
  );
});
