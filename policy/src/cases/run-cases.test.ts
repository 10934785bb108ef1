import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControlCase } from '../load/control-file.ts';
import type { Bundle, LoadedControl } from '../load/bundle.ts';
import { runCases } from './run-cases.ts';

const remediation = { summary: '', fields: [], impact: '' };
const control: LoadedControl['control'] = {
  meta: {
    id: 'A',
    title: '',
    severity: 'low',
    weight: 1,
    category: 'compute',
    rationale: '',
    remediation,
    references: [],
    frameworks: [],
  },
  language: 'relation',
  kinds: [{ group: '', kind: 'Pod' }],
  selfContained: false,
  evaluate(object, view) {
    if (object['broken'] === true) throw new Error('broken');
    if (object['skip'] === true) return { verdict: 'not-applicable' };
    if (view.now(Number(object['until'])))
      return { verdict: 'fail', violations: [{ path: 'until', value: '', reason: 'late' }] };
    const others = view.list({ group: '', kind: 'Service' });
    return others.length === 0
      ? { verdict: 'pass' }
      : { verdict: 'fail', violations: others.map((_, index) => ({ path: `s${index}`, value: '', reason: 'r' })) };
  },
};

function run(one: Omit<ControlCase, 'name'>): string {
  const loaded: LoadedControl = {
    control,
    at: { file: 'a.yaml', line: 1, column: 1 },
    cases: () => [{ name: 'it', ...one }],
    withParams: () => control,
  };
  const bundle: Bundle = { version: '', controls: [loaded], frameworks: [], exceptions: [], notes: [] };
  const [result] = runCases(bundle, Date.parse);
  assert.equal(result?.ok, result?.difference === '');
  return result?.difference ?? 'no result';
}

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } };
const service = (name: string) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name } });

test('a case that holds says nothing', () => {
  assert.equal(run({ expect: 'pass', objects: [pod] }), '');
  assert.equal(run({ expect: 'fail', objects: [pod, service('a')] }), '');
  assert.equal(run({ expect: 'fail', objects: [pod, service('a'), service('b')], violations: ['s1', 's0'] }), '');
  assert.equal(run({ expect: 'not-applicable', objects: [{ ...pod, skip: true }] }), '');
  assert.equal(run({ expect: 'not-applicable', objects: [service('a')] }), '');
  assert.equal(run({ expect: 'not-assessable', objects: [pod], uncovered: [{ group: '', kind: 'Service' }] }), '');
  assert.equal(run({ expect: 'fail', objects: [{ ...pod, until: 1_893_456_000_000 }] }), '');
  assert.equal(
    run({ expect: 'pass', objects: [{ ...pod, until: 1_893_456_000_000 }], now: '2029-12-31T23:59:59Z' }),
    '',
  );
});

test('a case that does not hold says what came instead', () => {
  assert.equal(run({ expect: 'fail', objects: [pod] }), 'expected fail, got pass');
  assert.equal(run({ expect: 'pass', objects: [pod, service('a')] }), 'expected pass, got fail ["s0"]');
  assert.equal(
    run({ expect: 'fail', objects: [pod, service('a')], violations: ['s1'] }),
    'expected fail ["s1"], got fail ["s0"]',
  );
  assert.equal(run({ expect: 'pass', objects: [{ ...pod, broken: true }] }), 'expected pass, got unjudged: broken');
  assert.equal(
    run({ expect: 'pass', objects: [pod], uncovered: [{ group: '', kind: 'Service' }] }),
    'expected pass, got not-assessable: Service objects cannot be seen',
  );
});
