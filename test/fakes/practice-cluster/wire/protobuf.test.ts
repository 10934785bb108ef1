import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ProtobufError, protobufToJson } from './protobuf.ts';

const field = (number: number, content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content);
  assert.ok(bytes.length < 128 && number < 16);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};
const number = (at: number, value: number): Buffer => Buffer.from([at << 3, value]);
const envelope = (apiVersion: string, kind: string, raw: Buffer): Buffer =>
  Buffer.concat([Buffer.from('k8s\0'), field(1, Buffer.concat([field(1, apiVersion), field(2, kind)])), field(2, raw)]);

test('a typed client’s object becomes the JSON it stands for', () => {
  const metadata = Buffer.concat([
    field(1, 'web'),
    field(3, ''),
    field(11, Buffer.concat([field(1, 'app'), field(2, 'web')])),
    field(8, ''),
  ]);
  // replicas is a pointer: zero is a value; minReadySeconds is not: zero is absence.
  const spec = Buffer.concat([number(1, 0), number(5, 0)]);
  const json: unknown = JSON.parse(
    protobufToJson(envelope('apps/v1', 'Deployment', Buffer.concat([field(1, metadata), field(2, spec)]))),
  );
  assert.deepEqual(json, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: { replicas: 0 },
  });
});

test('bytes that are no message are refused, never worse', () => {
  assert.throws(() => protobufToJson(Buffer.from('{"kind":"Pod"}')), ProtobufError);
  assert.throws(() => protobufToJson(envelope('v1', 'Unheard', Buffer.alloc(0))), /Unheard is not known/);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 100 }),
      fc.constantFrom('Pod', 'Deployment', 'Secret', 'Event'),
      (raw, kind) => {
        try {
          JSON.parse(protobufToJson(envelope('v1', kind, Buffer.from(raw))));
        } catch (error) {
          assert.ok(
            error instanceof ProtobufError || error instanceof SyntaxError || error instanceof RangeError,
            String(error),
          );
        }
      },
    ),
    { numRuns: 500 },
  );
});
