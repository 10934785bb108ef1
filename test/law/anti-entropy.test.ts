/**
 * Anti-entropy between random histories and random losses: batches that nobody has any more, an agent without memory, a
 * timeline set back to an older copy. After the two ends have compared, replay = inventory = reality (law 6), nothing is
 * recorded twice (law 3), and whatever had differed is within a gap (law 1).
 */
import type { KindVerdict } from '@driftline/proto';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AgentStream } from '../fakes/agent-stream.ts';
import { createMemoryStore } from '../fakes/memory-timeline.ts';
import type { MemoryStore } from '../fakes/memory-timeline.ts';
import {
  body,
  configMap,
  cutOf,
  gapsOf,
  id,
  inventoryOf,
  item,
  knownOf,
  open,
  replay,
  sorted,
  versionsOf,
} from './pipeline-rig.ts';

const kind = { group: '', resource: 'configmaps', kind: 'ConfigMap' };

type Step =
  | { readonly type: 'put'; readonly name: string; readonly size: number; readonly life: number }
  | { readonly type: 'remove'; readonly name: string }
  | { readonly type: 'deliver' }
  /** Everything that was cut and not delivered is gone; the next Hello says so. */
  | { readonly type: 'evict' }
  /** The agent's state is gone: another epoch, which remembers what it lists and does not send it. */
  | { readonly type: 'forget' }
  /** The timeline is an older copy, of that many batches. */
  | { readonly type: 'restore'; readonly batches: number };

const name = fc.constantFrom('a', 'b', 'c', 'd', '__proto__');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('put' as const), name, size: fc.nat(9), life: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('remove' as const), name }) },
  { weight: 4, arbitrary: fc.constant({ type: 'deliver' as const }) },
  { weight: 2, arbitrary: fc.constant({ type: 'evict' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'forget' as const }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restore' as const), batches: fc.nat(20) }) },
);

const history = fc.record({
  steps: fc.array(step, { maxLength: 40, size: 'max' }),
  cause: fc.constantFrom('loss' as const, 'self-check' as const),
  bucketBits: fc.constantFrom(0, 1, 3),
});

class Rig {
  readonly store: MemoryStore = createMemoryStore();
  agent = new AgentStream('e1');
  current = open(this.store);
  /** Few objects in many buckets, so that every kind of verdict comes up. */
  readonly bucketBits: number;
  #epochs = 1;
  #answered = 0;

  constructor(bucketBits = 0) {
    this.bucketBits = bucketBits;
  }

  async deliver(): Promise<void> {
    this.agent.cut();
    await this.current.pipeline.handle(this.agent.spool.map((batch) => item(this.agent, batch)));
    // Acknowledged is forgotten: a timeline that is set back cannot get it again.
    this.agent.release(this.agent.lastSequence);
  }

  evict(): void {
    this.agent.cut();
    this.agent.spool.splice(0);
  }

  async reopen(): Promise<void> {
    await this.current.pipeline.close();
    this.current = open(this.store);
    this.#answered = 0;
  }

  /** A new epoch lists everything, and sends none of it. */
  forget(): void {
    this.#epochs += 1;
    const { known, nowUs, lastVersion } = this.agent;
    this.agent = new AgentStream(`e${this.#epochs}`, nowUs, Number(lastVersion) + 1).adopt(known);
    this.agent.send({ ...gapOfAll, cause: 'epoch_start' });
  }

  /** Until both agree. Returns how many rounds that took. */
  async compare(cause: 'epoch-start' | 'loss' | 'self-check'): Promise<number> {
    this.agent.digest(kind, cause, this.bucketBits);
    for (let round = 1; round <= 8; round++) {
      await this.deliver();
      const verdicts = this.#verdicts();
      assert.ok(verdicts.length > 0, 'a digest is answered');
      if (!verdicts.map((verdict) => this.agent.answer(kind, verdict)).includes(true)) return round;
    }
    throw new Error('the two ends never agreed');
  }

  #verdicts(): readonly KindVerdict[] {
    const all = this.current.feedback.flatMap((each) => (each.type === 'kind-verdict' ? [each.verdict] : []));
    const fresh = all.slice(this.#answered);
    this.#answered = all.length;
    return fresh;
  }

  async run(each: Step): Promise<void> {
    switch (each.type) {
      case 'put':
        this.agent.put(configMap(each.name, `uid-${each.name}-${each.life}`), body(each.name, { size: each.size }));
        return;
      case 'remove':
        if (this.agent.known.has(`\nconfigmaps\nshop\n${each.name}`)) this.agent.remove(configMap(each.name, ''));
        return;
      case 'deliver':
        return this.deliver();
      case 'evict':
        return this.evict();
      case 'forget':
        return this.forget();
      case 'restore':
        this.store.batches.splice(each.batches);
        return this.reopen();
    }
  }
}

const gapOfAll = {
  type: 'gap',
  group: '',
  resource: '',
  fromVersion: '',
  toVersion: '',
  fromUs: 0,
  toUs: 0,
  detail: '',
  fromSequence: 0,
  toSequence: 0,
} as const;

const assertTold = (rig: Rig): void => {
  const truth = sorted(knownOf(rig.agent));
  assert.deepEqual(sorted(inventoryOf(rig.current.pipeline)), truth);
  assert.deepEqual(sorted(replay(rig.store)), truth);
  const last = new Map<string, string>();
  for (const row of versionsOf(rig.store)) {
    const told = `${row.uid} ${row.body}`;
    assert.notEqual(last.get(row.name), told, 'a version is not recorded twice');
    last.set(row.name, told);
  }
};

describe('anti-entropy', () => {
  test('after any losses on both sides, replay = inventory = reality, and nothing is recorded twice', async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ steps, cause, bucketBits }) => {
        const rig = new Rig(bucketBits);
        for (const each of steps) await rig.run(each);
        await rig.compare(cause);
        assertTold(rig);
        const rows = versionsOf(rig.store).length;
        const gaps = gapsOf(rig.store).length;
        assert.equal(await rig.compare('self-check'), 1, 'what agrees is not asked for again');
        assert.equal(versionsOf(rig.store).length, rows);
        assert.equal(gapsOf(rig.store).length, gaps, 'no gap where nothing was lost');
        await rig.current.pipeline.close();
      }),
      { numRuns: 80 },
    );
  });

  test('a difference that a self-check finds is a gap that names kind, bounds and cause; one after a loss is not', async () => {
    for (const cause of ['self-check', 'loss'] as const) {
      const rig = new Rig();
      for (const each of ['a', 'b']) rig.agent.put(configMap(each), body(each, { size: 1 }));
      await rig.deliver();
      // The agent changes its mind without a word: nothing in the stream tells of it.
      rig.agent.known.delete('\nconfigmaps\nshop\nb');
      await rig.compare(cause);
      assertTold(rig);
      const gaps = gapsOf(rig.store).map(({ group, resource, cause: why, toVersion, observedAtUs, toUs }) => ({
        kind: `${group}/${resource}`,
        why,
        toVersion,
        isUpToNow: toUs === observedAtUs,
      }));
      const divergence = { kind: '/configmaps', why: 'divergence', toVersion: '2', isUpToNow: true };
      assert.deepEqual(gaps, cause === 'self-check' ? [divergence] : []);
      await rig.current.pipeline.close();
    }
  });

  test('a batch cannot make the collector compare without bounds: what is beyond is left for later', async () => {
    const rig = new Rig();
    await rig.current.pipeline.close();
    rig.current = open(rig.store, undefined, undefined, { comparedObjectsPerBatch: 3 });
    for (const each of ['a', 'b']) rig.agent.put(configMap(each), body(each, { size: 1 }));
    await rig.deliver();
    for (let i = 0; i < 5; i++) rig.agent.digest(kind, 'self-check');
    await rig.current.pipeline.handle([item(rig.agent, cutOf(rig.agent))]);
    assert.equal(rig.current.feedback.filter(({ type }) => type === 'kind-verdict').length, 1);
    assert.deepEqual(
      rig.current.pipeline.memories().map((memory) => memory.id),
      [id],
    );
    await rig.current.pipeline.close();
  });
});
