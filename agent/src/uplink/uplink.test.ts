import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { KindVerdict, ObjectRef } from '@driftline/proto';
import {
  numberedBody,
  openTestSpool,
  silentLogger,
  smallLimits,
  temporaryDirectory,
  until,
} from '../spool/spool-fixture.ts';
import type { Spool, SpoolLimits } from '../spool/index.ts';
import type { ConnectOptions } from './connect.ts';
import { openScriptedCollector } from './scripted-collector.ts';
import type { Script, ScriptedCollector } from './scripted-collector.ts';
import { noUplinkMetrics } from './uplink-metrics.ts';
import { openUplink } from './uplink.ts';
import type { Uplink } from './uplink.ts';

type Setting = {
  readonly collector: ScriptedCollector;
  readonly spool: Spool;
  readonly uplink: Uplink;
  readonly needed: ObjectRef[];
  readonly lostEpochs: number[];
  readonly verdicts: KindVerdict[];
  readonly surprises: string[];
  readonly directory: string;
};

type SettingOptions = {
  readonly messages?: number;
  readonly spoolLimits?: Partial<SpoolLimits>;
  readonly fillerBytes?: number;
  readonly connect?: Partial<ConnectOptions>;
  readonly tokenIn?: string;
  readonly isSuccessor?: boolean;
  readonly welcomeTimeoutMs?: number;
};

async function withUplink(script: Script, options: SettingOptions, test: (s: Setting) => Promise<void>): Promise<void> {
  const directory = await temporaryDirectory();
  const { spool } = await openTestSpool(directory.path, { limits: { ...smallLimits, ...options.spoolLimits } });
  for (let i = 1; i <= (options.messages ?? 0); i++) await spool.append([numberedBody(i, options.fillerBytes ?? 20)]);
  const collector = await openScriptedCollector(script);
  const needed: ObjectRef[] = [];
  const lostEpochs: number[] = [];
  const verdicts: KindVerdict[] = [];
  const surprises: string[] = [];
  const tokenFile = join(directory.path, 'token');
  if (options.tokenIn !== undefined) await writeFile(tokenFile, options.tokenIn);
  const uplink = openUplink({
    connect: {
      collectorUrl: `http://127.0.0.1:${collector.port}`,
      allowInsecureTransport: false,
      ...(options.tokenIn === undefined ? {} : { tokenFile }),
      ...options.connect,
    },
    spool,
    hello: {
      protocol: 1,
      cluster: 'test',
      clusterUid: 'uid',
      instance: 'instance',
      agentVersion: '0',
      kubernetesVersion: 'v1',
      redactionKeyId: 'key',
    },
    limits: { reconnectBaseMs: 10, reconnectMaxMs: 40, welcomeTimeoutMs: options.welcomeTimeoutMs ?? 60_000 },
    clock: { nowUs: () => 1 },
    logger: silentLogger,
    metrics: noUplinkMetrics,
    isSuccessor: options.isSuccessor ?? false,
    onNeedFull: async (objects) => void needed.push(...objects),
    onVerdict: (verdict) => verdicts.push(verdict),
    onSurprise: (surprise) => surprises.push(surprise),
    onEpochLost: (recordedSequence) => lostEpochs.push(recordedSequence),
  });
  try {
    await test({ collector, spool, uplink, needed, lostEpochs, verdicts, surprises, directory: directory.path });
  } finally {
    await uplink.close();
    await collector.close();
    await spool.close();
    await directory.remove();
  }
}

const sequencesOf = (collector: ScriptedCollector, stream: number): number[] =>
  (collector.streams[stream]?.batches ?? []).map((batch) => batch.firstSequence);

describe('uplink', () => {
  it('says hello, resumes after what is recorded, follows the spool and hands on acknowledgements', async () => {
    const script: Script = {
      onHello: (stream) => stream.welcome(2),
      onBatch: (stream, batch) => stream.ack(batch.lastSequence),
    };
    await withUplink(script, { messages: 5 }, async ({ collector, spool, uplink }) => {
      await until(() => spool.position().recordedSequence === 5, 'all recorded');
      const { hello } = collector.streams[0]!;
      assert.deepEqual([hello.firstSequence, hello.lastSequence, hello.epoch], [1, 5, spool.epoch]);
      assert.deepEqual(sequencesOf(collector, 0), [3, 4, 5]);
      await spool.append([numberedBody(6)]);
      await until(() => spool.position().recordedSequence === 6, 'what came later');
      assert.equal(uplink.state().type, 'connected');
    });
  });

  it('sends no more bytes than it has credit for, and a batch above the whole credit alone', async () => {
    const script: Script = { onHello: (stream) => stream.welcome(0, { creditBytes: 2000 }) };
    await withUplink(script, { messages: 6, fillerBytes: 1000 }, async ({ collector, spool }) => {
      await until(() => sequencesOf(collector, 0).length > 0, 'the first batch');
      const stream = collector.streams[0]!;
      const sent = (): number => stream.batches.reduce((sum, batch) => sum + batch.payload.byteLength, 0);
      await until(() => sent() + stream.batches[0]!.payload.byteLength > 2000, 'all that there is credit for');
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.ok(sent() <= 2000 && stream.batches.length < 6, `${sent()} bytes were sent`);
      const firstSent = sent();
      stream.send({ type: 'credit', bytes: firstSent });
      await until(() => stream.batches.length >= 4, 'more batches');
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.ok(sent() <= 4000);
      const largest = Math.max(...stream.batches.map(({ payload }) => payload.byteLength));
      const granted = 2000 + firstSent;
      stream.send({ type: 'credit', bytes: Math.max(1, 6 * largest - granted) });
      await until(() => stream.batches.length === 6, 'the rest');
      const before = sent();
      await spool.append([numberedBody(7, 8000)]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(sent(), before, 'a batch above the credit waits while others are in flight');
      stream.send({ type: 'credit', bytes: 10_000 });
      await until(() => stream.batches.length === 7, 'the large batch');
    });
  });

  it('connects again after a reset in mid stream and sends what was not recorded', async () => {
    let isReset = false;
    const script: Script = {
      onHello: (stream) => stream.welcome(stream.number === 0 ? 0 : 2),
      onBatch: (stream, batch) => {
        if (stream.number === 0 && batch.lastSequence === 2) stream.ack(2);
        if (stream.number > 0) stream.ack(batch.lastSequence);
      },
    };
    await withUplink(script, { messages: 8 }, async ({ collector, spool }) => {
      await until(() => spool.position().recordedSequence >= 2, 'the first ack');
      isReset = true;
      collector.reset();
      await until(() => spool.position().recordedSequence === 8, 'the rest after the reset');
      assert.ok(isReset && collector.streams.length >= 2);
      assert.equal(collector.streams.at(-1)!.hello.firstSequence, 3);
      assert.deepEqual(sequencesOf(collector, collector.streams.length - 1), [3, 4, 5, 6, 7, 8]);
    });
  });

  it('a collector that never answers is left, and tried again', async () => {
    const script: Script = { onHello: (stream) => stream.number > 0 && stream.welcome(0) };
    await withUplink(script, { messages: 1, welcomeTimeoutMs: 400 }, async ({ collector }) => {
      await until(
        () => collector.streams.slice(1).some(({ batches }) => batches.length === 1),
        'a batch on a later one',
      );
    });
  });

  it('a connection that falls silent is taken for half-open; one that answers heartbeats is not', async () => {
    let answersHeartbeats = true;
    const heartbeats: number[] = [];
    const script: Script = {
      onHello: (stream) => stream.welcome(0, { heartbeatIntervalMs: 30 }),
      onHeartbeat(stream) {
        heartbeats[stream.number] = (heartbeats[stream.number] ?? 0) + 1;
        if (answersHeartbeats) stream.ack(0);
      },
    };
    await withUplink(script, {}, async ({ collector }) => {
      // Without answers a stream is left after three.
      await until(() => heartbeats.some((count) => count >= 6), 'an idle stream lives on heartbeats');
      answersHeartbeats = false;
      const { length } = collector.streams;
      await until(() => collector.streams.length > length, 'another stream');
    });
  });

  it('goes back to where the collector asks, and on from there', async () => {
    const script: Script = { onHello: (stream) => stream.welcome(0) };
    await withUplink(script, { messages: 4 }, async ({ collector, spool }) => {
      await until(() => sequencesOf(collector, 0).length === 4, 'all sent');
      const stream = collector.streams[0]!;
      stream.send({ type: 'resend', fromSequence: 2 });
      await until(() => stream.batches.length === 7, 'the batches again');
      await spool.append([numberedBody(5)]);
      await until(() => stream.batches.length === 8, 'what came later');
      assert.deepEqual(sequencesOf(collector, 0), [1, 2, 3, 4, 2, 3, 4, 5]);
      assert.deepEqual(stream.batches[4], stream.batches[1], 'a batch keeps its bytes');
    });
  });

  it('hands on which objects the collector wants whole', async () => {
    const ref = { group: '', resource: 'pods', kind: 'Pod', namespace: 'default', name: 'web', uid: 'u' };
    const script: Script = {
      onHello(stream) {
        stream.welcome(0);
        stream.send({ type: 'need-full', objects: [ref] });
      },
    };
    await withUplink(script, {}, async ({ needed }) => {
      await until(() => needed.length === 1, 'the request');
      assert.deepEqual(needed, [ref]);
    });
  });

  it('hands on verdicts, and what of a Welcome nobody expected', async () => {
    const verdict = {
      type: 'kind-verdict',
      group: '',
      resource: 'pods',
      sequence: 2,
      verdict: { outcome: 'agreed' },
    } as const;
    // A first life whose acknowledgements were lost; a collector that keeps up; one that was set back.
    const recorded = [2, 3, 1];
    const script: Script = {
      onHello(stream) {
        stream.welcome(recorded[stream.number] ?? 1);
        stream.send(verdict);
        if (stream.number < 2) setTimeout(() => stream.end(), 30);
      },
    };
    await withUplink(script, { messages: 3 }, async ({ verdicts, surprises }) => {
      await until(() => verdicts.length === 3, 'three sessions');
      assert.deepEqual(verdicts[0], verdict);
      assert.deepEqual(surprises, ['ahead', 'behind']);
    });
  });

  it('a wrong token is told, tried again, and the file read again', async () => {
    const script: Script = {
      onHello(stream) {
        const isRight = stream.metadata.get('authorization')[0] === 'Bearer right';
        if (isRight) return stream.welcome(0);
        const message = 'the token is not known';
        stream.send({ type: 'refused', code: 'unauthenticated', message, retryable: true, retryAfterMs: 50 });
        stream.end();
      },
    };
    await withUplink(script, { tokenIn: 'wrong\n' }, async ({ collector, uplink, directory }) => {
      await until(() => uplink.state().type === 'refused', 'the refusal');
      const state = uplink.state();
      assert.ok(state.type === 'refused' && state.code === 'unauthenticated' && !state.isFinal);
      await until(() => collector.streams.length >= 2, 'a second attempt');
      assert.equal(uplink.state().type, 'refused', 'the state stays until a welcome');
      await writeFile(join(directory, 'token'), 'right');
      await until(() => uplink.state().type === 'connected', 'the right token');
    });
  });

  it('a final refusal ends the attempts', async () => {
    const script: Script = {
      onHello(stream) {
        const message = 'another cluster';
        stream.send({ type: 'refused', code: 'cluster-mismatch', message, retryable: false, retryAfterMs: 0 });
        stream.end();
      },
    };
    await withUplink(script, {}, async ({ collector, uplink }) => {
      await until(() => uplink.state().type === 'refused', 'the refusal');
      await new Promise((resolve) => setTimeout(resolve, 150));
      assert.equal(collector.streams.length, 1);
      const state = uplink.state();
      assert.ok(state.type === 'refused' && state.isFinal);
    });
  });

  it('an agent that had to wait for another one of its cluster begins anew: what both saw was recorded twice', async () => {
    let refusals = 2;
    const script: Script = {
      onHello(stream) {
        refusals -= 1;
        if (refusals < 0) return stream.welcome(0);
        const message = 'another agent sends the stream';
        stream.send({ type: 'refused', code: 'already-claimed', message, retryable: true, retryAfterMs: 10 });
        stream.end();
      },
      onBatch: (stream, batch) => stream.ack(batch.lastSequence),
    };
    await withUplink(script, { messages: 3 }, async ({ lostEpochs, collector }) => {
      await until(() => lostEpochs.length === 1, 'the end of the epoch');
      assert.ok(collector.streams.every(({ batches }) => batches.length === 0));
    });
    refusals = 1;
    await withUplink(script, { messages: 3, isSuccessor: true }, async ({ lostEpochs, spool }) => {
      await until(() => spool.position().recordedSequence === 3, 'what the new epoch holds');
      assert.deepEqual(lostEpochs, [], 'the refusal was the echo of its own earlier session');
    });
  });

  it('a collector that has recorded more than the spool ever held ends the epoch', async () => {
    const script: Script = { onHello: (stream) => stream.welcome(9) };
    await withUplink(script, { messages: 3 }, async ({ lostEpochs, collector }) => {
      await until(() => lostEpochs.length === 1, 'the end of the epoch');
      assert.deepEqual(lostEpochs, [9]);
      assert.deepEqual(sequencesOf(collector, 0), []);
    });
  });

  it('a state folder set back to an older copy ends the epoch, also when it has grown past what is recorded', async () => {
    let recorded = 0;
    const script: Script = {
      onHello: (stream) => (recorded === 0 ? stream.end() : stream.welcome(recorded)),
      onBatch: (stream, batch) => stream.ack(batch.lastSequence),
    };
    await withUplink(script, { messages: 3 }, async ({ lostEpochs, spool, collector }) => {
      // The collector was away: what is new here has numbers that it knows for something else.
      for (let i = 4; i <= 9; i++) await spool.append([numberedBody(i)]);
      recorded = 6;
      await until(() => lostEpochs.length === 1, 'the end of the epoch');
      assert.deepEqual(lostEpochs, [6]);
      assert.ok(collector.streams.every(({ batches }) => batches.length === 0));
      assert.equal(spool.position().recordedSequence, 0, 'nothing was forgotten that is recorded nowhere');
    });
  });

  it('a record that ends within a batch of the spool is of another stream: the epoch ends', async () => {
    const script: Script = {
      onHello: (stream) => stream.welcome(stream.number === 0 ? 3 : 4),
      onBatch: (stream) => stream.end(),
    };
    await withUplink(script, { messages: 3 }, async ({ lostEpochs, spool, collector }) => {
      await spool.append([numberedBody(4), numberedBody(5)]);
      await until(() => lostEpochs.length === 1, 'the end of the epoch');
      assert.deepEqual(lostEpochs, [4]);
      assert.deepEqual([sequencesOf(collector, 0), sequencesOf(collector, 1)], [[4], []]);
    });
  });

  it('lost sequences are announced by a new hello once what lies before them is recorded', async () => {
    const script: Script = {
      onHello: (stream) => stream.welcome(stream.number === 0 ? 0 : 2, { creditBytes: stream.number === 0 ? 10 : 1e6 }),
      onBatch: (stream, batch) => void (stream.number > 0 && stream.ack(batch.lastSequence)),
    };
    const spoolLimits = { spoolLimitBytes: 24 * 1024, spoolFullWaitMs: 5 };
    await withUplink(script, { messages: 2, fillerBytes: 3000, spoolLimits }, async ({ collector, spool }) => {
      await until(() => sequencesOf(collector, 0).length === 1, 'the one batch that has credit');
      for (let i = 3; spool.firstHeld(1) <= 3; i++) {
        const { lastSequence } = await spool.append([numberedBody(i, 3000)]);
        spool.applied(lastSequence);
      }
      const stream = collector.streams[0]!;
      stream.send({ type: 'credit', bytes: 1_000_000 });
      await until(() => stream.batches.length === 2, 'the batch that was waiting for credit');
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual(sequencesOf(collector, 0), [1, 2], 'nothing is sent that does not continue');
      assert.equal(collector.streams.length, 1, 'and the stream lives until the rest is recorded');
      const { lastSequence } = spool.position();
      const oldest = spool.firstHeld(3);
      stream.ack(2);
      await until(() => spool.position().recordedSequence > lastSequence, 'the rest, and the confession');
      const next = collector.streams[1]!;
      assert.ok(oldest > 3);
      assert.equal(next.hello.firstSequence, oldest);
      assert.equal(next.batches[0]!.firstSequence, next.hello.firstSequence);
    });
  });

  it('does not send a token in clear text to another machine', async () => {
    for (const collectorUrl of [
      'http://collector.example:4317',
      'http://10.0.0.8:4317',
      'http://127.0.0.1.example:1',
    ]) {
      const options = { collectorUrl, tokenFile: '/nowhere', allowInsecureTransport: false };
      assert.throws(() => openUplink({ connect: options } as never), { code: 'insecure-transport' });
    }
    for (const collectorUrl of ['collector:4317', 'ftp://collector', '']) {
      const options = { collectorUrl, allowInsecureTransport: false };
      assert.throws(() => openUplink({ connect: options } as never), { code: 'invalid-address' });
    }
  });
});
