/**
 * Losses on either side of a real agent and a real line: afterwards the timeline is the cluster again, what never
 * changed is not sent and not recorded a second time, and what was lost is confessed.
 */
import assert from 'node:assert/strict';
import { copyFile, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { currentOf, recordTruth } from '../fakes/embedded/truth.ts';
import { until } from '../fakes/embedded/process.ts';
import { SmallSystem } from '../fakes/small-system.ts';

const watched = 'configmaps';
const url = '/api/v1/namespaces/default/configmaps';

class Story {
  readonly system: SmallSystem;
  readonly #truth: ReturnType<typeof recordTruth>;
  #batches = 0;
  #metrics = '';

  constructor(system: SmallSystem) {
    this.system = system;
    this.#truth = recordTruth(system.cluster, system.hmac, (resource) => resource === watched);
  }

  put(name: string, n: number): void {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { n: `${n}` } };
    const { actor } = this.system;
    const exists = actor.request('GET', `${url}/${name}`).status === 200;
    const answer = exists ? actor.request('PUT', `${url}/${name}`, body) : actor.request('POST', url, body);
    assert.ok(answer.status < 300, `${answer.status}`);
  }

  remove(name: string): void {
    assert.equal(this.system.actor.request('DELETE', `${url}/${name}`).status, 200);
  }

  get rows() {
    return this.system.store.batches.flatMap(({ stream, versions }) =>
      versions.map((row) => ({ ...row, epoch: stream.epoch })),
    );
  }

  /** Of the gaps since forgetGaps. */
  get gaps() {
    return this.system.store.batches.slice(this.#batches).flatMap(({ gaps }) => gaps);
  }

  get causes() {
    return this.gaps.map(({ cause }) => cause);
  }

  forgetGaps(): void {
    this.#batches = this.system.store.batches.length;
  }

  /** What the stories are about. */
  prepare(): void {
    for (const name of ['changed', 'removed', 'late']) this.put(name, 0);
  }

  /** Reads the agent's metrics; returns the newest sequence of its spool. */
  async look(): Promise<number> {
    this.#metrics = await (await fetch(`http://127.0.0.1:${this.system.agent?.healthPort}/metrics`)).text();
    return this.figure('spool_last_sequence');
  }

  figure(name: string): number {
    return Number(new RegExp(`^driftline_agent_${name} (\\d+)`, 'm').exec(this.#metrics)?.[1]);
  }

  #told(): Map<string, string> {
    const told = new Map<string, string>();
    for (const { namespace, name, op, body } of this.rows) {
      const key = `${watched} ${namespace}/${name}`;
      if (op === 'deleted') told.delete(key);
      else told.set(key, body);
    }
    return new Map([...told].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The timeline's last word about every object is what the API server has, and nothing was recorded twice. */
  async isTold(): Promise<void> {
    let difference = '';
    await until(() => {
      try {
        assert.deepEqual(this.#told(), currentOf(this.#truth.history));
        return true;
      } catch (error) {
        difference = (error as Error).message;
        return false;
      }
    }, 'the timeline is the cluster').catch((error: Error) => {
      throw new Error(`${error.message}: ${difference}`);
    });
    const last = new Map<string, string>();
    for (const { name, uid, body } of this.rows) {
      assert.notEqual(last.get(name), `${uid} ${body}`, `${name} is recorded twice`);
      last.set(name, `${uid} ${body}`);
    }
  }

  async hasAgreed(): Promise<void> {
    await until(async () => {
      await this.look();
      return (
        this.figure('reconcile_unagreed_kinds') === 0 && this.figure('reconcile_verdicts_total{outcome="agreed"}') > 0
      );
    }, 'both ends agree');
  }

  stop(): void {
    this.#truth.stop();
  }
}

describe('after a loss', () => {
  let system: SmallSystem;
  let story: Story;
  before(async () => {
    system = await SmallSystem.open();
    story = new Story(system);
    for (let i = 0; i < 40; i++) story.put(`still-${i}`, i);
    story.prepare();
    await system.startCollector();
    await system.startAgent(watched);
    await story.isTold();
    await story.hasAgreed();
  });
  after(async () => {
    story.stop();
    await system.close();
  });
  beforeEach(async () => {
    story.prepare();
    await story.isTold();
    story.forgetGaps();
  });

  it('an agent without its state sends what differs and nothing else', async () => {
    await system.stopAgent();
    await system.loseState();
    story.put('changed', 1);
    story.remove('removed');
    story.put('new', 1);
    const known = new Set(system.store.batches.map(({ stream }) => stream.epoch));
    await system.startAgent(watched);
    await story.isTold();
    await story.hasAgreed();
    const later = story.rows.filter(({ epoch }) => !known.has(epoch));
    const told = ['deleted removed', 'snapshot changed', 'snapshot new'];
    assert.deepEqual(later.map(({ name, op }) => `${op} ${name}`).toSorted(byText), told);
    assert.deepEqual(new Set(story.causes), new Set(['epoch_start']));
    // The first change of an object that was never sent in this epoch has its base.
    story.put('still-3', 99);
    await story.isTold();
    assert.equal(story.rows.at(-1)?.op, 'modified');
    assert.deepEqual(new Set(story.causes), new Set(['epoch_start']));
  });

  it('a timeline that was set back gets what it had, with the hole confessed', async () => {
    const kept = system.store.batches.length;
    story.put('changed', 2);
    story.remove('removed');
    await story.isTold();
    const recorded = (): boolean =>
      story.figure('spool_recorded_sequence') === system.store.batches.at(-1)?.lastSequence;
    await until(async () => (await story.look(), recorded()), 'the agent heard of it');
    await system.stopCollector();
    system.store.batches.splice(kept);
    await system.startCollector();
    await story.isTold();
    assert.deepEqual(story.causes, ['sequence_hole']);
  });

  it('a state directory that was set back, and grew before the collector returned: found and confessed', async () => {
    await story.hasAgreed();
    await system.stopAgent();
    await system.copyState();
    await system.startAgent(watched);
    for (let i = 10; i < 30; i++) story.put('changed', i);
    await story.isTold();
    await system.stopAgent();
    await system.stopCollector();
    await system.setStateBack();
    story.remove('removed');
    system.cluster.compact();
    await system.startAgent(watched);
    // The numbers of what is made now are taken, and there are more of them than were taken.
    const taken = system.store.batches.at(-1)?.lastSequence ?? 0;
    let n = 0;
    const grows = async (): Promise<boolean> => {
      story.put('late', ++n);
      return (await story.look()) > taken + 5;
    };
    await until(grows, 'the spool grew');
    await system.stopAgent();
    await system.startCollector();
    await system.startAgent(watched);
    await story.isTold();
    // Either the boundaries of batches show it, and another epoch begins, or a check does.
    assert.ok(story.causes.includes('divergence') || story.causes.includes('epoch_start'), story.causes.join());
  });

  it('a damaged spool: what was in the lost messages is found, without another word from the cluster', async () => {
    await system.stopCollector();
    const before = await story.look();
    story.put('changed', 3);
    story.remove('removed');
    await until(async () => (await story.look()) >= before + 2, 'both are spooled');
    await system.stopAgent();
    await damageNewestSegment(join(system.stateDir, 'spool'));
    await system.startCollector();
    await system.startAgent(watched);
    await story.isTold();
    assert.ok(story.causes.includes('spool_damage'), story.causes.join());
    assert.ok(!story.causes.includes('divergence'), 'the loss is explained already');
  });

  it('a torn spool behind what is recorded: nothing is told again, and no sequence is confessed that is there', async () => {
    await story.hasAgreed();
    await system.stopAgent();
    await system.copyState();
    await system.startAgent(watched);
    for (let i = 30; i < 34; i++) {
      story.put('changed', i);
      await story.isTold();
    }
    story.remove('removed');
    await story.isTold();
    await system.stopAgent();
    // As a kill leaves them: the known objects had not taken over what was spooled last.
    await copyFile(join(system.directory, 'copy', 'known.db'), join(system.stateDir, 'known.db'));
    await damageNewestSegment(join(system.stateDir, 'spool'));
    story.put('changed', 40);
    story.put('late', 40);
    await system.startAgent(watched);
    await story.isTold();
    await story.hasAgreed();
    assert.deepEqual(new Set(story.causes), new Set(['spool_damage']));
    const told = story.rows.map(
      ({ name, op, uid, resourceVersion }) => `${op === 'deleted'} ${name} ${uid} ${resourceVersion}`,
    );
    assert.deepEqual(told, [...new Set(told)], 'no version is told again');
    assert.deepEqual(
      story.gaps.filter(({ toSequence }) => toSequence > 0),
      [],
      'all sequences are recorded',
    );
  });
});

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

/** Flips a bit in the middle of what was written last. */
async function damageNewestSegment(spool: string): Promise<void> {
  const entries = await readdir(spool, { recursive: true, withFileTypes: true });
  const segments = entries
    .filter((entry) => entry.isFile() && /^\d+.*/.test(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const newest = segments.at(-1);
  assert.ok(newest !== undefined, entries.map(({ name }) => name).join());
  const file = await open(join(newest.parentPath, newest.name), 'r+');
  const { size } = await file.stat();
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, size - 20);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await file.write(byte, 0, 1, size - 20);
  await file.close();
}
