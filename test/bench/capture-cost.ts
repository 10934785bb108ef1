/**
 * What one observation of a 4 KiB Deployment costs the agent, step by step, and what the spool takes: messages a
 * second, each durable (fsynced) before it is counted, with many writers sharing a sync; and how long a spool of some
 * size takes to open.
 *   node test/bench/capture-cost.ts [--milliseconds 400] [--appends 20000] [--recover-mebibytes 64]
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { applyPatch, canonicalJson, contentHash, diff, redact } from '@driftline/proto';
import type { Json, JsonObject, MessageBody } from '@driftline/proto';
import { pino } from 'pino';
import { captureObject } from '../../agent/src/capture/capture.ts';
import { normalise } from '../../agent/src/capture/normalise.ts';
import { systemClock } from '../../agent/src/clock.ts';
import { packForm, unpackForm } from '../../agent/src/known/packed-form.ts';
import { defaultSpoolLimits, noSpoolMetrics, openSpool } from '../../agent/src/spool/index.ts';
import { defaultWatchLimits } from '../../agent/src/watch/watch-limits.ts';
import { costUs, cpuUs } from './harness/measure.ts';
import { report } from './harness/report.ts';
import { openYardstick } from './harness/yardstick.ts';
import { hmac, sha256 } from './world/captured-stream.ts';
import { fixedDeployment, kinds } from './world/objects.ts';

const { values } = parseArgs({
  options: {
    milliseconds: { type: 'string', default: '400' },
    appends: { type: 'string', default: '20000' },
    'recover-mebibytes': { type: 'string', default: '64' },
  },
});
const forMs = Number(values.milliseconds);
const appends = Number(values.appends);
const recoverBytes = Number(values['recover-mebibytes']) * 1_024 * 1_024;
/**
 * Writers that each wait for their message to be durable before the next. One for each watched kind of a cluster says
 * how long a message waits (a batch is open for 20 ms). The agent itself waits only when its budget of bytes in flight
 * is used up: as many writers as that holds of these objects say what the spool takes.
 */
const fewWriters = 200;

const kind = kinds.deployment;
const raw = fixedDeployment();
const later: JsonObject = { ...raw, spec: { ...(raw['spec'] as JsonObject), replicas: 7 } };

function observe(object: JsonObject, known: Parameters<typeof captureObject>[0]['known']) {
  const captured = captureObject(
    { kind, object, sight: 'modified', known, notBeforeUs: 0, floorUs: 0 },
    { hmac, sha256 },
  );
  if (captured.type !== 'changed') throw new Error('the change was not seen');
  return captured;
}

const openIn = (directory: string): ReturnType<typeof openSpool> =>
  openSpool({
    directory,
    limits: { ...defaultSpoolLimits, spoolLimitBytes: 4 * recoverBytes + defaultSpoolLimits.spoolLimitBytes },
    clock: systemClock,
    logger: pino({ level: 'error' }),
    metrics: noSpoolMetrics,
  });

async function spool(body: MessageBody, writers: number) {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  const open = await openIn(directory);
  const write = async (count: number): Promise<void> => {
    let left = count;
    const writer = async (): Promise<void> => {
      while (left-- > 0) await open.append([body]);
    };
    await Promise.all(Array.from({ length: writers }, writer));
  };
  try {
    await write(appends / 10);
    const before = cpuUs();
    const startedMs = performance.now();
    await write(appends);
    return { perSecond: (appends / (performance.now() - startedMs)) * 1_000, us: (cpuUs() - before) / appends };
  } finally {
    await open.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Opens a spool that nobody has acknowledged anything of. */
async function recover() {
  const directory = mkdtempSync(join(tmpdir(), 'driftline-bench-'));
  try {
    const full = await openIn(directory);
    while (full.position().bytes < recoverBytes) {
      const bodies = Array.from({ length: 64 }, (): MessageBody => {
        const event = randomBytes(24_576).toString('base64');
        return { type: 'audit', digest: event.slice(0, 43), event, source: 'log' };
      });
      await full.append(bodies);
    }
    const { bytes } = full.position();
    await full.close();
    const startedMs = performance.now();
    const again = await openIn(directory);
    const seconds = (performance.now() - startedMs) / 1_000;
    await again.close();
    return { bytes, seconds };
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

await report('capture-cost', async () => {
  const yardstick = openYardstick();
  const text = JSON.stringify(raw);
  const form = redact(normalise(raw, 'deployments.apps'), hmac);
  const changed = redact(normalise(later, 'deployments.apps'), hmac) as Json;
  const canonical = canonicalJson(form);
  const known = observe(raw, undefined).object;
  const { owners } = unpackForm(known.packed);
  const operations = diff(form, changed);
  const { deltas } = observe(later, known);
  const cost = (work: () => unknown): number => costUs(work, forMs);
  const figures = {
    parseUs: cost(() => JSON.parse(text)),
    normaliseUs: cost(() => normalise(raw, 'deployments.apps')),
    redactUs: cost(() => redact(normalise(raw, 'deployments.apps'), hmac)),
    canonicalUs: cost(() => canonicalJson(form)),
    hashUs: cost(() => contentHash(canonical, sha256)),
    diffUs: cost(() => diff(form, changed)),
    applyPatchUs: cost(() => applyPatch(form, operations)),
    packUs: cost(() => packForm({ canonical, owners })),
    unpackUs: cost(() => unpackForm(known.packed)),
    unchangedUs: cost(() =>
      captureObject({ kind, object: raw, sight: 'modified', known, notBeforeUs: 0, floorUs: 0 }, { hmac, sha256 }),
    ),
    changedUs: cost(() => observe(later, known)),
  };
  const [delta] = deltas;
  if (delta === undefined) throw new Error('no delta was made');
  const writers = Math.floor(defaultWatchLimits.maxInFlightBytes / text.length);
  const waiting = await spool(delta, fewWriters);
  const spooled = await spool(delta, writers);
  const recovered = await recover();
  yardstick.again();
  return {
    figures: {
      ...figures,
      spoolAppendsPerSecond: spooled.perSecond,
      spoolAppendUs: spooled.us,
      spoolAppendsPerSecondOf200Writers: waiting.perSecond,
      spoolRecoverMsPerMebibyte: (recovered.seconds * 1_000) / (recovered.bytes / 1_024 / 1_024),
      yardstickUs: yardstick.us(),
    },
    bars: { spoolAppendsPerSecond: { bar: 20_000, goal: 50_000, better: 'higher' } },
    ratios: {
      captureInYardsticks: { value: figures.changedUs / yardstick.us(), better: 'lower' },
      redactInYardsticks: { value: figures.redactUs / yardstick.us(), better: 'lower' },
      spoolInYardsticks: { value: spooled.us / yardstick.us(), better: 'lower' },
    },
    conditions: {
      canonicalBytes: canonical.length,
      receivedBytes: text.length,
      writers,
      appends,
      recoverBytes: recovered.bytes,
      recoverSeconds: recovered.seconds,
    },
  };
});
