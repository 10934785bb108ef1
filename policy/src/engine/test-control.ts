/** Small controls and objects for the engine's tests. */
import type { JsonObject } from '@driftline/proto';
import type { CompiledControl, ObjectChange, TrackedView, Verdict } from '../contract.ts';
import { objectKeyOf } from '../language/read-json.ts';

export type Evaluate = (object: JsonObject, view: TrackedView) => Verdict;
export type Overrides = Partial<Omit<CompiledControl, 'meta'>> & { readonly weight?: number };

export function control(id: string, evaluate: Evaluate, { weight = 1, ...overrides }: Overrides = {}): CompiledControl {
  const remediation = { summary: '', fields: [], impact: '' };
  return {
    meta: {
      id,
      title: id,
      severity: 'high',
      weight,
      category: 'compute',
      rationale: '',
      remediation,
      references: [],
      frameworks: [],
    },
    language: 'relation',
    kinds: [{ group: '', kind: 'Pod' }],
    selfContained: false,
    evaluate,
    ...overrides,
  };
}

export const fail = (path = '', reason = 'why'): Verdict => ({
  verdict: 'fail',
  violations: [{ path, value: '', reason }],
});
export const pass: Verdict = { verdict: 'pass' };

export function object(kind: string, name: string, body: JsonObject = {}): JsonObject {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop' }, ...body };
}

export const upsert = (after: JsonObject, uid = '1'): ObjectChange => ({ key: objectKeyOf(after), uid, after });
export const remove = (object: JsonObject, uid = '1'): ObjectChange => ({
  key: objectKeyOf(object),
  uid,
  after: undefined,
});

export const failsWhenBad: Evaluate = (pod) => (pod['bad'] === true ? fail('bad') : pass);
export const good = object('Pod', 'web');
export const bad = object('Pod', 'web', { bad: true });
export const told = (
  transitions: readonly { state: string; finding: { control: string; uid: string; path: string }; reason: string }[],
) =>
  transitions.map(
    ({ state, finding, reason }) => `${state} ${finding.control} ${finding.uid} ${finding.path}: ${reason}`,
  );
