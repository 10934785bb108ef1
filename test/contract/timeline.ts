/** What every timeline promises its collector, whatever keeps it: recording exactly once, and recovery of what counts. */
import { listedReasons } from '@driftline/collector';
import type {
  ChangeVerdictRow,
  RecordedBatch,
  StreamId,
  TimelineRecovery,
  TimelineWriter,
  TransitionRow,
  VersionRow,
} from '@driftline/collector';
import assert from 'node:assert/strict';
import { test } from 'node:test';

export type TimelineUnderTest = {
  readonly writer: TimelineWriter;
  readonly recovery: TimelineRecovery;
  /** The same store through a new writer and recovery: a restart. */
  readonly reopen: () => Promise<{ readonly writer: TimelineWriter; readonly recovery: TimelineRecovery }>;
  close(): Promise<void>;
};

const baseUs = 1_700_000_000_000_000;
const second = 1_000_000;
// Every test has a tenant of its own, so that one store serves them all.
let tenants = 0;
const newStream = (): StreamId => ({ tenant: `tenant-${++tenants}`, cluster: 'east', epoch: 'e1' });

const version = (sequence: number, change: Partial<VersionRow> = {}): VersionRow => ({
  sequence,
  group: '',
  resource: 'configmaps',
  kind: 'ConfigMap',
  apiVersion: 'v1',
  namespace: 'shop',
  name: `object-${sequence}`,
  uid: `uid-${sequence}`,
  resourceVersion: `${sequence}`,
  op: 'created',
  observedAtUs: baseUs + sequence * second,
  notBeforeUs: 0,
  paths: ['/data/a~1b', '/data/ü"\\'],
  body: `{"data":{"n":${sequence},"text":"tab\\t, quote \\", ü, \\u2028"}}`,
  managers: [{ manager: 'kubectl', operation: 'Update', subresource: '', timeUs: baseUs, paths: ['/data'] }],
  synthesised: false,
  ...change,
});

const transition = (sequence: number, change: Partial<TransitionRow> = {}): TransitionRow => ({
  sequence,
  index: 0,
  findingId: 'f1',
  state: 'opened',
  control: 'c1',
  severity: 'high',
  title: 't',
  group: '',
  kind: 'ConfigMap',
  namespace: 'shop',
  name: 'a',
  uid: 'u',
  path: 'data.a',
  value: 'v',
  reason: 'r',
  bundle: 'b',
  cause: 'change',
  atUs: baseUs + sequence * second,
  afterOwn: 0,
  ...change,
});

const verdict = (
  sequence: number,
  changeSequence: number,
  change: Partial<ChangeVerdictRow> = {},
): ChangeVerdictRow => ({
  sequence,
  changeEpoch: 'e1',
  changeSequence,
  verdictId: `v${changeSequence}`,
  control: 'c',
  severity: 'high',
  title: 't',
  state: 'unjudged',
  stateBefore: '',
  reason: 'r',
  paths: [],
  user: '',
  group: '',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespace: 'shop',
  name: 'a',
  uid: 'u',
  bundle: 'b',
  context: '{}',
  atUs: baseUs + sequence * second,
  ...change,
});

const batch = (stream: StreamId, firstSequence: number, rows: Partial<RecordedBatch> = {}): RecordedBatch => ({
  stream,
  firstSequence,
  lastSequence: firstSequence,
  versions: [],
  audits: [],
  links: [],
  transitions: [],
  unjudged: [],
  posture: [],
  gaps: [],
  coverage: [],
  rejected: [],
  changeVerdicts: [],
  regressions: [],
  ...rows,
});

const all = async <T>(rows: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
};

const pairs = { passing: 1, failing: 1, excepted: 2, notAssessable: 3, unjudged: 4, isBaseline: false };
const openCounts = { critical: 0, high: 1, medium: 0, low: 0, info: 0 };

export const timelineContract = (name: string, open: () => Promise<TimelineUnderTest>): void => {
  const withTimeline = (title: string, body: (timeline: TimelineUnderTest) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const timeline = await open();
      try {
        await body(timeline);
      } finally {
        await timeline.close();
      }
    });
  };

  withTimeline('a stream nobody recorded has no watermark, no cluster and no rows', async ({ writer, recovery }) => {
    const stream = newStream();
    assert.equal(await writer.watermark(stream), 0);
    assert.deepEqual(await recovery.epochs(stream), []);
    assert.deepEqual(await all(recovery.inventory(stream)), []);
    assert.deepEqual(await recovery.recent(stream, { spanUs: 1, entries: 1 }), { versions: [], audits: [], links: [] });
  });

  withTimeline('a batch is recorded once, however often and by whomever it comes', async ({ writer, reopen }) => {
    const stream = newStream();
    const rows = [1, 2, 3].map((sequence) => batch(stream, sequence, { versions: [version(sequence)] }));
    await writer.record(rows.slice(0, 2));
    await writer.record(rows);
    await writer.record(rows);
    const again = await reopen();
    await again.writer.record(rows);
    assert.equal(await again.writer.watermark(stream), 3);
    const recent = await again.recovery.recent(stream, { spanUs: 100 * second, entries: 100 });
    assert.deepEqual(
      recent.versions.map((row) => row.sequence),
      [1, 2, 3],
    );
  });

  withTimeline(
    'the inventory is the last version of what exists, exactly as recorded',
    async ({ writer, recovery }) => {
      const stream = newStream();
      const a = { name: 'a', uid: 'u-a' };
      const last = version(4, { ...a, op: 'modified', body: '{"last":true}' });
      await writer.record([
        batch(stream, 1, { versions: [version(1, a)] }),
        batch(stream, 2, { versions: [version(2, { name: 'b', uid: 'u-b' })] }),
        batch(stream, 3, { versions: [version(3, { name: 'b', uid: 'u-b', op: 'deleted', body: '' })] }),
        batch(stream, 4, { versions: [last] }),
        batch(stream, 5, { versions: [version(5, { name: 'c', uid: 'u-c' })] }),
      ]);
      const found = await all(recovery.inventory(stream));
      found.sort((x, y) => (x.name < y.name ? -1 : 1));
      assert.deepEqual(found, [
        { ...last, epoch: 'e1' },
        { ...version(5, { name: 'c', uid: 'u-c' }), epoch: 'e1' },
      ]);
    },
  );

  withTimeline('order is the order of recording, not of clocks or epoch names', async ({ writer, recovery }) => {
    const stream = newStream();
    const older = { ...stream, epoch: 'z' };
    const newer = { ...stream, epoch: 'a' };
    const object = { name: 'a', uid: 'u-a' };
    await writer.record([batch(older, 7, { versions: [version(7, object)] })]);
    await writer.record([
      batch(newer, 1, {
        versions: [version(1, { ...object, op: 'modified', observedAtUs: baseUs - 99 * second, body: '{}' })],
      }),
    ]);
    assert.deepEqual(await recovery.epochs(stream), [
      { epoch: 'z', recordedSequence: 7, newestObservedAtUs: version(7, object).observedAtUs },
      { epoch: 'a', recordedSequence: 1, newestObservedAtUs: baseUs - 99 * second },
    ]);
    const [row, ...others] = await all(recovery.inventory(stream));
    assert.deepEqual(others, []);
    assert.deepEqual([row?.epoch, row?.body], ['a', '{}']);
  });

  withTimeline('what was judged comes back as it last was', async ({ writer, recovery }) => {
    const stream = newStream();
    const place = { control: 'c1', group: '', kind: 'ConfigMap', namespace: 'shop', bundle: 'b' };
    const unjudged = {
      sequence: 1,
      index: 0,
      ...place,
      name: 'a',
      state: 'unjudged',
      reason: 'x',
      atUs: baseUs,
      afterOwn: 0,
    } as const;
    const scope = {
      scope: 'cluster',
      earned: 1,
      possible: 2,
      score: 50,
      openBySeverity: openCounts,
      ...pairs,
      afterOwn: 0,
    };
    const kind = { group: '', resource: 'configmaps', kind: 'ConfigMap' };
    const seen = { ...kind, state: 'watched', reason: '' } as const;
    const forbidden = { ...kind, state: 'forbidden', reason: 'no permission' } as const;
    await writer.record([
      batch(stream, 1, {
        transitions: [transition(1), transition(1, { index: 1, findingId: 'f2' })],
        unjudged: [unjudged, { ...unjudged, index: 1, name: 'b' }],
        posture: [{ sequence: 1, ...scope, atUs: baseUs }],
        coverage: [{ sequence: 1, ...seen, observedAtUs: baseUs }],
      }),
      batch(stream, 2, {
        transitions: [transition(2, { state: 'resolved' }), transition(2, { index: 1, state: 'reopened' })],
        unjudged: [{ ...unjudged, sequence: 2, state: 'cleared', reason: '' }],
        posture: [{ sequence: 2, ...scope, earned: 2, score: 100, atUs: baseUs }],
        coverage: [{ sequence: 2, ...forbidden, observedAtUs: baseUs }],
      }),
    ]);
    const findings = await all(recovery.findings(stream));
    findings.sort((x, y) => (x.findingId < y.findingId ? -1 : 1));
    assert.deepEqual(findings, [
      { ...transition(2, { index: 1, state: 'reopened' }), epoch: 'e1' },
      { ...transition(1, { index: 1, findingId: 'f2' }), epoch: 'e1' },
    ]);
    assert.deepEqual(await recovery.unjudged(stream), [{ ...unjudged, index: 1, name: 'b' }]);
    assert.deepEqual(await recovery.posture(stream), [{ sequence: 2, ...scope, earned: 2, score: 100, atUs: baseUs }]);
    assert.deepEqual(
      (await recovery.recentPosture(stream, { spanUs: 0 })).map((row) => [row.sequence, row.score]),
      [
        [1, 50],
        [2, 100],
      ],
    );
    assert.deepEqual(await recovery.coverage(stream), [{ sequence: 2, ...forbidden, observedAtUs: baseUs }]);
  });

  withTimeline("the collector's own stream does not have the last word for ever", async ({ writer, recovery }) => {
    const stream = newStream();
    const own = { ...stream, epoch: 'collector' };
    const posture = { scope: 'cluster', earned: 1, possible: 2, score: 50, openBySeverity: openCounts, ...pairs };
    await writer.record([batch(stream, 1, { transitions: [transition(1)] })]);
    const afterOwn = 1;
    const afresh = transition(1, { state: 'updated', atUs: baseUs + 10 * second, afterOwn });
    await writer.record([
      batch(own, 1, {
        transitions: [afresh],
        posture: [{ sequence: 1, ...posture, atUs: baseUs + 10 * second, afterOwn }],
      }),
    ]);
    assert.deepEqual(
      (await all(recovery.findings(stream))).map((row) => row.state),
      ['updated'],
    );
    // Observed before the own stream's moment, and judged after it.
    await writer.record([
      batch(stream, 2, {
        transitions: [transition(2, { state: 'resolved', atUs: baseUs + 5 * second, afterOwn })],
        posture: [{ sequence: 2, ...posture, earned: 2, score: 100, atUs: baseUs + 5 * second, afterOwn }],
      }),
    ]);
    assert.deepEqual(
      (await all(recovery.findings(stream))).map((row) => row.state),
      ['resolved'],
    );
    assert.deepEqual(
      (await recovery.posture(stream)).map((row) => row.score),
      [100],
    );
    // In the order of judging; the newest is by its moment.
    const within = async (spanUs: number) => (await recovery.recentPosture(stream, { spanUs })).map((row) => row.score);
    assert.deepEqual(await within(5 * second), [50, 100]);
    assert.deepEqual(await within(4 * second), [50]);
  });

  withTimeline('which kinds an epoch has listed completely is known, as far as it is recorded', async (timeline) => {
    const stream = newStream();
    const other = { ...stream, epoch: 'e2' };
    const row = (sequence: number, resource: string, reason: string) =>
      ({ sequence, group: '', resource, kind: resource, state: 'watched', reason, observedAtUs: baseUs }) as const;
    await timeline.writer.record([
      batch(stream, 1, { coverage: [row(1, 'pods', listedReasons.complete), row(1, 'nodes', listedReasons.open)] }),
      batch(stream, 2, { coverage: [row(2, 'secrets', 'said by the agent'), row(2, 'pods', listedReasons.open)] }),
      batch(other, 1, { coverage: [row(1, 'nodes', listedReasons.complete)] }),
    ]);
    const listed = async (of: StreamId) =>
      Object.fromEntries((await timeline.recovery.listedKinds(of)).map((kind) => [kind.resource, kind.isComplete]));
    assert.deepEqual(await listed(stream), { nodes: false, pods: true });
    assert.deepEqual(await listed(other), { nodes: true });
    assert.deepEqual(await listed({ ...stream, epoch: 'e3' }), {});
  });

  withTimeline(
    'definitions that ended are those whose last version is their deletion',
    async ({ writer, recovery }) => {
      const stream = newStream();
      const definitions = { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions', namespace: '' };
      const crd = (sequence: number, name: string, op: VersionRow['op']): VersionRow =>
        version(sequence, { ...definitions, kind: 'CustomResourceDefinition', name, uid: name, op });
      const rows = [
        crd(1, 'gone.example.com', 'created'),
        crd(2, 'gone.example.com', 'deleted'),
        crd(3, 'back.example.com', 'deleted'),
        crd(4, 'back.example.com', 'created'),
        version(5, { name: 'configmap.example.com', op: 'deleted' }),
      ];
      await writer.record([batch(stream, 1, { versions: rows.slice(0, 1) })]);
      assert.deepEqual(await recovery.endedDefinitions(stream), []);
      await writer.record(rows.slice(1).map((row) => batch(stream, row.sequence, { versions: [row] })));
      assert.deepEqual(await recovery.endedDefinitions(stream), ['gone.example.com']);
      assert.deepEqual(await recovery.endedDefinitions(newStream()), []);
    },
  );

  withTimeline('recent rows are bounded by time and by number', async ({ writer, recovery }) => {
    const stream = newStream();
    await writer.record([1, 2, 3, 4, 5].map((sequence) => batch(stream, sequence, { versions: [version(sequence)] })));
    const sequences = async (spanUs: number, entries: number): Promise<number[]> =>
      (await recovery.recent(stream, { spanUs, entries })).versions.map((row) => row.sequence);
    assert.deepEqual(await sequences(2 * second, 100), [3, 4, 5]);
    assert.deepEqual(await sequences(100 * second, 2), [4, 5]);
  });

  withTimeline('verdicts that wait come with both forms of their change; the last word on each', async (timeline) => {
    const stream = newStream();
    const other = { ...stream, epoch: 'e2' };
    const at = (sequence: number, change: Partial<VersionRow> = {}) => [
      version(sequence, { name: 'a', uid: 'u', op: 'modified', body: `{"at":${sequence}}`, ...change }),
    ];
    await timeline.writer.record([
      batch(stream, 1, { versions: at(1), changeVerdicts: [verdict(1, 1)] }),
      batch(stream, 2, { versions: at(2), changeVerdicts: [verdict(2, 2), verdict(2, 2, { context: '' })] }),
      batch(stream, 3, { versions: at(3, { op: 'deleted', body: '' }), changeVerdicts: [verdict(3, 3)] }),
      batch(stream, 4, { changeVerdicts: [verdict(4, 2, { state: 'fail' })] }),
      batch(other, 1, { changeVerdicts: [verdict(5, 3, { sequence: 1, state: 'pass' })] }),
    ]);
    const open = async (spanUs: number, entries: number) =>
      (await timeline.recovery.openVerdicts(stream, { spanUs, entries })).map(({ row, op, body, before }) =>
        [row.changeSequence, row.state, op, body, before?.body].join(' '),
      );
    const [first, second2, third] = [
      '1 unjudged modified {"at":1} ',
      '2 fail modified {"at":2} {"at":1}',
      '3 pass deleted  {"at":2}',
    ];
    assert.deepEqual(await open(100 * second, 100), [first, second2, third]);
    assert.deepEqual(await open(100 * second, 1), [third]);
    assert.deepEqual(await open(1 * second, 100), [second2, third]);
  });

  withTimeline('tenants do not meet', async ({ writer, recovery }) => {
    const one = newStream();
    const two = newStream();
    await writer.record([batch(one, 1, { versions: [version(1)] }), batch(two, 1, { versions: [version(1)] })]);
    await writer.record([batch(one, 2, { versions: [version(2)] })]);
    assert.equal(await writer.watermark(two), 1);
    assert.equal((await all(recovery.inventory(two))).length, 1);
    const clusters = await recovery.clusters();
    for (const { tenant } of [one, two])
      assert.equal(clusters.filter((id) => id.tenant === tenant && id.cluster === 'east').length, 1);
  });
};
