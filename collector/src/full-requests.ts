/** Objects that are wanted whole: asked for once, then again at intervals until they come or it is pointless. */
import type { ObjectRef } from '@driftline/proto';
import { maxNeedFullObjects } from '@driftline/proto';
import type { Feedback } from './bus/bus.ts';
import type { ClusterMemory } from './cluster-memory.ts';
import type { StreamId } from './timeline/rows.ts';

export type FullRequestLimits = {
  readonly fullRequestIntervalMs: number;
  /** Times one object is asked for. The gap is recorded either way. */
  readonly fullRequestAttempts: number;
};

const toFeedback = (stream: StreamId, refs: readonly ObjectRef[]): Feedback[] => {
  const feedback: Feedback[] = [];
  for (let at = 0; at < refs.length; at += maxNeedFullObjects)
    feedback.push({ type: 'need-full', stream, objects: refs.slice(at, at + maxNeedFullObjects) });
  return feedback;
};

/** Asks for what is not being asked for already. */
export const askForWhole = (
  memory: ClusterMemory,
  stream: StreamId,
  objects: ReadonlyMap<string, ObjectRef>,
  nowMs: number,
): readonly Feedback[] => {
  const fresh: ObjectRef[] = [];
  for (const [key, ref] of objects) {
    if (memory.wanted.has(key)) continue;
    memory.wanted.set(key, { ref, epoch: stream.epoch, askedAtMs: nowMs, attempts: 1 });
    fresh.push(ref);
  }
  return toFeedback(stream, fresh);
};

/** What was asked for long enough ago. An object that never comes is given up; its next change starts over. */
export const askAgain = (memory: ClusterMemory, nowMs: number, limits: FullRequestLimits): readonly Feedback[] => {
  const due = new Map<string, ObjectRef[]>();
  for (const [key, wanted] of memory.wanted) {
    if (nowMs - wanted.askedAtMs < limits.fullRequestIntervalMs) continue;
    if (wanted.attempts >= limits.fullRequestAttempts) {
      memory.wanted.delete(key);
      continue;
    }
    wanted.askedAtMs = nowMs;
    wanted.attempts += 1;
    due.set(wanted.epoch, [...(due.get(wanted.epoch) ?? []), wanted.ref]);
  }
  return [...due].flatMap(([epoch, refs]) => toFeedback({ ...memory.id, epoch }, refs));
};
