/** The library keeps its own promises: it loads as a whole, its cases hold, and every control can both pass and fail. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Bundle, loadBundle, runCases } from '@driftline/policy';
import { hash } from 'node:crypto';
import { parseYamlFile } from '../src/load/yaml-file.ts';
import { libraryFolder, policyFilesIn, readLibrary } from './read-library.ts';
import { relationControls } from './relation/index.ts';

const result = await readLibrary();
assert.ok(result.ok, JSON.stringify(result));
const { bundle } = result;

test('every case of every control holds', () => {
  const failed = runCases(bundle, Date.parse).filter(({ ok }) => !ok);
  assert.deepEqual(failed, []);
});

test('what is read of a control without its cases is what the whole file says', async () => {
  const files = await policyFilesIn(libraryFolder);
  const whole = loadBundle({ files, relations: relationControls, sha256: (text) => hash('sha256', text) });
  assert.ok(whole.ok, JSON.stringify(whole));
  const told = ({ controls, version }: Bundle) => [
    version,
    controls.map(({ control: { meta, digest }, at, source, cases }) => ({ meta, digest, at, source, cases: cases() })),
  ];
  assert.deepEqual(told(bundle), told(whole.bundle));
  const read = files.filter(({ text }) => /^kind: Control$/m.test(text));
  const heads = read.filter((file) => {
    const parsed = parseYamlFile({ ...file, hasTrustedCases: true });
    return 'documents' in parsed && parsed.documents.every(({ value }) => !Object.hasOwn(value as object, 'cases'));
  });
  assert.equal(heads.length, read.length, 'cases come last in every file of the library');
});

test('every control has at least two passing and two failing cases, or says why not', () => {
  const thin = bundle.controls.filter(({ cases }) => {
    const count = (expect: string) => cases().filter((one) => one.expect === expect).length;
    return count('fail') < 2 || count('pass') + count('not-applicable') < 2;
  });
  assert.deepEqual(
    thin.map(({ control }) => control.meta.id),
    [],
  );
});

test('the library touches every shape of control: every language of its own, every category, at least 150 controls', () => {
  const metas = bundle.controls.map(({ control }) => control);
  assert.ok(metas.length >= 150, String(metas.length));
  assert.deepEqual([...new Set(metas.map(({ language }) => language))].sort(), [
    'cel',
    'relation',
    'validating-admission-policy',
  ]);
  const categories = [...new Set(metas.map(({ meta }) => meta.category))].sort();
  assert.deepEqual(categories, ['compute', 'data', 'governance', 'identity', 'network', 'supply-chain']);
});

test('every requirement of the Pod Security Standards has a control', () => {
  const pss = bundle.frameworks.find(({ id }) => id === 'pss');
  assert.ok(pss);
  const mapped = new Set(
    bundle.controls.flatMap(({ control }) =>
      control.meta.frameworks
        .filter(({ framework }) => framework === 'pss')
        .flatMap(({ requirements }) => requirements),
    ),
  );
  assert.deepEqual(
    pss.requirements.map(({ id }) => id).filter((id) => !mapped.has(id)),
    [],
  );
});
