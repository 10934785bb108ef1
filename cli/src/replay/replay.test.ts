import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ApiRecord, Json } from '@driftline/proto';
import { type Bundle, loadBundle } from '@driftline/policy';
import { CliError } from '../exit-code.ts';
import { readRecordingFile, saved } from './recording-file.ts';
import type { RecordingEntry } from './recording.ts';
import { replay } from './replay.ts';

const folder = mkdtempSync(join(tmpdir(), 'driftline-replay-'));
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

const pod = (name: string): Json => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop' } });
const bad = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'shop' }, spec: { hostPID: true } };

const control = {
  apiVersion: 'driftline.dev/v1',
  kind: 'Control',
  id: 'OWN-001',
  title: 'No process namespace of the host',
  severity: 'high',
  weight: 1,
  category: 'compute',
  rationale: 'They see each other.',
  remediation: { summary: 'Leave it out.', fields: ['spec.hostPID'], impact: 'none' },
  references: ['https://example.org'],
  frameworks: {},
  match: { kinds: [{ group: '', kind: 'Pod' }] },
  cel: {
    validations: [{ path: 'spec.hostPID', expression: '!object.?spec.?hostPID.orValue(false)', message: 'it is set' }],
  },
  cases: [
    { name: 'without', expect: 'pass', objects: [pod('a')] },
    { name: 'with', expect: 'fail', objects: [bad] },
  ],
};

const exception = {
  apiVersion: 'driftline.dev/v1',
  kind: 'Exception',
  id: 'EX-1',
  controls: ['OWN-001'],
  scope: { namespaces: ['shop'] },
  owner: 'team-a',
  approver: 'alice',
  reason: 'soon',
  expires: '2026-01-01T00:00:05Z',
};

function bundleOf(...files: readonly unknown[]): Bundle {
  const result = loadBundle({
    files: files.map((file, index) => ({ path: `${index}.yaml`, text: JSON.stringify(file) })),
    relations: [],
    sha256: (text) => String(text.length).padEnd(64, '0'),
  });
  assert.ok(result.ok, JSON.stringify(result));
  return result.bundle;
}

const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000Z`;
const place = (second: number) => ({ epoch: 'e1', order: [1, second, 0] as const, at: at(second) });
const object = { cluster: 'c', group: '', kind: 'Pod', resource: 'pods', namespace: 'shop', name: 'web', uid: 'u1' };
const version = (second: number, body: Json): ApiRecord => ({
  type: 'version',
  ...place(second),
  object,
  apiVersion: 'v1',
  op: body === null ? 'deleted' : 'modified',
  body,
});
const recorded = (second: number, state: 'opened' | 'resolved'): ApiRecord => ({
  type: 'transition',
  ...place(second),
  state,
  object: { ...object, resource: '' },
  findingId: 'f1',
  control: 'OWN-001',
  title: 't',
  severity: 'high',
  path: 'spec.hostPID',
  value: '',
  reason: 'r',
  bundle: 'b',
  cause: 'change',
});
const coverage = (second: number, state: 'watched' | 'forbidden'): ApiRecord => ({
  type: 'coverage',
  ...place(second),
  group: '',
  resource: 'pods',
  kind: 'Pod',
  state,
  reason: '',
});

function recording(
  records: readonly ApiRecord[],
  since: string | null = null,
  states: readonly ApiRecord[] = [],
): readonly RecordingEntry[] {
  return [
    { type: 'begin', version: 2, cluster: 'c', since, until: '2026-01-01T00:00:30.000Z', gaps: 0 },
    ...states.map((record) => ({ type: 'state', record }) as const),
    ...records.map((record) => ({ type: 'record', record }) as const),
    { type: 'end', cluster: 'c' },
  ];
}

async function* given(entries: readonly RecordingEntry[]): AsyncGenerator<RecordingEntry, void> {
  yield* entries;
}

async function only(entries: readonly RecordingEntry[], bundle: Bundle) {
  const [cluster] = await Array.fromAsync(replay(given(entries), bundle));
  assert.ok(cluster);
  return cluster;
}

test('what agrees is counted, what does not is told with its times', async () => {
  const story = [
    coverage(1, 'watched'),
    version(2, bad),
    recorded(2, 'opened'),
    version(4, pod('web')),
    recorded(4, 'resolved'),
  ];
  const same = await only(recording(story), bundleOf(control));
  assert.deepEqual([same.comparison.same, same.comparison.differences, same.versions], [1, [], 2]);

  const late = await only(recording([...story.slice(0, 2), ...story.slice(3)]), bundleOf(control));
  const [found] = late.comparison.differences;
  assert.deepEqual(
    [found?.verdict, found?.candidate, found?.recorded, found?.onlyCandidateMs],
    ['new', { openedAt: at(2), openedBy: 'e1:2', resolvedAt: at(4), times: 1 }, null, 2_000],
  );

  const other = { ...control, id: 'OWN-002' };
  const none = await only(recording(story), bundleOf(other));
  assert.deepEqual([none.otherControls, none.comparison.counts.new], [['OWN-001'], { high: 1 }]);
});

test('an exception ends within the recorded time, at its moment; what is lost is told', async () => {
  const story = [coverage(1, 'watched'), version(2, bad), recorded(2, 'opened')];
  const { comparison } = await only(recording(story), bundleOf(control, exception));
  const [shifted] = comparison.differences;
  assert.deepEqual(
    [shifted?.verdict, shifted?.candidate?.openedAt, shifted?.recorded?.openedAt, shifted?.onlyRecordedMs],
    ['shifted', at(5), at(2), 3_000],
  );
  const never = await only(
    recording([...story, recorded(4, 'resolved')]),
    bundleOf(control, { ...exception, expires: '2027-01-01' }),
  );
  assert.deepEqual([never.comparison.differences[0]?.verdict, never.comparison.counts.lost], ['lost', { high: 1 }]);
});

test('from a state on: what stands at the beginning is so at the beginning, not new', async () => {
  const state = [coverage(1, 'watched'), version(2, bad), recorded(2, 'opened')];
  const gone = [version(12, null), recorded(12, 'resolved')];
  const same = await only(recording(gone, at(10), state), bundleOf(control));
  assert.deepEqual([same.comparison.same, same.objects, same.versions], [1, 1, 1]);
  const { comparison } = await only(recording([version(12, null)], at(10), state.slice(0, 2)), bundleOf(control));
  assert.deepEqual(comparison.differences[0]?.candidate, {
    openedAt: null,
    openedBy: null,
    resolvedAt: at(12),
    times: 1,
  });
});

test('changes are judged by who asked for them, and compared with what was said of them then', async () => {
  const { match: _match, cel: _cel, ...head } = control;
  const editedByHand = {
    ...head,
    id: 'OWN-002',
    admission: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['pods'] }],
      },
      validations: [
        {
          expression: "object.?spec == oldObject.?spec || request.userInfo.username == 'robot'",
          message: 'it is edited',
        },
      ],
    },
    cases: [
      { name: 'as it was', expect: 'pass', change: { oldObject: bad, object: bad }, objects: [] },
      { name: 'edited', expect: 'fail', change: { oldObject: pod('web'), object: bad, user: 'eve' }, objects: [] },
    ],
  };
  const verdict = { id: 'v', title: 't', severity: 'high', reason: '', paths: [], bundle: 'b', at: at(4) } as const;
  const edit = (username: string, ...failed: readonly string[]): ApiRecord => {
    const record = version(4, bad);
    assert.equal(record.type, 'version');
    const requester = username === '' ? null : { username, groups: null };
    const verdicts = failed.map((id) => ({ ...verdict, control: id, state: 'fail' as const, user: username }));
    return { ...record, request: { requester, verdicts } };
  };
  const said = async (edited: ApiRecord, ...rest: readonly ApiRecord[]) => {
    const story = [coverage(1, 'watched'), version(2, pod('web')), edited, ...rest];
    const { changes, otherControls } = await only(recording(story), bundleOf(editedByHand));
    const { judged, unanswered, same, differences, left } = changes;
    assert.deepEqual([judged, left], [2 + rest.length, 0]);
    const told = differences.map(({ verdict: found, control: id, user, changeId, reason }) =>
      [found, id, user, changeId, reason].join(' '),
    );
    return { unanswered, same, told, otherControls };
  };
  const nothing = { unanswered: 0, same: 0, told: [], otherControls: [] };
  assert.deepEqual(await said(edit('eve')), { ...nothing, told: ['new OWN-002 eve e1:4 it is edited'] });
  assert.deepEqual(await said(edit('eve', 'OWN-002')), { ...nothing, same: 1 });
  assert.deepEqual(await said(edit('robot', 'OWN-002')), { ...nothing, told: ['lost OWN-002 robot e1:4 '] });
  assert.deepEqual(await said(edit('robot', 'OWN-009')), { ...nothing, otherControls: ['OWN-009'] });
  // Nobody is known to have asked.
  assert.deepEqual(await said(edit('')), { ...nothing, unanswered: 1 });
  // Marked for deletion, and gone: one deletion, with which the rule has nothing to do.
  const marked = { ...bad, metadata: { ...bad.metadata, deletionTimestamp: at(5) } };
  assert.deepEqual(await said(edit('robot'), version(5, marked)), nothing);
});

test('a file holds the same entries; one that is cut off or something else is refused', async () => {
  const entries = recording([
    version(2, JSON.parse('{"__proto__":{"kind":"Pod"},"spec":{}}') as Json),
    version(3, bad),
  ]);
  const path = join(folder, 'a.jsonl');
  assert.deepEqual(await Array.fromAsync(saved(given(entries), path)), entries);
  assert.deepEqual(await Array.fromAsync(readRecordingFile(path)), entries);
  await only(entries, bundleOf(control));
  const lines = entries.map((entry) => JSON.stringify(entry));
  for (const [name, text] of Object.entries({
    cut: lines.slice(0, -1).join('\n'),
    half: lines.join('\n').slice(0, -9),
    empty: '',
    other: '{"items":[]}',
    late: lines.slice(1).join('\n'),
    hostile: `${lines[0]}\n{"type":"record","record":{"type":"version","at":1}}`,
  })) {
    const file = join(folder, name);
    writeFileSync(file, text);
    await assert.rejects(
      Array.fromAsync(readRecordingFile(file)),
      (error) => error instanceof CliError && error.exitCode === 5,
      name,
    );
  }
  await assert.rejects(Array.fromAsync(readRecordingFile(join(folder, 'nothing'))), /cannot read .*nothing/);
  await assert.rejects(Array.fromAsync(saved(given(entries), join(folder, 'no', 'where'))), /cannot write .*where/);
});
