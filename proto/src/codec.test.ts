import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { agentFrame, collectorFrame, decodeMessages, encodeMessages } from './codec.ts';
import { ProtocolError, type ProtocolErrorCode } from './error.ts';
import type { AgentFrame, CollectorFrame } from './frames.ts';
import { maxFrameBytes, maxMessagesPerBatch, maxUncompressedBatchBytes } from './limits.ts';
import type { Message, MessageBody, ObjectRef } from './message.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const count = fc.nat();
const exact = fc.maxSafeNat();
const ref: fc.Arbitrary<ObjectRef> = fc.record({
  group: text,
  resource: text,
  kind: text,
  namespace: text,
  name: text,
  uid: text,
});
const manager = fc.record({
  manager: text,
  operation: text,
  subresource: text,
  timeUs: exact,
  paths: fc.array(text, { maxLength: 3 }),
});
const op = fc.constantFrom('snapshot', 'created', 'modified', 'deleted');

const content = fc.oneof(
  text.map((full) => ({ full, patch: undefined })),
  text.map((patch) => ({ full: undefined, patch })),
);
const delta = fc
  .record({
    type: fc.constant('delta' as const),
    ref,
    apiVersion: text,
    resourceVersion: text,
    op,
    baseHash: text,
    contentHash: text,
    managers: fc.array(manager, { maxLength: 3 }),
    synthesised: fc.boolean(),
    notBeforeUs: exact,
    versionSwitch: fc.boolean(),
  })
  .chain((delta) =>
    (delta.op === 'deleted' ? fc.constant({ full: undefined, patch: undefined }) : content).map((body) => ({
      ...delta,
      ...body,
    })),
  );
const body: fc.Arbitrary<MessageBody> = fc.oneof(
  delta as fc.Arbitrary<MessageBody>,
  fc.record({ type: fc.constant('audit'), digest: text, event: text, source: fc.constantFrom('webhook', 'log') }),
  fc.record({
    type: fc.constant('gap'),
    group: text,
    resource: text,
    fromVersion: text,
    toVersion: text,
    fromUs: exact,
    toUs: exact,
    cause: fc.constantFrom(
      'relist',
      'epoch_start',
      'spool_full',
      'spool_damage',
      'audit_drop',
      'sequence_hole',
      'undecodable',
    ),
    detail: text,
    fromSequence: exact,
    toSequence: exact,
  }),
  fc.record({
    type: fc.constant('kind-synced'),
    group: text,
    resource: text,
    kind: text,
    resourceVersion: text,
    objects: count,
  }),
  fc.record({
    type: fc.constant('coverage'),
    group: text,
    resource: text,
    kind: text,
    state: fc.constantFrom('listing', 'watched', 'forbidden', 'excluded', 'failing', 'gone'),
    reason: text,
  }),
  fc.record({ type: fc.constant('rejected'), source: text, reason: text, detail: text, bytes: count }),
) as fc.Arbitrary<MessageBody>;
const message: fc.Arbitrary<Message> = fc.record({ observedAtUs: exact, body });

const bytes = fc.uint8Array({ maxLength: 40 });
const agentFrames = fc.oneof(
  fc.record({
    type: fc.constant('hello'),
    protocol: count,
    cluster: text,
    clusterUid: text,
    epoch: text,
    instance: text,
    firstSequence: exact,
    lastSequence: exact,
    agentVersion: text,
    kubernetesVersion: text,
    redactionKeyId: text,
  }),
  fc.record({
    type: fc.constant('batch'),
    batch: fc.record({
      firstSequence: exact,
      lastSequence: exact,
      compression: fc.constantFrom('none', 'zstd'),
      uncompressedBytes: fc.nat(maxUncompressedBatchBytes),
      payload: bytes,
    }),
  }),
  fc.record({
    type: fc.constant('heartbeat'),
    sentAtUs: exact,
    lastSequence: exact,
    spoolBytes: exact,
    spoolLimitBytes: exact,
  }),
) as fc.Arbitrary<AgentFrame>;
const collectorFrames = fc.oneof(
  fc.record({ type: fc.constant('welcome'), recordedSequence: exact, creditBytes: count, heartbeatIntervalMs: count }),
  fc.record({ type: fc.constant('ack'), acceptedSequence: exact, recordedSequence: exact }),
  fc.record({ type: fc.constant('credit'), bytes: count }),
  fc.record({ type: fc.constant('resend'), fromSequence: exact }),
  fc.record({ type: fc.constant('need-full'), objects: fc.array(ref, { maxLength: 3 }) }),
  fc.record({ type: fc.constant('refused'), code: text, message: text, retryable: fc.boolean(), retryAfterMs: count }),
) as fc.Arbitrary<CollectorFrame>;

function hasCode(code: ProtocolErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof ProtocolError && error.code === code;
}

/** Records of fast-check have no prototype; what comes off the wire is plain. */
function plain<T>(value: T): T {
  return structuredClone(value);
}

test('invariant: messages and frames survive the wire unchanged', () => {
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 5 }),
      agentFrames,
      collectorFrames,
      (messages, fromAgent, fromCollector) => {
        assert.deepEqual(decodeMessages(encodeMessages(messages)), plain(messages));
        assert.deepEqual(agentFrame.decode(agentFrame.encode(fromAgent)), plain(fromAgent));
        assert.deepEqual(collectorFrame.decode(collectorFrame.encode(fromCollector)), plain(fromCollector));
      },
    ),
    { numRuns: 500 },
  );
});

test('invariant: garbage is a ProtocolError and nothing else', () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(fc.array(message, { minLength: 1, maxLength: 2 }), fc.nat(), fc.nat(255)).map(([messages, at, value]) => {
      const encoded = encodeMessages(messages).slice();
      encoded[at % encoded.length] = value;
      return encoded;
    }),
  );
  fc.assert(
    fc.property(noise, (input) => {
      for (const decode of [decodeMessages, agentFrame.decode, collectorFrame.decode]) {
        try {
          decode(input);
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      }
    }),
    { numRuns: 1000 },
  );
});

const audit: Message = { observedAtUs: 1, body: { type: 'audit', digest: 'd', event: 'canary', source: 'log' } };

test('text that is not UTF-8 is refused, in bytes fields and in strings', () => {
  for (const part of ['canary', 'log']) {
    const encoded = Buffer.from(encodeMessages([audit]));
    encoded[encoded.indexOf(part)] = 0xff;
    assert.throws(() => decodeMessages(encoded), hasCode('undecodable'), part);
  }
});

test('lone surrogates become replacement characters: the wire is always valid UTF-8', () => {
  const rejected: Message = {
    observedAtUs: 1,
    body: { type: 'rejected', source: 'watch', reason: '\ud800x', detail: '', bytes: 0 },
  };
  assert.deepEqual(decodeMessages(encodeMessages([rejected])), [
    { ...rejected, body: { ...rejected.body, reason: '�x' } },
  ]);
});

test('integers beyond 2^53 are refused instead of rounded', () => {
  const writer = protobuf.Writer.create();
  const ack = protobuf.Writer.create().uint32(8).bytes(new Uint8Array(0)).finish();
  assert.equal(ack.length, 2);
  // Ack { accepted_sequence: 2^63 } as field 2 of a CollectorFrame.
  const huge = Uint8Array.from([0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]);
  const frame = writer.uint32(18).bytes(huge).finish();
  assert.throws(() => collectorFrame.decode(frame), hasCode('undecodable'));
});

test('limits are enforced on both sides', () => {
  const many = Array.from({ length: maxMessagesPerBatch + 1 }, () => audit);
  assert.throws(() => encodeMessages(many), hasCode('too-large'));
  assert.throws(() => decodeMessages(new Uint8Array(maxUncompressedBatchBytes + 1)), hasCode('too-large'));
  assert.throws(() => agentFrame.decode(new Uint8Array(maxFrameBytes + 1)), hasCode('too-large'));
  const lying: AgentFrame = {
    type: 'batch',
    batch: {
      firstSequence: 1,
      lastSequence: 1,
      compression: 'zstd',
      uncompressedBytes: maxUncompressedBatchBytes + 1,
      payload: new Uint8Array(1),
    },
  };
  assert.throws(() => agentFrame.decode(agentFrame.encode(lying)), hasCode('too-large'));
  const crowded = protobuf.Writer.create();
  for (let i = 0; i <= maxMessagesPerBatch; i++) crowded.uint32(10).bytes(new Uint8Array(0));
  assert.throws(() => decodeMessages(crowded.finish()), hasCode('too-large'));
});

test('a few bytes that would become millions of objects are refused before they are read', () => {
  const filled = (field: number): Uint8Array => {
    const bytes = new Uint8Array(maxUncompressedBatchBytes - 64);
    for (let i = 0; i < bytes.length; i += 2) bytes[i] = (field << 3) | 2;
    return bytes;
  };
  const within = (field: number, inner: Uint8Array): Uint8Array =>
    protobuf.Writer.create()
      .uint32((field << 3) | 2)
      .bytes(inner)
      .finish();
  const messages = filled(1);
  const managers = within(1, within(2, filled(9)));
  const paths = within(1, within(2, within(9, filled(5))));
  for (const bomb of [messages, managers, paths]) {
    const before = process.memoryUsage().heapUsed;
    assert.throws(() => decodeMessages(bomb), hasCode('too-large'));
    assert.ok(process.memoryUsage().heapUsed - before < 64 * 1024 * 1024, 'it was read before it was refused');
  }
});

test('a field that claims to be longer than what holds it is not valid', () => {
  for (const bytes of [[0x0a, 0x05, 0x12], [0x0a, 0x02, 0x12, 0x7f], [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], [0x0a]])
    assert.throws(() => decodeMessages(Uint8Array.from(bytes)), hasCode('undecodable'));
});

test('fields of a newer peer are ignored, an unknown body is not', () => {
  const unknownField = [0xfa, 0x01, 0x01, 0x41]; // field 31, bytes 'A'
  const encoded = Uint8Array.from([...collectorFrame.encode({ type: 'credit', bytes: 5 }), ...unknownField]);
  assert.deepEqual(collectorFrame.decode(encoded), { type: 'credit', bytes: 5 });
  assert.throws(() => collectorFrame.decode(Uint8Array.from(unknownField)), hasCode('undecodable'));
});

test('a delta needs its content', () => {
  const empty = {
    type: 'delta',
    ref: { group: '', resource: '', kind: '', namespace: '', name: '', uid: '' },
    apiVersion: '',
    resourceVersion: '',
    baseHash: '',
    contentHash: '',
    managers: [],
    synthesised: false,
    notBeforeUs: 0,
    versionSwitch: false,
    full: undefined,
    patch: undefined,
  } as const;
  assert.throws(
    () => decodeMessages(encodeMessages([{ observedAtUs: 1, body: { ...empty, op: 'modified' } }])),
    hasCode('undecodable'),
  );
  assert.equal(decodeMessages(encodeMessages([{ observedAtUs: 1, body: { ...empty, op: 'deleted' } }])).length, 1);
});
