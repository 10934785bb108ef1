/**
 * What one CEL expression costs once it is compiled, on the fixed Deployment of 4 KiB: the check that policies ask most,
 * and the forms that controls are written in.
 *   node test/bench/cel-check.ts [--milliseconds 400]
 */
import { parseArgs } from 'node:util';
import { compileCel } from '@driftline/policy/cel';
import type { JsonObject } from '@driftline/proto';
import { costUs } from './harness/measure.ts';
import { report } from './harness/report.ts';
import { openYardstick } from './harness/yardstick.ts';
import { fixedDeployment } from './world/objects.ts';

const { values } = parseArgs({ options: { milliseconds: { type: 'string', default: '400' } } });
const milliseconds = Number(values.milliseconds);

const template = 'object.spec.template.spec';
/** Each holds for the Deployment, so that nothing is cut short. */
const checks = {
  /** What is asked most, of a Deployment with one container. */
  noPrivilegedContainer: `${template}.containers.all(c, !has(c.securityContext) || !has(c.securityContext.privileged) || !c.securityContext.privileged)`,
  optionals: `${template}.containers.all(c, !c.?securityContext.?privileged.orValue(false))`,
  variablesOfEnvironment: `${template}.containers.all(c, c.?env.orValue([]).all(e, !e.?valueFrom.resourceFieldRef.hasValue()))`,
  imageByDigest: `${template}.containers.all(c, c.image.contains("@sha256:") || c.image.matches(":[^/:]+$"))`,
} as const;

function costOf(source: string, object: JsonObject): number {
  const compiled = compileCel(source, { variables: ['object'] });
  if (!compiled.ok) throw new Error(`${source}: ${compiled.error.message}`);
  const bindings = { object };
  const answer = compiled.program.evaluate(bindings);
  if (!answer.ok || answer.value !== true) throw new Error(`${source} does not hold`);
  return costUs(() => compiled.program.evaluate(bindings), milliseconds);
}

await report('cel-check', async () => {
  const object = fixedDeployment();
  const yardstick = openYardstick();
  const figures = Object.fromEntries(
    Object.entries(checks).map(([name, source]) => [`${name}Us`, costOf(source, object)]),
  );
  yardstick.again();
  const compileUs = costUs(() => compileCel(checks.noPrivilegedContainer, { variables: ['object'] }), milliseconds);
  return {
    figures: { ...figures, compileUs, yardstickUs: yardstick.us() },
    ratios: {
      checksInAYardstick: { value: yardstick.us() / Number(figures['noPrivilegedContainerUs']), better: 'higher' },
    },
    bars: { noPrivilegedContainerUs: { bar: 0.8, goal: 0.3, better: 'lower' } },
    conditions: { objectBytes: JSON.stringify(object).length, containers: 1 },
  };
});
