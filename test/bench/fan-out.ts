/**
 * Many Secrets change at once that many Deployments refer to: what judging again costs, and whether memory stays.
 *   node test/bench/fan-out.ts [--secrets 3000] [--deployments 1000] [--references 30] [--rounds 6]
 * Every round touches all Secrets in one batch, as a rotation would. Beside the library runs a join that asks for every
 * Secret a Deployment refers to, since no control of the library has to.
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type CompiledControl,
  createEngine,
  type Fact,
  objectKeyOf,
  type ObjectChange,
  stringAt,
} from '@driftline/policy';
import type { JsonObject } from '@driftline/proto';
import { readLibrary } from '../../policy/library/read-library.ts';
import { cpuUs } from './harness/measure.ts';
import { report } from './harness/report.ts';
import { openYardstick } from './harness/yardstick.ts';

const { values } = parseArgs({
  options: {
    secrets: { type: 'string', default: '3000' },
    deployments: { type: 'string', default: '1000' },
    references: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '6' },
  },
});
const [secretCount, deploymentCount, references, rounds] = [
  Number(values.secrets),
  Number(values.deployments),
  Number(values.references),
  Number(values.rounds),
];
const nowMs = 1_767_700_000_000;
const namespace = 'shop';

const secretName = (index: number): string => `secret-${index % secretCount}`;
const referred = (deployment: number): readonly string[] =>
  Array.from({ length: references }, (_, index) => secretName(deployment * references + index));

function secret(index: number, round: number): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secretName(index), namespace, labels: { round: String(round) } },
    type: 'Opaque',
    data: { token: `redacted(secret):${String(round).padStart(6, '0')}${String(index).padStart(16, '0')}` },
  };
}

function deployment(index: number): JsonObject {
  const env = referred(index).map((name, at) => ({
    name: `TOKEN_${at}`,
    valueFrom: { secretKeyRef: { name, key: 'token' } },
  }));
  const labels = { app: `web-${index}` };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `web-${index}`, namespace },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'web', image: 'registry.example.com/web:1.4.2', env }] },
      },
    },
  };
}

const changeOf = (after: JsonObject): ObjectChange => ({
  key: objectKeyOf(after),
  uid: objectKeyOf(after).name,
  after,
});

const round: Fact<string> = {
  name: 'secret-round',
  group: '',
  kind: 'Secret',
  project: (object) => stringAt(object, 'metadata', 'labels', 'round'),
};

/** Asks for what a Deployment's Secrets say of themselves. */
function join(model: CompiledControl): CompiledControl {
  return {
    meta: { ...model.meta, id: 'BENCH-JOIN' },
    language: 'relation',
    kinds: [{ group: 'apps', kind: 'Deployment' }],
    selfContained: false,
    reads: () => ({ deciding: [['spec']], telling: [] }),
    evaluate(object, view) {
      const names = referred(Number(stringAt(object, 'metadata', 'name').slice('web-'.length)));
      const said = names.map((name) => view.fact(round, { group: '', kind: 'Secret', namespace, name }));
      return said.includes(undefined)
        ? { verdict: 'not-applicable' }
        : { verdict: 'fail', violations: [{ path: '', value: said[0] ?? '', reason: 'a Secret was renewed' }] };
    },
  };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapMiB(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1_048_576;
}

await report('fan-out', async () => {
  const loaded = await readLibrary();
  const [first] = loaded.ok ? loaded.bundle.controls : [];
  if (!loaded.ok || first === undefined) throw new Error('the library does not load');
  let evaluations = 0;
  const counted = [...loaded.bundle.controls.map(({ control }) => control), join(first.control)].map((control) => ({
    ...control,
    evaluate(...args: Parameters<CompiledControl['evaluate']>) {
      evaluations += 1;
      return control.evaluate(...args);
    },
  }));
  const yardstick = openYardstick();
  const engine = createEngine({ controls: counted });
  engine.load(Array.from({ length: secretCount }, (_, index) => changeOf(secret(index, 0))));
  engine.load(Array.from({ length: deploymentCount }, (_, index) => changeOf(deployment(index))));
  engine.apply([], nowMs);
  const seconds: number[] = [];
  const heaps: number[] = [];
  let transitions = 0;
  evaluations = 0;
  for (let turn = 1; turn <= rounds; turn += 1) {
    const batch = Array.from({ length: secretCount }, (_, index) => changeOf(secret(index, turn)));
    const before = cpuUs();
    transitions = engine.apply(batch, nowMs).length;
    seconds.push((cpuUs() - before) / 1e6);
    heaps.push(heapMiB());
  }
  yardstick.again();
  const mean = seconds.reduce((sum, value) => sum + value, 0) / rounds;
  const perRound = evaluations / rounds;
  const growth = (heaps.at(-1) ?? 0) / (heaps[0] ?? 1);
  return {
    figures: {
      judgeSeconds: mean,
      evaluationsPerRound: perRound,
      usPerEvaluation: (mean * 1e6) / perRound,
      heapAfterFirstMiB: heaps[0] ?? 0,
      heapAfterLastMiB: heaps.at(-1) ?? 0,
      yardstickUs: yardstick.us(),
    },
    ratios: {
      evaluationInYardsticks: { value: (mean * 1e6) / perRound / yardstick.us(), better: 'lower' },
      // One evaluation of the join a Deployment, whatever the number of its Secrets, and a handful a Secret.
      evaluationsAnObject: { value: perRound / (secretCount + deploymentCount), better: 'lower', limit: 6 },
      heapGrowth: { value: growth, better: 'lower', limit: 1.25 },
    },
    bars: { judgeSeconds: { bar: 10, goal: 3, better: 'lower' } },
    conditions: { secrets: secretCount, deployments: deploymentCount, references, rounds, transitions },
  };
});
