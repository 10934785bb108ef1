/** The checker against lies that are planted: whatever the timeline gets wrong, it must say so, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { check } from './check.ts';
import type { Allowance, Evidence, ProblemCode, RecordedGap, RecordedVersion } from './check.ts';
import { checkAudit, uncounted } from './check-audit.ts';
import type { AuditAllowance, AuditEvidence, LoggedEvent } from './check-audit.ts';
import type { Attributed } from '../flow/attribution.ts';
import { History } from './history.ts';
import type { ObjectHistory } from './history.ts';

const kindName = 'configmaps';
const redactionKey = Buffer.alloc(32, 1);

/** What etcd saw: revisions of a few ConfigMaps. A number is the content, 'same' a write that changes only a heartbeat. */
type Write = { readonly name: string; readonly act: number | 'same' | 'delete' };

function historyOf(writes: readonly Write[]): readonly ObjectHistory[] {
  const watched = new Map([['/ConfigMap', { kindName, servedVersion: 'v1' }]]);
  const history = new History({ watched, unwatched: new Set(), redactionKey });
  const current = new Map<string, { uid: string; n: number }>();
  writes.forEach(({ name, act }, at) => {
    const revision = 10 + at;
    const key = `/registry/configmaps/default/${name}`;
    const known = current.get(name);
    if (act === 'delete' || act === 'same') {
      if (known === undefined) return;
      if (act === 'delete') {
        current.delete(name);
        history.take({ key, revision, value: undefined });
        return;
      }
    }
    const next = { uid: known?.uid ?? `uid-${revision}`, n: act === 'same' ? (known?.n ?? 0) : act };
    current.set(name, next);
    const metadata = {
      name,
      namespace: 'default',
      uid: next.uid,
      managedFields: [{ time: revision }],
      annotations: { 'kubernetes.io/last-heartbeat': String(revision) },
    };
    const value = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { n: String(next.n) } });
    history.take({ key, revision, value });
  });
  return history.objects();
}

/** The timeline of an agent that saw everything. */
function toldInFull(histories: readonly ObjectHistory[]): RecordedVersion[] {
  const versions = histories.flatMap(({ key, runs }) =>
    runs.map(({ revisions: [first = 0], form, uid }, at) => ({
      key,
      uid,
      epochOrdinal: 1,
      sequence: first,
      index: 0,
      synthesised: false,
      op: form === undefined ? 'deleted' : at === 0 || runs[at - 1]?.form === undefined ? 'created' : 'modified',
      resourceVersion: String(first),
      body: form ?? '',
    })),
  );
  return versions.sort((a, b) => a.sequence - b.sequence);
}

const writes: readonly Write[] = [
  { name: 'a', act: 1 },
  { name: 'b', act: 1 },
  { name: 'a', act: 2 },
  { name: 'a', act: 'same' },
  { name: 'a', act: 1 },
  { name: 'b', act: 'delete' },
  { name: 'b', act: 1 },
  { name: 'a', act: 3 },
  { name: 'b', act: 2 },
];
const histories = historyOf(writes);
const told = toldInFull(histories);
const at = (resourceVersion: number): RecordedVersion =>
  told.find((row) => row.resourceVersion === String(resourceVersion)) ?? assert.fail('no such version');

const gap = (changes: Partial<RecordedGap> = {}): RecordedGap => ({
  kind: kindName,
  epochOrdinal: 1,
  cause: 'relist',
  detail: '',
  fromSequence: 0,
  toSequence: 0,
  fromVersion: '11',
  toVersion: '14',
  ...changes,
});
/** The API server forgot what was between 11 and 14. */
const forgotten: Allowance = {
  fault: 'API server restarted',
  causes: ['relist'],
  kinds: undefined,
  fromRevision: 11,
  toRevision: 14,
};

const codes = (changes: Partial<Evidence>): readonly ProblemCode[] => {
  const evidence = { histories, recorded: told, gaps: [], allowances: [], firstLookRevision: 0, ...changes };
  return check(evidence).problems.map(({ code }) => code);
};
const without = (...versions: readonly number[]): readonly RecordedVersion[] =>
  told.filter(({ resourceVersion }) => !versions.includes(Number(resourceVersion)));

test('a timeline that tells everything passes, and writes that change no form are no versions of it', () => {
  assert.deepEqual(codes({}), []);
  assert.equal(told.length, 8);
  assert.ok(!told.some(({ resourceVersion }) => resourceVersion === '13'));
});

test('a missing version is found, first, middle and last', () => {
  for (const version of [10, 12, 14, 15, 18]) assert.deepEqual(codes({ recorded: without(version) }), ['missing']);
});

test('a version told twice is found', () => {
  assert.deepEqual(codes({ recorded: [...told, at(12)] }), ['duplicate']);
  assert.deepEqual(codes({ recorded: [...told.slice(0, 3), at(12), ...told.slice(3)] }), ['duplicate']);
  // Another row for another revision of the same form is the same version again.
  const again = { ...at(12), resourceVersion: '13', sequence: 13, op: 'modified' };
  assert.deepEqual(codes({ recorded: [...told.slice(0, 3), again, ...told.slice(3)] }), ['duplicate']);
});

test('versions in another order are found', () => {
  const [first, second, third, ...rest] = told.filter(({ key }) => key === 'configmaps default/a');
  const others = told.filter(({ key }) => key !== 'configmaps default/a');
  const swapped = [first!, third!, second!, ...rest, ...others];
  assert.deepEqual(codes({ recorded: swapped }).toSorted(), ['missing', 'reordered']);
});

test('an invented version is found: of nothing, of no revision, of the wrong content, of a deletion that never was', () => {
  const invented = { ...at(12), key: 'configmaps default/never' };
  assert.deepEqual(codes({ recorded: [...told, invented] }), ['invented']);
  assert.deepEqual(codes({ recorded: [...told, { ...at(12), resourceVersion: '99' }] }), ['invented']);
  assert.deepEqual(codes({ recorded: told.map((row) => (row === at(14) ? { ...row, body: '{}' } : row)) }), [
    'altered',
  ]);
  const deletion = { ...at(15), key: 'configmaps default/a', uid: 'uid-10', sequence: 30 };
  assert.deepEqual(codes({ recorded: [...told, deletion] }), ['invented']);
  // What the API server reported has the version of the deletion; only what a list showed may have another.
  const late = told.map((row) => (row === at(15) ? { ...row, resourceVersion: '16' } : row));
  assert.deepEqual(codes({ recorded: late }), ['invented', 'missing']);
  assert.deepEqual(codes({ recorded: late.map((row) => ({ ...row, synthesised: row.op === 'deleted' })) }), []);
});

test('a gap excuses what began and ended in it, and only where a fault allows it', () => {
  const lost = { recorded: without(12), gaps: [gap()] };
  assert.deepEqual(codes({ ...lost, allowances: [forgotten] }), []);
  assert.deepEqual(codes({ recorded: without(12), allowances: [forgotten] }), ['missing']);
  assert.deepEqual(codes(lost), ['missing', 'needless-gap']);
  assert.deepEqual(codes({ ...lost, allowances: [{ ...forgotten, causes: ['spool_full'] }] }), [
    'missing',
    'needless-gap',
  ]);
  assert.deepEqual(codes({ ...lost, gaps: [gap({ kind: 'secrets' })], allowances: [forgotten] }), ['missing']);
  // What held when the gap closed could be read then.
  assert.deepEqual(codes({ recorded: without(12), gaps: [gap({ toVersion: '13' })], allowances: [forgotten] }), [
    'missing',
  ]);
});

test('a version that is back to what was told last needs no telling', () => {
  const back = historyOf([
    { name: 'a', act: 1 },
    { name: 'a', act: 2 },
    { name: 'a', act: 1 },
    { name: 'b', act: 1 },
  ]);
  const recorded = toldInFull(back).filter(({ resourceVersion }) => ['10', '13'].includes(resourceVersion));
  const gaps = [gap({ fromVersion: '10', toVersion: '13' })];
  const allowances = [{ ...forgotten, fromRevision: 10, toRevision: 13 }];
  assert.deepEqual(codes({ histories: back, recorded, gaps, allowances }), []);
});

test('a gap that no fault explains, or that is wider than the fault, is found although nothing is missing', () => {
  assert.deepEqual(codes({ gaps: [gap()] }), ['needless-gap']);
  assert.deepEqual(codes({ gaps: [gap({ toVersion: '15' })], allowances: [forgotten] }), ['wide-gap']);
  assert.deepEqual(codes({ gaps: [gap({ fromVersion: '10' })], allowances: [forgotten] }), ['wide-gap']);
  assert.deepEqual(codes({ gaps: [gap({ fromVersion: '' })], allowances: [forgotten] }), ['wide-gap']);
  assert.deepEqual(codes({ gaps: [gap({ cause: '' })], allowances: [forgotten] }), ['vague-gap']);
  assert.deepEqual(codes({ gaps: [gap({ toVersion: '' })], allowances: [forgotten] }), ['vague-gap']);
  // From before the last version that the kind had: quiet needs no telling apart.
  assert.deepEqual(codes({ gaps: [gap({ fromVersion: '12' })], allowances: [{ ...forgotten, fromRevision: 13 }] }), []);
});

test('a gap of sequences excuses as many versions as it has sequences, between its neighbours', () => {
  const spool = gap({
    kind: '',
    cause: 'spool_full',
    fromVersion: '',
    toVersion: '',
    fromSequence: 12,
    toSequence: 12,
  });
  const full: Allowance = { ...forgotten, causes: ['spool_full'] };
  assert.deepEqual(codes({ recorded: without(12), gaps: [spool], allowances: [full] }), []);
  const wide = { ...full, fromRevision: 0, toRevision: 30 };
  const two = { ...spool, fromSequence: 15, toSequence: 16 };
  assert.deepEqual(codes({ recorded: without(15, 16), gaps: [two], allowances: [wide] }), []);
  const one = { ...two, toSequence: 15 };
  assert.deepEqual(codes({ recorded: without(15, 16), gaps: [one], allowances: [wide] }), ['missing']);
  const before = { ...spool, fromSequence: 10, toSequence: 10 };
  assert.deepEqual(codes({ recorded: without(10, 15), gaps: [before], allowances: [wide] }), ['missing']);
  // A sequence that was recorded was not lost.
  assert.deepEqual(codes({ gaps: [spool], allowances: [wide] }), ['wide-gap']);
  // What a gap of versions explains leaves the room to what nothing else does.
  const hole = { recorded: without(11, 12), allowances: [wide, forgotten] };
  assert.deepEqual(codes({ ...hole, gaps: [spool, gap()] }), []);
  assert.deepEqual(codes({ ...hole, gaps: [spool] }), ['missing']);
});

test('an end that was inferred when a successor showed bounds nothing of what came between', () => {
  const acts = [1, 'delete', 1, 'delete', 1] as const;
  const lives = historyOf(acts.map((act) => ({ name: 'x', act })));
  const [first, end, , , last] = toldInFull(lives);
  const inferred = { ...end!, sequence: 14, index: 0, synthesised: true, resourceVersion: '14' };
  const told = { histories: lives, recorded: [first!, inferred, { ...last!, index: 1 }] };
  const sequences = { kind: '', cause: 'spool_full', fromVersion: '', toVersion: '' };
  const lost = gap({ ...sequences, fromSequence: 11, toSequence: 13 });
  const full: Allowance = { ...forgotten, causes: ['spool_full'], fromRevision: 0, toRevision: 30 };
  assert.deepEqual(codes({ ...told, gaps: [lost], allowances: [full] }), []);
  assert.deepEqual(codes({ ...told, gaps: [{ ...lost, toSequence: 11 }], allowances: [full] }), ['missing']);
});

test('what was over before the first look is not the timeline’s to tell, what lasted is', () => {
  assert.deepEqual(codes({ recorded: without(10, 12), firstLookRevision: 14 }), []);
  assert.deepEqual(codes({ recorded: without(11), firstLookRevision: 14 }), ['missing']);
  assert.deepEqual(codes({ recorded: without(11, 15), firstLookRevision: 15 }), []);
  assert.deepEqual(codes({ recorded: without(10, 12), firstLookRevision: 13 }), ['missing']);
});

test('invariant: of any history, the full telling passes and every single omission does not', () => {
  const act = fc.oneof(fc.nat({ max: 2 }), fc.constantFrom('same' as const, 'delete' as const));
  const anyWrites = fc.array(fc.record({ name: fc.constantFrom('a', 'b'), act }), { minLength: 1, maxLength: 25 });
  fc.assert(
    fc.property(anyWrites, fc.nat(), (some, choice) => {
      const anyHistories = historyOf(some);
      const rows = toldInFull(anyHistories);
      assert.deepEqual(codes({ histories: anyHistories, recorded: rows }), []);
      if (rows.length === 0) return;
      const omitted = choice % rows.length;
      const rest = rows.filter((_, place) => place !== omitted);
      assert.deepEqual(codes({ histories: anyHistories, recorded: rest }), ['missing']);
    }),
    { numRuns: 200 },
  );
});

const request = (n: number, changes: Partial<LoggedEvent> = {}): LoggedEvent => ({
  id: `request-${n} ResponseComplete`,
  auditId: `request-${n}`,
  facts: `ann patch configmaps, ${n}`,
  verb: 'patch',
  atMs: n * 100_000,
  isVain: false,
  version: `uid-${n} ${n}`,
  ...changes,
});
const logged = [1, 2, 3].map((n) => request(n));
const link = (changes: Partial<Attributed> = {}): Attributed => ({
  version: 'uid-2 2',
  resource: 'configmaps',
  confidence: 'exact',
  auditId: 'request-2',
  ...changes,
});
const honest: AuditEvidence = {
  logged,
  recorded: logged,
  gaps: [],
  allowances: [],
  coverage: '',
  sinceMs: 0,
  changes: [link()],
  truth: { made: new Map([['uid-2 2', 'request-2']]), idle: new Set(['request-3']), written: 0, noops: 0, refused: 0 },
};
const auditCodes = (changes: Partial<AuditEvidence>): readonly ProblemCode[] =>
  checkAudit({ ...honest, ...changes }).problems.map(({ code }) => code);

test('an audit event that is missing, told twice, told otherwise, or of no request is found', () => {
  const [first, second, third] = logged as [LoggedEvent, LoggedEvent, LoggedEvent];
  assert.deepEqual(auditCodes({}), []);
  assert.deepEqual(auditCodes({ recorded: [third, first, second] }), [], 'they come in any order');
  assert.deepEqual(auditCodes({ recorded: [first, third] }), ['missing']);
  assert.deepEqual(auditCodes({ recorded: [first, second, second, third] }), ['duplicate']);
  assert.deepEqual(auditCodes({ recorded: [first, { ...second, facts: 'bea' }, third] }), ['altered']);
  assert.deepEqual(auditCodes({ recorded: [...logged, request(4)] }), ['invented']);
  assert.deepEqual(auditCodes({ recorded: [second, third], sinceMs: 150_000 }), [], 'nobody was there to be told');
});

test('an audit event may be dropped where a fault allows it and the timeline says so', () => {
  const lost = { recorded: logged.filter(({ atMs }) => atMs !== 200_000) };
  const refused: AuditAllowance = { fault: 'refused', fromMs: 190_000, toMs: 210_000, isCounted: true };
  const drop = { cause: 'audit_drop', detail: '1 event', fromMs: 180_000, toMs: 240_000, count: 1 };
  assert.deepEqual(auditCodes({ ...lost, allowances: [refused], gaps: [drop] }), []);
  assert.deepEqual(auditCodes({ ...lost, allowances: [refused] }), ['missing']);
  const later = { ...drop, fromMs: 205_000 };
  assert.deepEqual(auditCodes({ ...lost, allowances: [refused], gaps: [later], coverage: uncounted }), ['missing']);
  assert.deepEqual(auditCodes({ ...lost, gaps: [drop] }), ['missing', 'needless-gap']);
  assert.deepEqual(auditCodes({ gaps: [drop] }), ['needless-gap']);
  assert.deepEqual(auditCodes({ allowances: [refused], gaps: [{ ...drop, fromMs: -300_000 }] }), ['wide-gap']);
  assert.deepEqual(auditCodes({ allowances: [refused], gaps: [{ ...drop, toMs: 300_000 }] }), ['wide-gap']);
  assert.deepEqual(auditCodes({ ...lost, allowances: [refused], gaps: [{ ...drop, count: 0 }] }), ['missing']);
  const everything = { ...drop, cause: 'epoch_start', fromMs: 0, count: Infinity };
  assert.deepEqual(auditCodes({ ...lost, allowances: [refused], gaps: [everything] }), []);
  assert.deepEqual(auditCodes({ ...lost, gaps: [everything] }), ['missing'], 'it excuses what a fault allows');
  // What died with the API server is counted by nobody.
  const killed = { ...refused, isCounted: false };
  assert.deepEqual(auditCodes({ ...lost, allowances: [killed] }), ['missing']);
  assert.deepEqual(auditCodes({ ...lost, allowances: [killed], coverage: `… was ${uncounted} …` }), []);
  assert.deepEqual(auditCodes({ ...lost, allowances: [{ ...killed, fromMs: 201_000 }], coverage: uncounted }), [
    'missing',
  ]);
});

test('who is named for sure, and did not make that version, is found', () => {
  const exactly = (changes: Partial<Attributed>, more: Partial<AuditEvidence> = {}): readonly ProblemCode[] =>
    auditCodes({ changes: [link(changes)], ...more });
  assert.deepEqual(exactly({ auditId: 'request-1' }), ['wrong-link'], 'it made another one');
  assert.deepEqual(exactly({ auditId: 'request-1', version: 'uid-1 2' }), ['wrong-link'], 'and of this object, too');
  assert.deepEqual(exactly({ auditId: 'request-1', version: 'uid-2 end' }), ['wrong-link'], 'and deleted another one');
  assert.deepEqual(exactly({ auditId: 'request-3', version: 'uid-3 3' }), ['wrong-link'], 'it changed nothing');
  assert.deepEqual(exactly({ auditId: 'request-9' }), ['wrong-link'], 'there was no such request');
  const vain = logged.map((event) => ({ ...event, isVain: true }));
  assert.deepEqual(exactly({}, { logged: vain }), ['wrong-link'], 'it failed');
  // Two were answered with the same version, as after a request that changes nothing: the writers know which it was.
  const both = logged.map((event) => ({ ...event, version: 'uid-2 2' }));
  assert.deepEqual(exactly({ auditId: 'request-1' }, { logged: both }), ['wrong-link']);
  assert.deepEqual(exactly({ auditId: 'request-1', confidence: 'probable' }), []);
  assert.deepEqual(exactly({ auditId: 'request-1', confidence: '' }), []);
  assert.deepEqual(exactly({ version: 'uid-2 end', auditId: 'request-2' }), [], 'the end of the very object');
});
