/** What CI calls, as CI calls it; the packages are there already. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const pod = `apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop }
spec: { containers: [{ name: web, image: "x:1", securityContext: { privileged: true } }] }
`;

test('the action runs the scan with its inputs, writes SARIF, and fails as the scan does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'driftline-action-'));
  try {
    writeFileSync(join(folder, 'pod.yaml'), pod);
    writeFileSync(join(folder, 'other.yaml'), pod);
    const inputs = {
      PATHS: 'pod.yaml\n\n  other.yaml\n',
      'FAIL-ON': 'critical',
      SARIF: 'out.sarif',
      SKIP: '',
      SEVERITY: 'critical',
    };
    const run = spawnSync(process.execPath, [join(root, 'deploy/ci/action.mjs')], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        GITHUB_OUTPUT: join(folder, 'output'),
        ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name}`, value])),
      },
    });
    assert.equal(run.status, 1, run.stderr);
    assert.match(run.stdout, /2 objects in 2 files: 2 findings \(2 critical\)/);
    assert.equal(readFileSync(join(folder, 'output'), 'utf8'), 'exit-code=1\nsarif=out.sarif\n');
    assert.match(readFileSync(join(folder, 'out.sarif'), 'utf8'), /"uri": "pod\.yaml"/);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
});

test('every input of the action is one that the program reads', () => {
  const action = readFileSync(join(root, 'action.yml'), 'utf8');
  const program = readFileSync(join(root, 'deploy/ci/action.mjs'), 'utf8');
  const [, inputs = ''] = /\ninputs:\n([^]*?)\noutputs:/.exec(action) ?? [];
  const names = [...inputs.matchAll(/^ {2}([a-z-]+):$/gm)].map(([, name = '']) => name);
  assert.ok(names.length >= 10, names.join());
  for (const name of names) assert.ok(program.includes(`'${name}'`), name);
});
