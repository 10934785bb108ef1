import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { nextObservedUs } from './clock.ts';
import { type RefusalCode, refusals, refused } from './frames.ts';
import { objectKey, sameObject } from './identity.ts';
import { type KindName, resolveKind } from './kind-names.ts';
import { judgeSequence } from './sequence.ts';
import { formatTimestampUs, parseTimestampUs } from './timestamp.ts';

test('invariant: stamps only ever grow, whatever the wall clock does', () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), (walls) => {
      let previous = 0;
      for (const wall of walls) {
        const next = nextObservedUs(previous, wall);
        assert.ok(next > previous && next >= wall);
        previous = next;
      }
    }),
  );
});

test('invariant: any mix of duplicates and missing batches is told apart, and accepted batches are gapless', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
      fc.array(fc.nat(), { maxLength: 60 }),
      (sizes, picks) => {
        let next = 1;
        const batches = sizes.map((size) => ({ firstSequence: next, lastSequence: (next += size) - 1 }));
        let last = 0;
        for (const pick of picks) {
          const batch = batches[pick % batches.length]!;
          const verdict = judgeSequence(last, batch);
          if (batch.lastSequence <= last) assert.equal(verdict.verdict, 'duplicate');
          else if (batch.firstSequence === last + 1) {
            assert.equal(verdict.verdict, 'accept');
            last = batch.lastSequence;
          } else
            assert.deepEqual(verdict, { verdict: 'hole', fromSequence: last + 1, toSequence: batch.firstSequence - 1 });
        }
      },
    ),
  );
});

test('boundaries that no honest stream has are invalid', () => {
  for (const [first, last] of [
    [0, 0],
    [3, 2],
    [4, 9],
    [1.5, 2],
    [-1, 1],
    [Number.NaN, 1],
    [1, 2 ** 53],
  ] as const) {
    assert.equal(judgeSequence(5, { firstSequence: first, lastSequence: last }).verdict, 'invalid', `${first}–${last}`);
  }
});

test('invariant: times are those of the calendar', () => {
  const ms = fc.integer({ min: -2_000_000_000_000, max: 4_000_000_000_000 });
  fc.assert(
    fc.property(ms, fc.nat(999), (milliseconds, micros) => {
      const us = milliseconds * 1000 + micros;
      const text = new Date(milliseconds).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
      assert.equal(formatTimestampUs(us), text);
      assert.equal(parseTimestampUs(text), us);
    }),
  );
  // Whole seconds are read without the pattern: what that makes of any text is what the pattern makes of it.
  const digits = fc.stringMatching(/^\d{4}-[01]\d-[0-3]\d[Tt ][0-2]\d:[0-6]\d:[0-6x]\d$/);
  fc.assert(
    fc.property(digits, (text) => assert.equal(parseTimestampUs(`${text}Z`), parseTimestampUs(`${text}.0Z`), text)),
    { numRuns: 1_000 },
  );
  assert.equal(parseTimestampUs('2024-02-29T12:00:00+02:30'), Date.parse('2024-02-29T12:00:00+02:30') * 1000);
  assert.equal(parseTimestampUs('2024-02-29T12:00:00.123456789Z'), Date.parse('2024-02-29T12:00:00.123Z') * 1000 + 456);
  for (const text of [
    '',
    '2024-13-01T00:00:00Z',
    '2024-01-32T00:00:00Z',
    '2024-01-01 00:00:00Z',
    '2024-01-01T25:00:00Z',
    '2024-01-01T00:00:00',
  ]) {
    assert.equal(parseTimestampUs(text), undefined, text);
  }
});

test('a place has one key, and an object is a place with its uid', () => {
  const ref = { group: 'apps', resource: 'deployments', kind: 'Deployment', namespace: 'a', name: 'b', uid: 'u' };
  assert.notEqual(objectKey(ref), objectKey({ ...ref, namespace: 'a\nb', name: '' }));
  assert.equal(objectKey(ref), objectKey({ ...ref, uid: 'v', kind: 'X' } as typeof ref));
  assert.ok(sameObject(ref, { ...ref }));
  assert.ok(!sameObject(ref, { ...ref, uid: 'v' }));
});

test('every refusal has advice', () => {
  for (const code of Object.keys(refusals) as RefusalCode[]) {
    const frame = refused(code, 'm');
    assert.deepEqual(frame, { type: 'refused', code, message: 'm', ...refusals[code] });
    assert.ok(frame.retryable || frame.retryAfterMs === 0);
  }
});

const known: readonly KindName[] = [
  { group: 'apps', kind: 'Deployment', resource: 'deployments' },
  { group: '', kind: 'Service', resource: 'services' },
  { group: 'serving.knative.dev', kind: 'Service', resource: 'services' },
  { group: 'networking.k8s.io', kind: 'Ingress', resource: 'ingresses' },
  { group: 'networking.k8s.io', kind: 'Ingress', resource: 'ingresses' },
  { group: 'a.example.com', kind: 'Thing', resource: 'things' },
  { group: 'b.example.com', kind: 'Thing', resource: 'things' },
];

test('kinds are found by short name, plural, kind and group', () => {
  const group = (input: string): string => {
    const result = resolveKind(input, known);
    return result.ok ? `${result.kind.kind}.${result.kind.group}` : result.reason;
  };
  for (const input of ['deploy', 'deployments', 'Deployment', 'DEPLOYMENT', 'deployments.apps'])
    assert.equal(group(input), 'Deployment.apps');
  assert.equal(group('svc'), 'Service.');
  assert.equal(group('services.serving'), 'Service.serving.knative.dev');
  assert.equal(group('ing'), 'Ingress.networking.k8s.io');
  assert.equal(group('things'), 'ambiguous');
  assert.equal(group('things.b.example.com'), 'Thing.b.example.com');
  for (const input of ['', 'nope', '__proto__', 'constructor', 'deploy.nope']) assert.equal(group(input), 'unknown');
});
