/** A pipeline on a memory timeline with two small controls, and what its tests ask of the store. */
import {
  createMetrics,
  defaultPipelineLimits,
  openClusterJudge,
  openMemoryBus,
  openPipeline,
} from '@driftline/collector';
import type { Feedback, Pipeline, PipelineLimits, PolicyBundle, StreamBatch } from '@driftline/collector';
import type { CompiledControl } from '@driftline/policy';
import { canonicalJson, objectKey } from '@driftline/proto';
import type { Batch, JsonObject, ObjectRef } from '@driftline/proto';
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { pino } from 'pino';
import type { AgentStream } from '../fakes/agent-stream.ts';
import { openMemoryTimeline } from '../fakes/memory-timeline.ts';
import type { MemoryStore } from '../fakes/memory-timeline.ts';

export const logger = pino({ level: 'silent' });
export const sha256 = (text: string): string => hash('sha256', text, 'hex');
export const id = { tenant: 'default', cluster: 'east' };

export const meta = (name: string): CompiledControl['meta'] => ({
  id: name,
  title: name,
  severity: 'high',
  weight: 1,
  category: 'compute',
  rationale: '',
  remediation: { summary: '', fields: [], impact: '' },
  references: [],
  frameworks: [],
});

/** Fails objects whose data.size is above 5. */
export const tooLarge: CompiledControl = {
  meta: meta('too-large'),
  language: 'relation',
  kinds: [{ group: '', kind: 'ConfigMap' }],
  selfContained: true,
  evaluate: (object) => {
    const data = object['data'] as JsonObject | undefined;
    const size = data?.['size'];
    if (typeof size !== 'number' || size <= 5) return { verdict: 'pass' };
    return { verdict: 'fail', violations: [{ path: 'data.size', value: String(size), reason: 'larger than 5' }] };
  },
};

export const throwing: CompiledControl = {
  ...tooLarge,
  meta: meta('throwing'),
  evaluate: () => {
    throw new TypeError('broken control');
  },
};

export const bundle = (...controls: readonly CompiledControl[]): PolicyBundle => ({
  controls,
  version: controls.map((control) => control.meta.id).join('+'),
});

const testLimits = {
  ...defaultPipelineLimits,
  housekeepingIntervalMs: 3_600_000,
  recoveryRetryMs: 1,
  recoveryRetryMaxMs: 4,
};

export const open = (
  store: MemoryStore,
  policy: PolicyBundle | (() => PolicyBundle) = bundle(tooLarge),
  now = () => 1_800_000_000_000,
  lowered: Partial<PipelineLimits> = {},
) => {
  const bus = openMemoryBus();
  const feedback: Feedback[] = [];
  bus.writer.onFeedback((each) => feedback.push(each));
  const timeline = openMemoryTimeline(store);
  const limits = { ...testLimits, ...lowered };
  const pipeline = openPipeline({
    writer: timeline,
    recovery: timeline,
    feedback: bus.reader,
    openJudge: (cluster, inventory, before) => {
      const inForce = typeof policy === 'function' ? policy() : policy;
      return openClusterJudge({ bundle: inForce, onFailure: () => {} }, cluster, inventory, before);
    },
    limits,
    metrics: createMetrics(),
    logger,
    now,
  });
  return { pipeline, feedback, timeline };
};

export const item = (agent: AgentStream, batch: Batch): StreamBatch => ({
  stream: { ...id, epoch: agent.epoch },
  oldestSequence: agent.oldestSequence,
  batch,
});

export const configMap = (name: string, uid = `uid-${name}`): ObjectRef => ({
  group: '',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespace: 'shop',
  name,
  uid,
});

export const body = (name: string, data: JsonObject): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'shop' },
  data,
});

export const versionsOf = (store: MemoryStore) =>
  store.batches.flatMap((batch) => batch.versions.map((row) => ({ ...row, epoch: batch.stream.epoch })));

/** Replays the timeline: the last body of every object that was not deleted. */
export const replay = (store: MemoryStore): Map<string, string> => {
  const objects = new Map<string, string>();
  for (const row of versionsOf(store)) {
    if (row.op === 'deleted') objects.delete(objectKey(row));
    else objects.set(objectKey(row), row.body);
  }
  return objects;
};

export const inventoryOf = (pipeline: Pipeline): Map<string, string> => {
  const objects = new Map<string, string>();
  for (const { inventory } of pipeline.memories())
    for (const key of inventory.keys()) objects.set(key, inventory.text(key) ?? '');
  return objects;
};

export const knownOf = (agent: AgentStream): Map<string, string> =>
  new Map([...agent.known].map(([key, { object }]) => [key, canonicalJson(object)]));

export const sorted = (map: Map<string, string>): [string, string][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

export const openFindings = (store: MemoryStore): string[] => {
  const last = new Map<string, string>();
  for (const batch of store.batches)
    for (const row of batch.transitions) last.set(`${row.control} ${row.name} ${row.uid}`, row.state);
  return [...last]
    .filter(([, state]) => state !== 'resolved')
    .map(([key]) => key)
    .sort();
};

export const stream = { ...id, epoch: 'e1' };
export const gapsOf = (store: MemoryStore) => store.batches.flatMap((batch) => batch.gaps);
export const cutOf = (agent: AgentStream): Batch => {
  const batch = agent.cut();
  assert.ok(batch !== undefined);
  return batch;
};
