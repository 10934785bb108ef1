import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Delta } from '@driftline/proto';
import { openState } from './agent-state.ts';
import { systemClock } from './clock.ts';
import { parseConfig } from './config.ts';
import { packForm } from './known/packed-form.ts';
import { createAgentMetrics } from './metrics.ts';
import { Scope } from './scope.ts';
import { silentLogger, temporaryDirectory } from './spool/spool-fixture.ts';

const incompressible = (bytes: number): string => randomBytes(bytes).toString('base64');

test('a small spool that ends with audit events makes room for the objects that wait', async () => {
  const directory = await temporaryDirectory();
  const flags = [
    '--cluster=small',
    '--collector=collector:7443',
    '--redaction-key-file=/keys/key',
    '--spool-limit=64Ki',
  ];
  const config = parseConfig([...flags, '--state-dir', directory.path], {});
  assert.ok(config !== 'help');
  const scope = new Scope((_part, error) => assert.fail(String(error)));
  const context = { config, logger: silentLogger, metrics: createAgentMetrics(), clock: systemClock };
  const [spool, known] = await openState({ ...context, onLoss: () => assert.fail('nothing is lost') }, scope);
  const audit = { type: 'audit', digest: 'd', event: incompressible(32_768), source: 'webhook' } as const;
  // More than is written at once.
  const batch = Array.from({ length: 150 }, () => audit);
  const { lastSequence } = await spool.append(batch);
  const canonical = JSON.stringify({ text: incompressible(32_768) });
  const ref = { group: '', resource: 'configmaps', kind: 'ConfigMap', namespace: 'default', name: 'a', uid: 'u' };
  const delta: Delta = {
    type: 'delta',
    ref,
    apiVersion: 'v1',
    resourceVersion: '1',
    op: 'created',
    baseHash: '',
    contentHash: 'h',
    full: canonical,
    patch: undefined,
    managers: [],
    synthesised: false,
    notBeforeUs: 0,
    versionSwitch: false,
  };
  const durable = spool.append([delta]);
  const object = { uid: 'u', apiVersion: 'v1', resourceVersion: '1', contentHash: 'h' };
  const packed = packForm({ canonical, owners: '' });
  known.kind('', 'configmaps').stage({ changes: [{ ...ref, object: { ...object, packed } }], durable });
  spool.acknowledge({ acceptedSequence: lastSequence, recordedSequence: lastSequence });
  assert.equal((await durable).lastSequence, lastSequence + 1);
  await scope.close();
  await directory.remove();
});
