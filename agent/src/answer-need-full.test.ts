import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { MessageBody, ObjectRef } from '@driftline/proto';
import { answerNeedFull } from './answer-need-full.ts';
import { openKnown } from './known/known.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftline-answer-'));
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));

test('of a kind that nobody heard of it is said that its objects are gone, when it is surely not served', async () => {
  const known = openKnown({ path: join(folder, 'known.db'), epoch: 'e' });
  // Known, and its first list is not through: nothing is sure.
  known.kind('example.com', 'listed').stage({ progress: { seenVersion: '1' } });
  const ref = (resource: string): ObjectRef => ({
    group: 'example.com',
    resource,
    kind: 'Any',
    namespace: '',
    name: 'one',
    uid: 'uid-one',
  });
  const said: MessageBody[] = [];
  const sink = {
    async append(bodies: readonly MessageBody[]) {
      said.push(...bodies);
      return { firstSequence: 1, lastSequence: bodies.length };
    },
  };
  const watch = { isUnserved: ({ resource }: ObjectRef) => resource === 'gone', sendWhole: async () => 0 };
  await answerNeedFull([ref('gone'), ref('unclear'), ref('listed')], { watch, known, sink });
  assert.deepEqual(
    said.map((body) => body.type === 'delta' && [body.op, body.synthesised, body.ref.resource, body.ref.uid]),
    [['deleted', true, 'gone', 'uid-one']],
  );
  await known.close();
});
