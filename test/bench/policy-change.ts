/**
 * What one judged change costs with the whole library, in clusters of growing size. It must stay flat: judging reads
 * what a change can affect, not the cluster.
 *   node test/bench/policy-change.ts [--objects 1000,10000,50000] [--changes 4000] [--copies 1]
 * `--copies 3` takes the library three times over, as a larger library would be that asks the same things.
 */
import { parseArgs } from 'node:util';
import { createEngine, objectKeyOf } from '@driftline/policy';
import type { CompiledControl, ObjectChange } from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';
import { readLibrary } from '../../policy/library/read-library.ts';
import { cpuUs, distribution } from './harness/measure.ts';
import { report } from './harness/report.ts';
import { openYardstick } from './harness/yardstick.ts';
import { livingWorld } from './world/edits.ts';
import { createRandom } from './world/random.ts';
import { worldOf } from './world/objects.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '1000,10000,50000' },
    changes: { type: 'string', default: '4000' },
    copies: { type: 'string', default: '1' },
  },
});
const sizes = values.objects.split(',').map(Number);
const changesPerSize = Number(values.changes);
const nowMs = 1_767_700_000_000;

/** What arrives: without the API server's bookkeeping, and never an object that was seen before. */
function changeOf(object: JsonObject): ObjectChange {
  const fresh = JSON.parse(JSON.stringify(object)) as JsonObject;
  const { managedFields: _fields, ...metadata } = fresh['metadata'] as JsonObject & { readonly uid: string };
  return { key: objectKeyOf(fresh), uid: metadata.uid, after: { ...fresh, metadata } };
}

function copyOf(control: CompiledControl, copy: number): CompiledControl {
  return copy === 0 ? control : { ...control, meta: { ...control.meta, id: `${control.meta.id}-${copy}` } };
}

function measure(controls: readonly CompiledControl[], size: number) {
  const initial = worldOf(size);
  const engine = createEngine({ controls });
  const loadStartedMs = performance.now();
  engine.load(initial.map(({ object }) => changeOf(object)));
  const opened = engine.apply([], nowMs).length;
  const loadMs = performance.now() - loadStartedMs;
  const world = livingWorld(initial, createRandom(size));
  const changes = (count: number): ObjectChange[] =>
    Array.from({ length: count }, () => changeOf(world.next().after.object));
  for (const change of changes(changesPerSize / 2)) engine.apply([change], nowMs);
  const measured = changes(changesPerSize);
  const times: number[] = [];
  let transitions = 0;
  const cpuBefore = cpuUs();
  for (const change of measured) {
    const startedMs = performance.now();
    transitions += engine.apply([change], nowMs).length;
    times.push((performance.now() - startedMs) * 1_000);
  }
  const meanCpuUs = (cpuUs() - cpuBefore) / measured.length;
  return { ...distribution(times), meanCpuUs, loadMs, opened, transitions: transitions / measured.length };
}

await report('policy-change', async () => {
  const loaded = await readLibrary();
  if (!loaded.ok) throw new Error('the library does not load');
  const library = loaded.bundle.controls.map(({ control }) => control);
  const copies = Array.from({ length: Number(values.copies) }, (_, copy) => library.map((one) => copyOf(one, copy)));
  const controls = copies.flat();
  const yardstick = openYardstick();
  // The first size again at the end: the first measurement warms up code that the others find warm.
  measure(controls, Math.min(...sizes));
  const measured = sizes.map((size) => ({ size, ...measure(controls, size) }));
  yardstick.again();
  const first = measured[0];
  const last = measured.at(-1);
  if (first === undefined || last === undefined) throw new RangeError('no sizes');
  const figures = Object.fromEntries(
    measured.flatMap(({ size, mean, p50, p99, meanCpuUs, loadMs }) => [
      [`at${size}MeanUs`, mean],
      [`at${size}MeanCpuUs`, meanCpuUs],
      [`at${size}P50Us`, p50],
      [`at${size}P99Us`, p99],
      [`at${size}LoadMs`, loadMs],
    ]),
  );
  return {
    figures: { ...figures, yardstickUs: yardstick.us() },
    ratios: {
      largestOverSmallest: { value: last.p50 / first.p50, better: 'lower', limit: 1.5 },
      costInYardsticks: { value: first.meanCpuUs / yardstick.us(), better: 'lower' },
    },
    bars: { [`at${last.size}MeanCpuUs`]: { bar: 100, goal: 50, better: 'lower' } },
    conditions: {
      controls: controls.length,
      changesPerSize,
      transitionsPerChange: last.transitions,
      findingsAtStart: last.opened,
    },
  };
});
