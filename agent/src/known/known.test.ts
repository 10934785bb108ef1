import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Delta, MessageBody } from '@driftline/proto';
import * as fc from 'fast-check';
import type { SequenceRange } from '../message-sink.ts';
import { type Known, openKnown } from './known.ts';
import { deflateForm, packForm, unpackForm } from './packed-form.ts';
import { type SpooledMessage, replay } from './replay.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftline-known-'));
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
let files = 0;
const newPath = (): string => join(folder, `known-${files++}.db`);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function delta(name: string, value: number | undefined, version: number): Delta {
  const full = value === undefined ? undefined : `{"value":${value}}`;
  return {
    type: 'delta',
    ref: { group: '', resource: 'pods', kind: 'Pod', namespace: 'shop', name, uid: `uid-${name}` },
    apiVersion: 'v1',
    resourceVersion: String(version),
    op: value === undefined ? 'deleted' : 'modified',
    baseHash: '',
    contentHash: full === undefined ? '' : sha256(full),
    full,
    patch: undefined,
    managers: [],
    synthesised: false,
    notBeforeUs: 0,
    versionSwitch: false,
  };
}

function stage(known: Known, body: Delta, durable: Promise<SequenceRange>): void {
  const { namespace, name, uid } = body.ref;
  const { resourceVersion, contentHash, apiVersion } = body;
  const object = {
    uid,
    apiVersion,
    resourceVersion,
    contentHash,
    packed: packForm({ canonical: body.full ?? '', owners: '' }),
  };
  known.kind('', 'pods').stage({
    changes: [body.op === 'deleted' ? { namespace, name } : { namespace, name, object }],
    progress: { resumeVersion: resourceVersion, seenVersion: resourceVersion },
    durable,
  });
}

function content(known: Known): Record<string, string> {
  const kind = known.kind('', 'pods');
  return Object.fromEntries([...kind.objects()].map((name) => [name.name, kind.get(name)?.contentHash ?? '']));
}

/** Written or staged, durable or not: members are what get knows. */
function assertMembers(known: Known): void {
  const kind = known.kind('', 'pods');
  const members = new Map([...kind.members()].map(({ name, uid, contentHash }) => [name, { uid, contentHash }]));
  const got = ['a', 'b', 'c', 'd'].flatMap((name) => {
    const object = kind.get({ namespace: 'shop', name });
    return object === undefined ? [] : [[name, { uid: object.uid, contentHash: object.contentHash }] as const];
  });
  assert.deepEqual(members, new Map(got));
}

async function* from(messages: readonly SpooledMessage[]): AsyncGenerator<SpooledMessage> {
  yield* messages;
}

const step = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  value: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
  isDurable: fc.boolean(),
  commits: fc.boolean(),
});

test('after a kill at any moment, known objects and the resume version agree with what is durable', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const path = newPath();
      const known = openKnown({ path, epoch: 'e' });
      const spool: SpooledMessage[] = [];
      const waiting: (() => void)[] = [];
      known.kind('', 'pods').stage({ progress: { resumeVersion: '1', isSynced: true } });
      await known.kind('', 'pods').flush();
      for (const [index, { name, value, isDurable, commits }] of steps.entries()) {
        const sequence = index + 1;
        const body = delta(name, value, sequence + 10);
        const { promise, resolve } = Promise.withResolvers<SequenceRange>();
        stage(known, body, promise);
        assertMembers(known);
        waiting.push(() => {
          spool.push({ sequence, body });
          resolve({ firstSequence: sequence, lastSequence: sequence });
        });
        // Durable in order: everything before is, too.
        if (isDurable) for (const makeDurable of waiting.splice(0)) makeDurable();
        if (isDurable && commits) await known.kind('', 'pods').flush();
        await new Promise((next) => setImmediate(next));
      }
      const image = newPath();
      for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) cpSync(path + suffix, image + suffix);
      const revived = openKnown({ path: image, epoch: 'e' });
      assert.equal(revived.isNew, false);
      await replay(revived, from(spool));
      const model: Record<string, string> = {};
      for (const { body } of spool as { body: Delta }[]) {
        if (body.op === 'deleted') delete model[body.ref.name];
        else model[body.ref.name] = body.contentHash;
      }
      assert.deepEqual(content(revived), model);
      const { resumeVersion } = revived.kind('', 'pods').progress();
      assert.equal(resumeVersion, spool.length === 0 ? '1' : String(spool.length + 10));
      await revived.close();
      for (const makeDurable of waiting) makeDurable();
      await known.close();
      for (const suffix of ['', '-wal']) for (const file of [path, image]) rmSync(file + suffix, { force: true });
    }),
    { numRuns: 25 },
  );
});

test('a list that a kill interrupted cannot be resumed; one whose end is in the spool can', async () => {
  const known = openKnown({ path: newPath(), epoch: 'e' });
  const listed: SpooledMessage = { sequence: 1, body: { ...delta('a', 1, 40), op: 'snapshot' } };
  await replay(known, from([listed, { sequence: 2, body: delta('a', 2, 41) }]));
  assert.equal(known.kind('', 'pods').progress().resumeVersion, '');
  const synced: MessageBody = {
    type: 'kind-synced',
    group: '',
    resource: 'pods',
    kind: 'Pod',
    resourceVersion: '50',
    objects: 1,
  };
  await replay(
    known,
    from([
      { sequence: 3, body: synced },
      { sequence: 4, body: delta('b', 2, 51) },
    ]),
  );
  const { resumeVersion, isSynced } = known.kind('', 'pods').progress();
  assert.deepEqual([resumeVersion, isSynced], ['51', true]);
  await known.close();
});

test('of a kind that has gone it is known after a kill, too, that nothing is left of it', async () => {
  const known = openKnown({ path: newPath(), epoch: 'e' });
  const pods = { group: '', resource: 'pods', kind: 'Pod' };
  const gone: MessageBody = { type: 'coverage', ...pods, state: 'gone', reason: 'not served' };
  const synced: MessageBody = { type: 'kind-synced', ...pods, resourceVersion: '50', objects: 0 };
  await replay(known, from([{ sequence: 1, body: gone }]));
  assert.equal(known.kind('', 'pods').progress().isSynced, true, 'its next list is not its first');
  await replay(
    known,
    from([
      { sequence: 2, body: synced },
      { sequence: 3, body: gone },
    ]),
  );
  assert.equal(known.kind('', 'pods').progress().resumeVersion, '', 'and it has to be listed');
  assert.equal(known.kind('', 'pods').progress().seenVersion, '50');
  const gap = {
    type: 'gap',
    ...pods,
    cause: 'relist',
    detail: '',
    fromUs: 1,
    toUs: 2,
    fromSequence: 0,
    toSequence: 0,
  } as const;
  const digest: MessageBody = {
    type: 'kind-digest',
    ...pods,
    resourceVersion: '80',
    cause: 'self-check',
    version: 1,
    bucketBits: 0,
    objects: 0,
    digests: new Uint8Array(16),
    agreedVersion: '',
    agreedAtUs: 0,
  };
  await replay(
    known,
    from([
      { sequence: 4, body: { ...gap, fromVersion: '50', toVersion: '80' } },
      { sequence: 5, body: gone },
      { sequence: 6, body: digest },
    ]),
  );
  const { resumeVersion, seenVersion } = known.kind('', 'pods').progress();
  assert.deepEqual([resumeVersion, seenVersion], ['', '80'], 'what is confessed once is not confessed again');
  await known.close();
});

test('patches are applied in replay; one against another base makes the object forgotten', async () => {
  const known = openKnown({ path: newPath(), epoch: 'e' });
  const base = delta('a', 1, 1);
  const after = '{"value":2}';
  const patch: Delta = {
    ...delta('a', 2, 2),
    full: undefined,
    baseHash: base.contentHash,
    contentHash: sha256(after),
    patch: '[{"op":"replace","path":"/value","value":2}]',
  };
  await replay(
    known,
    from([
      { sequence: 1, body: base },
      { sequence: 2, body: patch },
    ]),
  );
  const object = known.kind('', 'pods').get({ namespace: 'shop', name: 'a' });
  assert.equal(unpackForm(object!.packed).canonical, after);
  await replay(known, from([{ sequence: 3, body: patch }]));
  assert.equal(known.kind('', 'pods').get({ namespace: 'shop', name: 'a' }), undefined);
  await known.close();
});

test('a file of another epoch or of no sense is replaced, and said so', async () => {
  const path = newPath();
  const first = openKnown({ path, epoch: 'one' });
  assert.equal(first.isNew, true);
  stage(first, delta('a', 1, 1), Promise.resolve({ firstSequence: 1, lastSequence: 1 }));
  await first.close();
  const same = openKnown({ path, epoch: 'one' });
  assert.deepEqual([same.isNew, same.count(), same.appliedSequence()], [false, 1, 1]);
  await same.close();
  const other = openKnown({ path, epoch: 'two' });
  assert.deepEqual([other.isNew, other.problem, other.count()], [true, undefined, 0]);
  await other.close();
  writeFileSync(path, 'this is no database, whatever its name may be');
  const damaged = openKnown({ path, epoch: 'two' });
  assert.equal(damaged.isNew, true);
  assert.notEqual(damaged.problem, undefined);
  await damaged.close();
});

test('the spool may forget what is applied, and all of it when nothing of ours waits', async () => {
  const known = openKnown({ path: newPath(), epoch: 'e' });
  assert.equal(known.releasable(7), 7);
  await known.kind('', 'pods').flush();
  const { promise, resolve } = Promise.withResolvers<SequenceRange>();
  stage(known, delta('a', 1, 1), promise);
  assert.equal(known.releasable(7), 7, 'what waits comes after');
  resolve({ firstSequence: 8, lastSequence: 8 });
  await promise;
  assert.equal(known.releasable(8), 0, 'durable and not committed');
  await known.kind('', 'pods').flush();
  assert.equal(known.appliedSequence(), 8);
  assert.equal(known.releasable(9), 9);
  await known.close();
});

test('what the spool refused is never written, and whoever waits learns of it', async () => {
  const path = newPath();
  const known = openKnown({ path, epoch: 'e' });
  stage(known, delta('a', 1, 1), Promise.resolve({ firstSequence: 1, lastSequence: 1 }));
  stage(known, delta('b', 1, 2), Promise.reject(new Error('closed')));
  stage(known, delta('c', 1, 3), Promise.resolve({ firstSequence: 3, lastSequence: 3 }));
  await assert.rejects(known.kind('', 'pods').flush(), /closed/);
  await known.close();
  const again = openKnown({ path, epoch: 'e' });
  assert.deepEqual([Object.keys(content(again)), again.appliedSequence()], [['a'], 1]);
  await again.close();
});

test('mistrusted, every kind is listed again, and that is committed with the sequence that is lost', async () => {
  const path = newPath();
  const known = openKnown({ path, epoch: 'e' });
  const progress = {
    resumeVersion: '5',
    seenVersion: '5',
    isSynced: true,
    isAgreed: true,
    coverage: 'watched',
  } as const;
  known.kind('', 'pods').stage({ progress });
  stage(known, delta('a', 1, 1), Promise.resolve({ firstSequence: 1, lastSequence: 1 }));
  await known.kind('', 'pods').flush();
  await known.mistrust(9);
  const image = newPath();
  for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) cpSync(path + suffix, image + suffix);
  for (const each of [known, openKnown({ path: image, epoch: 'e' })]) {
    const { seenVersion, ...anew } = each.kind('', 'pods').progress();
    assert.equal(each.appliedSequence(), 9);
    assert.equal(seenVersion, '1', 'where the gap begins');
    assert.deepEqual(
      [anew.resumeVersion, anew.isSynced, anew.isAgreed, anew.coverage, each.count()],
      ['', false, false, '', 1],
    );
    await each.close();
  }
});

test('any form survives packing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (canonical, owners) => {
      const form = { canonical: JSON.stringify(canonical), owners: JSON.stringify(owners) };
      const packed = packForm(form);
      assert.deepEqual(unpackForm(packed), form);
      assert.deepEqual(unpackForm(deflateForm(packed)), form);
    }),
  );
});

test('a file that has grown large keeps forms deflated, and what is known stays the same', async () => {
  const value = 'x'.repeat(4_000);
  const full = `{"value":"${value}"}`;
  const sizes = await Promise.all(
    [0, 1_000_000].map(async (plainFormsLimitBytes) => {
      const path = newPath();
      const known = openKnown({ path, epoch: 'e', limits: { plainFormsLimitBytes } });
      for (let i = 1; i <= 50; i++) {
        stage(known, { ...delta(`pod-${i}`, i, i), full }, Promise.resolve({ firstSequence: i, lastSequence: i }));
      }
      await known.kind('', 'pods').flush();
      const found = known.kind('', 'pods').get({ namespace: 'shop', name: 'pod-7' });
      assert.equal(unpackForm(found!.packed).canonical, full);
      await known.close();
      return statSync(path).size;
    }),
  );
  const [small = 0, large = 0] = sizes;
  assert.ok(small * 4 < large, `${small} and ${large} bytes`);
});

test('names come in pages, each once, whatever is written between two', async () => {
  const known = openKnown({ path: newPath(), epoch: 'e' });
  const kind = known.kind('', 'pods');
  const object = { uid: 'u', apiVersion: 'v1', resourceVersion: '1', contentHash: 'c', packed: new Uint8Array(1) };
  const places = ['', 'shop', 'zoo'].flatMap((namespace) =>
    Array.from({ length: 200 }, (_, i) => ({ namespace, name: `web-${i}` })),
  );
  const durable = Promise.resolve({ firstSequence: 1, lastSequence: 1 });
  known.kind('', 'nodes').stage({ changes: [{ namespace: 'shop', name: 'other', object }], durable });
  kind.stage({ changes: places.map((place) => ({ ...place, object })), durable });
  await kind.flush();
  const met: string[] = [];
  for (const page of kind.names()) {
    met.push(...page.map(({ namespace, name }) => `${namespace}/${name}`));
    kind.stage({ changes: page.map((place) => ({ ...place, object })), durable });
    await kind.settled();
  }
  assert.deepEqual(met, places.map(({ namespace, name }) => `${namespace}/${name}`).sort());
  await known.close();
});
