/** SARIF of the real `driftline scan`, which needs no collector, no token and no home. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { bareEnvironment } from '../fakes/embedded/process.ts';

const binary = join(import.meta.dirname, '../../cli/bin/driftline.mjs');
const pod = `apiVersion: v1
kind: Pod
metadata: { name: web, namespace: shop }
spec:
  containers:
    - { name: web, image: "registry.example.org/web:1.0", securityContext: { privileged: true } }
`;

type SarifResult = {
  ruleId: string;
  ruleIndex: number;
  partialFingerprints: Record<string, string>;
  locations: [{ physicalLocation: unknown }];
};

test('SARIF has what its schema requires, with relative addresses and fingerprints of their own', async () => {
  const schema: unknown = JSON.parse(readFileSync(join(import.meta.dirname, 'sarif-required.schema.json'), 'utf8'));
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema as object);
  const folder = mkdtempSync(join(tmpdir(), 'driftline-sarif-'));
  try {
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app', 'pod & co.yaml'), pod);
    writeFileSync(join(folder, 'broken.yaml'), 'apiVersion: v1\nkind: [\n');
    const failed: unknown = await promisify(execFile)(process.execPath, [binary, 'scan', '.', '-o', 'sarif'], {
      cwd: folder,
      env: bareEnvironment(),
    }).catch((error: unknown) => error);
    const { code, stdout } = failed as { code: number; stdout: string };
    assert.equal(code, 5, 'one file is broken');
    const log = JSON.parse(stdout) as Log;
    assert.ok(validate(log), JSON.stringify(validate.errors));
    const [{ tool, results, invocations }] = log.runs;
    assert.equal(invocations[0]?.executionSuccessful, false);
    assert.equal(invocations[0]?.toolExecutionNotifications.length, 1);
    assert.deepEqual(results.find(({ ruleId }) => ruleId === 'DL-POD-001')?.locations[0].physicalLocation, {
      artifactLocation: { uri: 'app/pod%20%26%20co.yaml' },
      region: { startLine: 6, startColumn: 78 },
    });
    for (const { ruleId, ruleIndex } of results) assert.equal(tool.driver.rules[ruleIndex]?.id, ruleId);
    const prints = results.map(({ partialFingerprints }) => Object.values(partialFingerprints).join());
    assert.equal(new Set(prints).size, prints.length);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
});

type Log = {
  runs: [
    {
      tool: { driver: { rules: { id: string }[] } };
      results: SarifResult[];
      invocations: { executionSuccessful: boolean; toolExecutionNotifications: unknown[] }[];
    },
  ];
};
