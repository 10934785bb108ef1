/**
 * Histories whose truth is known, told in every order: the links that count in the end are a function of what happened,
 * never of the order in which it became known, and an exact one names who really did it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { LinkRow } from '../timeline/rows.ts';
import { createCorrelator } from './correlate.ts';
import type { AuditFacts, ChangeFacts } from './correlate-rules.ts';

const startUs = 1_700_000_000_000_000;
const second = 1_000_000;
const users = ['ann', 'bea', 'carl', 'dora'] as const;

const steps = fc.array(
  fc.record({
    object: fc.constantFrom('x', 'y'),
    user: fc.constantFrom(...users),
    act: fc.constantFrom(
      'write',
      'write',
      'write',
      'noop',
      'failed',
      'dry-run',
      'delete',
      'release',
      'sweep',
      'guarded',
    ),
    hasBody: fc.boolean(),
    // From the middle of one request to the next by more than the second that field managers are told in and clocks may
    // differ by: within it, a request that changed nothing cannot be told from one that was not audited.
    pauseUs: fc.oneof(fc.integer({ min: 1_300_000, max: 4_000_000 }), fc.integer({ min: 5_000_000, max: 90_000_000 })),
    takesUs: fc.integer({ min: 2_000, max: 400_000 }),
    lagUs: fc.oneof(fc.integer({ min: 0, max: 300_000 }), fc.integer({ min: 0, max: 1_200_000_000 })),
    isLost: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
  }),
  { minLength: 3, maxLength: 24 },
);
type Steps = typeof steps extends fc.Arbitrary<infer S> ? S : never;
type Asked = Omit<Steps[number], 'object'> & { readonly object: string };

type Live = { uid: string; version: string; isMarked: boolean };
type World = {
  readonly changes: ChangeFacts[];
  readonly audits: AuditFacts[];
  /** Digests of the request that made each change, by its sequence; lost ones included. */
  readonly truth: Map<number, string>;
};

const auditOf = (digest: string, facts: Partial<AuditFacts>): AuditFacts => ({
  sequence: 0,
  digest,
  auditId: digest,
  stage: 'ResponseComplete',
  level: 'Metadata',
  verb: 'patch',
  group: '',
  resource: 'configmaps',
  subresource: '',
  namespace: 'shop',
  name: '',
  uid: '',
  resourceVersion: '',
  user: '',
  groups: [],
  impersonatedUser: '',
  sourceIps: [],
  userAgent: '',
  code: 200,
  happenedAtUs: 0,
  observedAtUs: startUs,
  dryRun: false,
  fieldManager: '',
  requestVersion: '',
  receivedAtUs: 0,
  ...facts,
});

/** What an API server and an agent make of it. Observations come in order, whatever each one's lag. */
class Stage {
  readonly world: World = { changes: [], audits: [], truth: new Map() };
  readonly #live = new Map<string, Live>();
  #nowUs = startUs;
  #observedUs = startUs;
  #version = 1;
  #digest = 0;

  play(step: Steps[number]): void {
    this.#nowUs += step.pauseUs;
    const live = this.#live.get(step.object);
    switch (step.act) {
      case 'write':
      case 'guarded':
        return this.#write(step, live);
      case 'noop':
        if (live !== undefined) this.#ask(step, this.#answer(step, live));
        return;
      case 'failed':
        return void this.#ask(step, { code: 409, verb: 'update' });
      case 'dry-run':
        return void this.#ask(step, { dryRun: true, ...(live === undefined ? {} : this.#answer(step, live)) });
      case 'delete':
        if (live !== undefined) this.#delete(step, live);
        return;
      case 'release':
        if (live?.isMarked === true) this.#release(step, live);
        return;
      case 'sweep':
        return this.#sweep(step);
    }
  }

  #write(step: Steps[number], live: Live | undefined): void {
    const commitUs = this.#nowUs + step.takesUs / 2;
    const requestVersion = step.act === 'guarded' && live !== undefined ? live.version : '';
    const version = String(++this.#version);
    const uid = live?.uid ?? `uid-${version}`;
    const now: Live = { uid, version, isMarked: live?.isMarked ?? false };
    this.#live.set(step.object, now);
    const isNew = live === undefined;
    const manager = {
      manager: `tool-${step.user}`,
      operation: 'Update',
      subresource: '',
      timeUs: Math.floor(commitUs / second) * second,
      paths: ['/data/turn'],
    };
    const op = isNew ? ('created' as const) : ('modified' as const);
    const sequence = this.#see(step, now, { op, commitUs, managers: [manager], paths: isNew ? [] : ['/data/turn'] });
    const verb = isNew ? 'create' : requestVersion === '' ? 'patch' : 'update';
    const digest = this.#ask(step, { ...this.#answer(step, now), verb, requestVersion, code: isNew ? 201 : 200 });
    this.world.truth.set(sequence, digest);
  }

  #delete(step: Steps[number], live: Live): void {
    const commitUs = this.#nowUs + step.takesUs / 2;
    const uid = step.hasBody ? live.uid : '';
    if (live.isMarked) return void this.#ask(step, { verb: 'delete', uid });
    if (step.user === 'carl') return this.#deleteAtOnce(step, live);
    const digest = this.#ask(step, { verb: 'delete', uid });
    const version = String(++this.#version);
    const isWaiting = step.user === 'dora';
    const now = { ...live, version, isMarked: true };
    if (!isWaiting) this.#live.delete(step.object);
    else this.#live.set(step.object, now);
    const op = isWaiting ? ('modified' as const) : ('deleted' as const);
    const paths = isWaiting ? ['/metadata/deletionTimestamp'] : [];
    this.world.truth.set(this.#see(step, now, { op, commitUs, managers: [], paths }), digest);
    if (isWaiting) this.#askedBy.set(live.uid, digest);
  }

  /** As a Pod without a grace period: one request marks it, and answers with its end. */
  #deleteAtOnce(step: Steps[number], live: Live): void {
    const commitUs = this.#nowUs + step.takesUs / 2;
    const marked = { ...live, version: String(++this.#version) };
    const ended = { ...live, version: String(++this.#version) };
    const digest = this.#ask(step, { ...this.#answer(step, ended), verb: 'delete' });
    this.#live.delete(step.object);
    const seen = { commitUs, managers: [] };
    const paths = ['/metadata/deletionTimestamp'];
    this.world.truth.set(this.#see(step, marked, { ...seen, op: 'modified', paths }), digest);
    this.world.truth.set(this.#see(step, ended, { ...seen, op: 'deleted', paths: [] }), digest);
  }

  readonly #askedBy = new Map<string, string>();

  /** The last finalizer goes, and the object with it: who asked for its deletion is the cause. */
  #release(step: Steps[number], live: Live): void {
    const commitUs = this.#nowUs + step.takesUs / 2;
    const version = String(++this.#version);
    this.#ask(step, this.#answer(step, { ...live, version }));
    this.#live.delete(step.object);
    const sequence = this.#see(step, { ...live, version }, { op: 'deleted', commitUs, managers: [], paths: [] });
    this.world.truth.set(sequence, this.#askedBy.get(live.uid) ?? '');
  }

  #sweep(step: Steps[number]): void {
    const digest = this.#ask({ ...step, object: '' }, { verb: 'deletecollection' });
    for (const [object, live] of this.#live) {
      if (live.isMarked) continue;
      this.#live.delete(object);
      const commitUs = this.#nowUs + step.takesUs / 2;
      const now = { ...live, version: String(++this.#version) };
      this.world.truth.set(
        this.#see({ ...step, object }, now, { op: 'deleted', commitUs, managers: [], paths: [] }),
        digest,
      );
    }
  }

  #answer(step: Asked, { uid, version }: Live): Partial<AuditFacts> {
    return step.hasBody ? { level: 'RequestResponse', uid, resourceVersion: version } : {};
  }

  #ask(step: Asked, facts: Partial<AuditFacts>): string {
    const digest = `d${++this.#digest}`;
    const tool = `tool-${step.user}`;
    const times = { receivedAtUs: this.#nowUs, happenedAtUs: this.#nowUs + step.takesUs };
    const audit = auditOf(digest, { name: step.object, user: step.user, userAgent: `${tool}/1`, ...times, ...facts });
    if (!step.isLost) this.world.audits.push(audit);
    return digest;
  }

  #see(
    step: Asked,
    live: Live,
    seen: Pick<ChangeFacts, 'op' | 'paths' | 'managers'> & { readonly commitUs: number },
  ): number {
    const { commitUs, ...facts } = seen;
    const sequence = this.world.changes.length + 1;
    this.#observedUs = Math.max(this.#observedUs + 1, commitUs + step.lagUs);
    this.world.changes.push({
      epoch: 'e1',
      sequence,
      group: '',
      resource: 'configmaps',
      kind: 'ConfigMap',
      apiVersion: 'v1',
      namespace: 'shop',
      name: step.object,
      uid: live.uid,
      resourceVersion: live.version,
      observedAtUs: this.#observedUs,
      notBeforeUs: startUs,
      synthesised: false,
      ...facts,
    });
    return sequence;
  }
}

const worldOf = (history: Steps): World => {
  const stage = new Stage();
  for (const step of history) stage.play(step);
  return stage.world;
};

/** Some merging of the changes, in order, and the events in any order, some of them twice. */
const told = ({ changes, audits }: World, seeds: readonly number[]): readonly (ChangeFacts | AuditFacts)[] => {
  const keyed = audits.map((audit, at) => ({ audit, key: seeds[at % seeds.length] ?? 0 }));
  const shuffled = keyed.toSorted((a, b) => a.key - b.key).map(({ audit }) => audit);
  const lines: (ChangeFacts | AuditFacts)[] = [];
  let next = 0;
  for (const [at, change] of changes.entries()) {
    const take = Math.floor((seeds[(at + 7) % seeds.length] ?? 0) * 4);
    lines.push(...shuffled.slice(next, next + take), change);
    next += take;
  }
  return [...lines, ...shuffled.slice(next)].map((line, at) => ({
    ...line,
    ...('auditId' in line ? { sequence: 1000 + at } : {}),
  }));
};

type Final = ReadonlyMap<number, LinkRow>;

/** `restartAt`: after so many lines another collector takes over. */
const finalLinks = (lines: readonly (ChangeFacts | AuditFacts)[], restartAt: number): Final => {
  let correlator = createCorrelator();
  const links: LinkRow[] = [];
  for (const [at, line] of lines.entries()) {
    if (at === restartAt) {
      const before = lines.slice(0, at);
      correlator = createCorrelator();
      correlator.restore({
        versions: before.filter((one) => !('auditId' in one)) as ChangeFacts[],
        audits: before.filter((one) => 'auditId' in one).map((one) => ({ ...(one as AuditFacts), epoch: 'e1' })),
        links,
      });
    }
    if (!('auditId' in line)) links.push(...correlator.change(line));
    else if (!correlator.knows(line.digest)) links.push(...correlator.audit(line));
  }
  const last = new Map(links.map((link) => [link.changeSequence, link]));
  for (const [sequence, link] of last) if (link.confidence === 'none') last.delete(sequence);
  return last;
};

const summary = (links: Final): readonly string[] =>
  [...links.values()]
    .map(({ changeSequence, auditDigest, confidence }) => `${changeSequence}: ${auditDigest} ${confidence}`)
    .sort();

const seeds = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 40, maxLength: 40 });

test('whatever the order in which changes and events become known, the same links count in the end', () => {
  fc.assert(
    fc.property(steps, seeds, seeds, fc.integer({ min: 0, max: 40 }), (history, first, second, restartAt) => {
      const world = worldOf(history);
      const one = summary(finalLinks(told(world, first), -1));
      assert.deepEqual(summary(finalLinks(told(world, second), -1)), one);
      assert.deepEqual(summary(finalLinks(told(world, second), restartAt)), one);
    }),
    { numRuns: 400 },
  );
});

test('an exact link names who really made the change, and a request makes one change', (context) => {
  const counts = { exact: 0, probable: 0, right: 0, changes: 0 };
  fc.assert(
    fc.property(steps, seeds, (history, order) => {
      const world = worldOf(history);
      const links = finalLinks(told(world, order), -1);
      const verbs = new Map(world.audits.map((audit) => [audit.digest, audit]));
      const made = new Map<string, number>();
      counts.changes += world.changes.length;
      for (const [sequence, { auditDigest, confidence }] of links) {
        const truth = world.truth.get(sequence);
        const audit = verbs.get(auditDigest);
        assert.ok(audit !== undefined && audit.code < 300 && !audit.dryRun);
        if (confidence === 'exact') assert.equal(auditDigest, truth, `change ${sequence} is another's`);
        counts[confidence === 'exact' ? 'exact' : 'probable'] += 1;
        if (confidence !== 'exact' && auditDigest === truth) counts.right += 1;
        made.set(auditDigest, (made.get(auditDigest) ?? 0) + 1);
        const most = audit.verb === 'deletecollection' ? Infinity : audit.verb === 'delete' ? 2 : 1;
        assert.ok((made.get(auditDigest) ?? 0) <= most, `${auditDigest} (${audit.verb}) made too many changes`);
      }
    }),
    { numRuns: 400 },
  );
  context.diagnostic(JSON.stringify(counts));
  assert.ok(counts.exact > 500 && counts.probable > 300, JSON.stringify(counts));
  assert.ok(counts.right / counts.probable > 0.9, JSON.stringify(counts));
});
