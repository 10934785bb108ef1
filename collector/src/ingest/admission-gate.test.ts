import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AdmissionGate, defaultAdmissionLimits } from './admission-gate.ts';
import type { AdmissionLimit } from './admission-gate.ts';

const id = (cluster: number | string) => ({ tenant: 't', cluster: `c${cluster}` });

describe('admission', () => {
  test('500 agents that come at once are all let in, at the rate, each after one or two refusals', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (randoms) => {
        const random = (): number => randoms.next().value;
        const gate = new AdmissionGate(defaultAdmissionLimits, random, () => undefined);
        const { admissionsPerSecond, admissionBurst } = defaultAdmissionLimits;
        // Who comes when; the earliest is next. Agents add jitter of their own, as uplink/backoff.ts does.
        const coming = Array.from({ length: 500 }, (_, cluster) => ({ cluster, atMs: 0, refusals: 0 }));
        const admittedAtMs: number[] = [];
        while (coming.length > 0) {
          coming.sort((a, b) => a.atMs - b.atMs);
          const agent = coming.shift();
          assert.ok(agent !== undefined);
          const refusal = gate.refusal(id(agent.cluster), admittedAtMs.length, agent.atMs);
          if (refusal === undefined) admittedAtMs.push(agent.atMs);
          else {
            const waitMs = (refusal.retryAfterMs ?? 0) + random() * 500;
            coming.push({ ...agent, atMs: agent.atMs + waitMs, refusals: agent.refusals + 1 });
            assert.ok(agent.refusals < 4, 'nobody is sent away again and again');
          }
        }
        assert.ok(
          admittedAtMs.every((at) => at <= 30_000),
          `the last came in after ${admittedAtMs.at(-1)} ms`,
        );
        for (const [i, at] of admittedAtMs.entries()) {
          const within = admittedAtMs.slice(i).filter((other) => other < at + 1_000).length;
          assert.ok(within <= admissionBurst + admissionsPerSecond, `${within} in a second`);
        }
      }),
      { numRuns: 15 },
    );
  });

  test('a cluster that comes again and again is sent away alone', () => {
    const delays: AdmissionLimit[] = [];
    const gate = new AdmissionGate(
      defaultAdmissionLimits,
      () => 0,
      (limit) => delays.push(limit),
    );
    for (let i = 0; i < 1_000; i++) gate.refusal(id('busy'), 1, i);
    assert.deepEqual(new Set(delays), new Set(['cluster-rate']));
    assert.equal(delays.length, 1_000 - defaultAdmissionLimits.clusterAdmissionsPerMinute);
    assert.equal(gate.refusal(id('other'), 1, 1_000), undefined);
    const refusal = gate.refusal(id('busy'), 1, 1_000);
    assert.ok((refusal?.retryAfterMs ?? 0) > 0);
    assert.equal(
      gate.refusal(id('busy'), 1, 1_000 + (refusal?.retryAfterMs ?? 0)),
      undefined,
      'and let in when it waits',
    );
  });

  test('no more agents than the limit', () => {
    const gate = new AdmissionGate(
      { ...defaultAdmissionLimits, maxSessions: 2 },
      () => 0,
      () => undefined,
    );
    assert.equal(gate.refusal(id(1), 1, 0), undefined);
    assert.deepEqual(gate.refusal(id(2), 2, 0)?.code, 'overloaded');
  });
});
