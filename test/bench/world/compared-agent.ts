/**
 * The sending half of an agent that has just listed a world and forgotten all else: known objects, spool, comparison and
 * uplink are its own, in this process; only observing is left out.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { canonicalJson, contentHash } from '@driftline/proto';
import type { JsonObject, ObjectRef } from '@driftline/proto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { answerNeedFull } from '../../../agent/src/answer-need-full.ts';
import { captureObject } from '../../../agent/src/capture/capture.ts';
import { systemClock } from '../../../agent/src/clock.ts';
import { openKnown } from '../../../agent/src/known/known.ts';
import type { KnownObject, ObjectName } from '../../../agent/src/known/known.ts';
import { packForm, unpackForm } from '../../../agent/src/known/packed-form.ts';
import { defaultReconcileLimits, openReconciler } from '../../../agent/src/reconcile/index.ts';
import type { Reconciler } from '../../../agent/src/reconcile/index.ts';
import { createReconcileMetrics } from '../../../agent/src/reconcile/reconcile-metrics.ts';
import { defaultSpoolLimits, noSpoolMetrics, openSpool } from '../../../agent/src/spool/index.ts';
import { defaultUplinkLimits, noUplinkMetrics, openUplink } from '../../../agent/src/uplink/index.ts';
import { createByteBudget } from '../../../agent/src/watch/byte-budget.ts';
import { KindLine } from '../../../agent/src/watch/kind-line.ts';
import { createWatchMetrics } from '../../../agent/src/watch/watch-metrics.ts';
import { hmac, sha256 } from './captured-stream.ts';
import type { WorldKind, WorldObject } from './objects.ts';

/** An object as the agent keeps it. */
export type Listed = { readonly kind: WorldKind; readonly name: ObjectName; readonly object: KnownObject };

const logger = pino({ level: 'error' });
const clock = { ...systemClock, earliestUs: () => 0, steps: () => 0 };
const noMessage = Promise.resolve({ firstSequence: 0, lastSequence: 0 });

export function listed({ kind, object }: WorldObject): Listed {
  const sighting = { kind, object, sight: 'first-list', known: undefined, notBeforeUs: 0, floorUs: 0 } as const;
  const captured = captureObject(sighting, { hmac, sha256 });
  if (captured.type !== 'changed') throw new Error('an object of the world cannot be captured');
  const { namespace = '', name } = object['metadata'] as { readonly namespace?: string; readonly name: string };
  return { kind, name: { namespace, name }, object: captured.object };
}

/** The same object with another annotation. */
export function edited({ kind, name, object }: Listed, edit: string): Listed {
  const { canonical, owners } = unpackForm(object.packed);
  const form = JSON.parse(canonical) as JsonObject & { readonly metadata: JsonObject };
  const annotations = { ...(form.metadata['annotations'] as JsonObject | undefined), edit };
  const text = canonicalJson({ ...form, metadata: { ...form.metadata, annotations } });
  const packed = packForm({ canonical: text, owners });
  return { kind, name, object: { ...object, contentHash: contentHash(text, sha256), packed } };
}

/** Runs until the collector has agreed about every kind. Returns how many messages that took. */
export async function reconcile(objects: readonly Listed[], to: { readonly port: number; readonly token: string }) {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  writeFileSync(join(folder, 'token'), to.token);
  const spool = await openSpool({
    directory: join(folder, 'spool'),
    limits: defaultSpoolLimits,
    clock,
    logger,
    metrics: noSpoolMetrics,
  });
  const known = openKnown({ path: join(folder, 'known.db'), epoch: spool.epoch });
  for (const { kind, name, object } of objects)
    known.kind(kind.group, kind.resource).stage({ changes: [{ ...name, object }], durable: noMessage });
  const reconciling = Promise.withResolvers<Reconciler>();
  const budget = createByteBudget(16 * 1_024 * 1_024);
  const lines = [...new Set(objects.map(({ kind }) => kind))].map(
    (kind) =>
      new KindLine(kind, {
        sink: spool,
        known: known.kind(kind.group, kind.resource),
        capture: { hmac, sha256 },
        budget,
        clock,
        metrics: createWatchMetrics(new Registry()),
        signal: new AbortController().signal,
        onFatal: () => undefined,
        onDigest: (digest) => void reconciling.promise.then((reconciler) => reconciler.sent(digest)),
      }),
  );
  const line = ({ group, resource }: { readonly group: string; readonly resource: string }) =>
    lines.find(({ kind }) => kind.group === group && kind.resource === resource);
  const watch = {
    isUnserved: () => false,
    async sendWhole(refs: readonly ObjectRef[]) {
      let sent = 0;
      for (const ref of refs) if (await line(ref)?.sendWhole(ref)) sent += 1;
      return sent;
    },
  };
  const uplink = openUplink({
    connect: {
      collectorUrl: `http://127.0.0.1:${to.port}`,
      tokenFile: join(folder, 'token'),
      allowInsecureTransport: false,
    },
    spool,
    hello: {
      protocol: 1,
      cluster: 'measured',
      clusterUid: 'measured',
      instance: 'one',
      agentVersion: '0',
      kubernetesVersion: 'v1.34.0',
      redactionKeyId: 'key',
    },
    limits: defaultUplinkLimits,
    clock,
    logger,
    metrics: noUplinkMetrics,
    onNeedFull: (refs) => answerNeedFull(refs, { watch, known, sink: spool }),
    onVerdict: (verdict) => void reconciling.promise.then((reconciler) => reconciler.verdict(verdict)),
    onSurprise: () => undefined,
    onEpochLost: () => undefined,
  });
  const reconciler = openReconciler({
    known,
    lines: () => lines,
    line,
    isWatchReady: () => true,
    answer: (refs) => answerNeedFull(refs, { watch, known, sink: spool }),
    position: () => spool.position(),
    isConnected: () => false,
    limits: defaultReconcileLimits,
    metrics: createReconcileMetrics([new Registry()]),
    logger,
    nowMs: () => performance.now(),
    random: Math.random,
  });
  reconciling.resolve(reconciler);
  try {
    // What the end of a first list says.
    for (const each of lines) {
      await each.cover('watched', '');
      const gap = each.gap({ cause: 'epoch_start', detail: '', fromVersion: '', toVersion: '1000' });
      await each.synced([gap], { resourceVersion: '1000', begunAtUs: 0, seenAtUs: clock.nowUs() });
    }
    while (!lines.every((each) => each.progress().isAgreed)) await sleep(20);
    return { messages: spool.position().lastSequence };
  } finally {
    await reconciler.close();
    await uplink.close();
    await known.close();
    await spool.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}
