/** Brokers that speak TLS only and ask who one is. */
import { openKafkaBus } from '../../collector/src/bus/kafka-bus.ts';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { createAuthority } from '../fakes/certificates.ts';
import { startKafka } from './kafka/kafka.ts';
import type { KafkaCluster } from './kafka/kafka.ts';

const logger = pino({ level: process.env['DRIFTLINE_LOG_LEVEL'] ?? 'silent' });
const folder = mkdtempSync(join(tmpdir(), 'driftline-kafka-'));
const [username, password] = ['driftline', 'a password of the test'];
const caFile = join(folder, 'ca.pem');
const otherCaFile = join(folder, 'other-ca.pem');
let kafka: KafkaCluster;

before(async () => {
  const authority = createAuthority('kafka test', Date.now());
  writeFileSync(caFile, authority.cert);
  writeFileSync(otherCaFile, createAuthority('another', Date.now()).cert);
  const lifetime = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
  const certificate = authority.issue({ commonName: 'broker', names: ['127.0.0.1'], ...lifetime });
  kafka = await startKafka(1, { username, password, certificate });
});
after(async () => {
  await kafka.destroy();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});

const options = (
  topicPrefix: string,
  tls: { readonly caFile: string } | undefined,
  sasl:
    | { readonly mechanism: 'PLAIN' | 'SCRAM-SHA-512'; readonly username: string; readonly password: string }
    | undefined,
) =>
  ({
    brokers: kafka.bootstrap.split(','),
    security: { tls, sasl },
    topicPrefix,
    partitions: 1,
    replication: 1,
    role: 'all',
    logger,
  }) as const;

for (const mechanism of ['PLAIN', 'SCRAM-SHA-512'] as const)
  test(`batches and feedback pass over TLS with ${mechanism}`, async () => {
    const bus = await openKafkaBus(options(mechanism.toLowerCase(), { caFile }, { mechanism, username, password }));
    const stream = { tenant: 'default', cluster: 'east', epoch: 'e1' };
    const [taken, told] = [Promise.withResolvers<number>(), Promise.withResolvers<string>()];
    const stop = bus.writer.onFeedback(({ type }) => told.resolve(type));
    void bus.reader.run({
      handle: async ([first]) => taken.resolve(first?.batch.firstSequence ?? 0),
      lost: async () => {},
    });
    await bus.writer.publish({
      stream,
      oldestSequence: 7,
      batch: {
        firstSequence: 7,
        lastSequence: 7,
        compression: 'none',
        uncompressedBytes: 1,
        payload: Uint8Array.of(7),
      },
    });
    assert.equal(await taken.promise, 7);
    await bus.reader.publishFeedback({ type: 'recorded', stream, sequence: 7 });
    assert.equal(await told.promise, 'recorded');
    stop();
    await bus.reader.close();
    await bus.writer.close();
  });

test('a wrong password, an authority that is not theirs and plain text are waited out, and the log says why', async () => {
  const good = { mechanism: 'SCRAM-SHA-512', username, password } as const;
  const cases = [
    [{ caFile }, { ...good, password: 'wrong' }, /SASL authentication failed/],
    [{ caFile: otherCaFile }, good, /unable to verify/],
    [undefined, undefined, /requires TLS/],
  ] as const;
  for (const [tls, sasl, expected] of cases) {
    const stopping = new AbortController();
    const said = Promise.withResolvers<{ readonly event: string; readonly reason: string }>();
    const stream = { write: (line: string) => said.resolve(JSON.parse(line) as Awaited<typeof said.promise>) };
    const opening = assert.rejects(
      openKafkaBus({ ...options('refused', tls, sasl), logger: pino({}, stream), signal: stopping.signal }),
      { name: 'AbortError' },
    );
    const { event, reason } = await said.promise;
    assert.equal(event, 'bus-trouble');
    assert.match(reason, expected);
    assert.ok(!reason.includes('wrong') && !reason.includes(password));
    stopping.abort();
    await opening;
  }
  await assert.rejects(
    openKafkaBus(options('refused', { caFile: join(folder, 'none.pem') }, good)),
    /ENOENT.*none\.pem/,
  );
});
