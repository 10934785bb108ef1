/** Five hundred agents that all come and send at once, while nothing leaves the bus. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pino } from 'pino';
import type { StreamBatch } from '../bus/bus.ts';
import { defaultMemoryBusLimits, openMemoryBus } from '../bus/memory-bus.ts';
import { createMetrics } from '../metrics.ts';
import { openGateway } from './gateway.ts';
import { defaultIngestLimits } from './limits.ts';
import { memoryBindings } from './testing/memory-bindings.ts';
import { TestAgent, batch, hello, until } from './testing/test-agent.ts';
import { createTokenBook } from './tokens.ts';

const agents = 500;
const batches = 4;
const batchBytes = 48 * 1_024;
const ingestBytes = 1_024 * 1_024;
const queueBytes = 1_024 * 1_024;
const inFlightBytes = 512 * 1_024;
const tokenOf = (cluster: number): string => `token-of-the-agent-of-cluster-${cluster}`;
const opened: TestAgent[] = [];
after(() => opened.forEach((agent) => agent.close()));

test('500 agents at once: what the collector holds stays within its bound, and in the end it has everything', async () => {
  const bus = openMemoryBus({ ...defaultMemoryBusLimits, queueBytes, inFlightBytes });
  const release = Promise.withResolvers<void>();
  const taken: StreamBatch[] = [];
  const running = bus.reader.run({
    async handle(each) {
      await release.promise;
      taken.push(...each);
    },
    lost: async () => {},
  });
  const metrics = createMetrics();
  const gateway = await openGateway({
    listen: { host: '127.0.0.1', port: 0, allowPlaintext: false },
    tokens: createTokenBook(
      Array.from({ length: agents }, (_, i) => ({ token: tokenOf(i), cluster: `c${i}`, role: 'agent' })),
    ),
    bus: bus.writer,
    watermark: async () => 0,
    bindings: memoryBindings(),
    limits: { ...defaultIngestLimits, admissionBurst: agents, ingestBytes },
    metrics,
    logger: pino({ level: 'silent' }),
    now: Date.now,
  });
  for (let i = 0; i < agents; i++) {
    const agent = new TestAgent(gateway.port, tokenOf(i)).send(hello({ epoch: `e${i}`, clusterUid: `uid-${i}` }));
    for (let n = 1; n <= batches; n++) agent.send(batch(n, n, batchBytes));
    opened.push(agent);
  }
  const bytes = async (): Promise<number> => (await metrics.receivedBytes.get()).values[0]?.value ?? 0;
  await until(() => gateway.liveSessions().length === agents, 'all welcomed');
  let before = -1;
  for (let now = await bytes(); now !== before || now === 0; now = await bytes()) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  // Of each bound, what was begun when it was reached; never a share of all that wants to come in.
  const bound = ingestBytes + queueBytes + inFlightBytes + 8 * batchBytes;
  assert.ok(before > 0 && before <= bound, `${before} bytes are held, ${bound} at most`);
  assert.ok(bound < (agents * batches * batchBytes) / 10, 'and that is little of it');
  release.resolve();
  await until(() => taken.length === agents * batches, 'everything is taken');
  await gateway.close();
  await bus.reader.close();
  await running;
});
