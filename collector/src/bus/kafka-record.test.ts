import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KindVerdict } from '@driftline/proto';
import type { Feedback } from './bus.ts';
import { decodeFeedback, encodeFeedback } from './kafka-record.ts';

const stream = { tenant: 't', cluster: 'c', epoch: 'e' };
const ref = { group: '', resource: 'pods', kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u' };

test('every kind of feedback survives the topic; what is none is told apart', () => {
  const verdicts: KindVerdict['verdict'][] = [
    { outcome: 'agreed' },
    { outcome: 'buckets', bucketBits: 4, buckets: new Uint8Array([1, 128]) },
    { outcome: 'wanted', entries: new Uint8Array(32).fill(200), objects: [ref], hasMore: false },
  ];
  const feedback: Feedback[] = [
    { type: 'recorded', stream, sequence: 4 },
    { type: 'resend', stream, fromSequence: 4 },
    { type: 'need-full', stream, objects: [ref] },
    ...verdicts.map(
      (verdict): Feedback => ({
        type: 'kind-verdict',
        stream,
        verdict: { type: 'kind-verdict', group: '', resource: 'pods', sequence: 9, verdict },
      }),
    ),
  ];
  for (const each of feedback) assert.deepEqual(decodeFeedback(encodeFeedback(each)), each);
  const notVerdicts = ['', 'AAAA', 'not base64!'].map((verdict) => ({ type: 'kind-verdict', stream, verdict }));
  for (const each of notVerdicts) assert.equal(decodeFeedback(Buffer.from(JSON.stringify(each))), undefined);
});
