/** Objects that are wanted whole: asked for once, then again at growing intervals until they come. */
import type { ObjectRef } from '@driftline/proto';
import { maxNeedFullObjects } from '@driftline/proto';
import type { Feedback } from './bus/bus.ts';
import { isNewestEpoch } from './cluster-memory.ts';
import type { ClusterMemory } from './cluster-memory.ts';
import type { StreamId } from './timeline/rows.ts';

export type FullRequestLimits = {
  /** Before an object is asked for again; it doubles each time. */
  readonly fullRequestIntervalMs: number;
  /** The longest it becomes: the agent may be away. */
  readonly fullRequestMaxIntervalMs: number;
  /** Objects of one cluster that are asked for again. What is beyond is asked for once: its next change starts over. */
  readonly fullRequestObjects: number;
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
  { nowMs, limits }: { readonly nowMs: number; readonly limits: FullRequestLimits },
): readonly Feedback[] => {
  const fresh: ObjectRef[] = [];
  for (const [key, ref] of objects) {
    if (memory.wanted.has(key)) continue;
    if (memory.wanted.size < limits.fullRequestObjects)
      memory.wanted.set(key, { ref, epoch: stream.epoch, askedAtMs: nowMs, attempts: 1 });
    fresh.push(ref);
  }
  return toFeedback(stream, fresh);
};

/** What was asked for long enough ago. A new epoch's list answers for what an older one was asked. */
export const askAgain = (memory: ClusterMemory, nowMs: number, limits: FullRequestLimits): readonly Feedback[] => {
  const due = new Map<string, ObjectRef[]>();
  for (const [key, wanted] of memory.wanted) {
    if (!isNewestEpoch(memory, wanted.epoch)) {
      memory.wanted.delete(key);
      continue;
    }
    const doubled = limits.fullRequestIntervalMs * 2 ** Math.min(20, Math.max(0, wanted.attempts - 1));
    if (nowMs - wanted.askedAtMs < Math.min(doubled, limits.fullRequestMaxIntervalMs)) continue;
    wanted.askedAtMs = nowMs;
    wanted.attempts += 1;
    const refs = due.get(wanted.epoch);
    if (refs === undefined) due.set(wanted.epoch, [wanted.ref]);
    else refs.push(wanted.ref);
  }
  return [...due].flatMap(([epoch, refs]) => toFeedback({ ...memory.id, epoch }, refs));
};
