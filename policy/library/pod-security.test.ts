/** The Pod Security controls against upstream's own fixtures, for the version that the pss framework file names. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonObject } from '@driftline/proto';
import { createEngine, type LoadedControl, objectKeyOf } from '@driftline/policy';
import { readLibrary } from './read-library.ts';
import { assertPublished } from './testing/agreement-page.ts';

type Fixture = {
  readonly check: string;
  readonly expect: 'pass' | 'fail';
  readonly level: 'baseline' | 'restricted';
  readonly object: JsonObject;
  readonly versions: readonly string[];
};

const corpora = process.env.DRIFTLINE_CORPORA;
const skip = corpora === undefined ? 'DRIFTLINE_CORPORA is not set: 380 Pod Security fixtures not run' : false;

/** Upstream's name of a check → the requirement of the pss framework file. */
const requirementOf: Readonly<Record<string, string>> = {
  allowprivilegeescalation: 'restricted/privilege-escalation',
  apparmorprofile: 'baseline/apparmor',
  capabilities_baseline: 'baseline/capabilities',
  capabilities_restricted: 'restricted/capabilities',
  hostnamespaces: 'baseline/host-namespaces',
  hostpathvolumes: 'baseline/hostpath-volumes',
  hostports: 'baseline/host-ports',
  hostprobesandhostlifecycle: 'baseline/host-probes',
  privileged: 'baseline/privileged-containers',
  procmount: 'baseline/proc-mount',
  procmount_restricted: 'restricted/proc-mount',
  restrictedvolumes: 'restricted/volume-types',
  runasnonroot: 'restricted/running-as-non-root',
  runasuser: 'restricted/running-as-non-root-user',
  seccompprofile_baseline: 'baseline/seccomp',
  seccompprofile_restricted: 'restricted/seccomp',
  selinuxoptions: 'baseline/selinux',
  sysctls: 'baseline/sysctls',
  windowshostprocess: 'baseline/host-process',
};

test('every Pod Security fixture is judged as upstream expects', { skip }, async () => {
  const library = await readLibrary();
  assert.ok(library.ok);
  const version = `v${library.bundle.frameworks.find(({ id }) => id === 'pss')?.version}`;
  const all = readFileSync(join(corpora ?? '', 'pod-security/cases.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Fixture);
  const fixtures = all.filter((fixture) => fixture.versions.includes(version));
  assert.ok(fixtures.length > 100, `only ${fixtures.length} fixtures hold for ${version}`);
  const wrong = fixtures.flatMap((fixture) => disagreement(fixture, library.bundle.controls));
  assert.deepEqual(wrong, []);
  assertPublished(
    ['Pod Security Standards', 'cases'],
    [
      ['all', all.length],
      [`hold for Kubernetes ${version}`, fixtures.length],
      ['judged as expected', fixtures.length - wrong.length],
      ['contradicted', wrong.length],
      ['hold for other versions only', all.length - fixtures.length],
    ],
  );
});

function disagreement(fixture: Fixture, controls: readonly LoadedControl[]): readonly string[] {
  const failed = controls
    .map(({ control }) => ({ control, requirements: pss(control.meta.frameworks) }))
    .filter(({ requirements }) =>
      requirements.some((one) => fixture.level === 'restricted' || one.startsWith('baseline/')),
    )
    .filter(({ control }) => {
      const engine = createEngine({ controls: [control], covers: () => true });
      const key = objectKeyOf(fixture.object);
      engine.apply([{ key, uid: '1', after: fixture.object }], 0);
      const verdict = engine.verdict(key, control.meta.id)?.verdict;
      assert.ok(verdict === 'pass' || verdict === 'fail', `${control.meta.id}: ${verdict}`);
      return verdict === 'fail';
    })
    .flatMap(({ requirements }) => requirements);
  const name = `${fixture.level} ${fixture.check} ${JSON.stringify(fixture.object.spec)}`;
  if (fixture.expect === 'pass') return failed.length === 0 ? [] : [`${name}: should pass, fails ${failed.join(', ')}`];
  const expected = requirementOf[fixture.check];
  assert.ok(expected !== undefined, `upstream has a check that nothing here stands for: ${fixture.check}`);
  return failed.includes(expected) ? [] : [`${name}: should fail ${expected}, fails ${failed.join(', ') || 'nothing'}`];
}

function pss(frameworks: LoadedControl['control']['meta']['frameworks']): readonly string[] {
  return frameworks.find(({ framework }) => framework === 'pss')?.requirements ?? [];
}
