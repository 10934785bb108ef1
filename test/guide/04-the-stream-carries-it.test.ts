/**
 * Chapter 4: the stream carries it.
 *
 * One gRPC stream for each agent (proto/PROTOCOL.md). The agent says Hello: which epoch, what its spool holds. The
 * collector, which knows the cluster from the credential and not from what the agent says, answers Welcome: what of that
 * epoch is recorded already, and how many bytes may be in flight. Batches flow while there is credit; credit comes back
 * as the bus takes them. The acknowledgement has two levels: accepted (the bus has it) and recorded (it is in the
 * timeline). Only the second one lets the agent forget.
 *
 * Here: a spool and an uplink (agent/src/uplink), a gateway (collector/src/ingest) and the memory bus between.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createMetrics, createTokenBook, defaultIngestLimits, openGateway, openMemoryBus } from '@driftline/collector';
import type { StreamBatch } from '@driftline/collector';
import { protocolVersion } from '@driftline/proto';
import { pino } from 'pino';
import { systemClock } from '../../agent/src/clock.ts';
import { defaultSpoolLimits, noSpoolMetrics, openSpool } from '../../agent/src/spool/index.ts';
import { defaultUplinkLimits, noUplinkMetrics, openUplink } from '../../agent/src/uplink/index.ts';
import { until } from '../contract/agent-witness.ts';

const logger = pino({ level: 'silent' });

test('a batch reaches the bus under the identity of the credential, and is forgotten once it is recorded', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'driftline-guide-'));
  const bus = openMemoryBus();
  const arrived: StreamBatch[] = [];
  void bus.reader.run({
    handle: async (batches) => {
      arrived.push(...batches);
    },
    lost: async () => {},
  });
  const gateway = await openGateway({
    listen: { host: '127.0.0.1', port: 0, allowPlaintext: false },
    tokens: createTokenBook([{ token: 'the-token-of-the-east', cluster: 'east', role: 'agent' }]),
    bus: bus.writer,
    watermark: async () => 0,
    bindings: {
      find: async () => undefined,
      bind: async (_cluster, _before, made) => ({ bindingOrdinal: 1, ...made }),
    },
    limits: defaultIngestLimits,
    metrics: createMetrics(),
    logger,
    now: Date.now,
  });
  const spool = await openSpool({
    directory: join(folder, 'spool'),
    limits: defaultSpoolLimits,
    clock: systemClock,
    logger,
    metrics: noSpoolMetrics,
  });
  await writeFile(join(folder, 'token'), 'the-token-of-the-east');
  const uplink = openUplink({
    connect: {
      collectorUrl: `http://${gateway.address}`,
      tokenFile: join(folder, 'token'),
      allowInsecureTransport: false,
    },
    spool,
    hello: {
      protocol: protocolVersion,
      cluster: 'whatever the agent calls itself',
      clusterUid: 'uid-of-kube-system',
      instance: 'this run',
      agentVersion: '0.1.0',
      kubernetesVersion: 'v1.36.0',
      redactionKeyId: 'k1',
    },
    limits: defaultUplinkLimits,
    clock: systemClock,
    logger,
    metrics: noUplinkMetrics,
    onNeedFull: async () => {},
    onVerdict: () => {},
    onSurprise: () => {},
    onEpochLost: () => {},
  });
  t.after(async () => {
    await uplink.close();
    await spool.close();
    await gateway.close();
    await bus.reader.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  await spool.append([{ type: 'rejected', source: 'watch', reason: 'an example', detail: '', bytes: 7 }]);
  await until(() => arrived.length > 0, 'the batch arrives');
  assert.deepEqual(arrived[0]?.stream, { tenant: 'default', cluster: 'east', epoch: spool.epoch });
  assert.deepEqual([arrived[0].batch.firstSequence, arrived[0].batch.lastSequence], [1, 1]);
  assert.equal(uplink.state().type, 'connected');

  // It is on the bus, not in the timeline: the spool still holds it.
  assert.equal(spool.position().recordedSequence, 0);
  assert.equal(spool.firstHeld(1), 1);

  // The pipeline tells that it is recorded, and the acknowledgement travels back.
  await bus.reader.publishFeedback({ type: 'recorded', stream: arrived[0].stream, sequence: 1 });
  await until(() => spool.position().recordedSequence === 1, 'the acknowledgement');
});
