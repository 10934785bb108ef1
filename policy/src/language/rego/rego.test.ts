import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { gunzipSync } from 'node:zlib';
import { BadModule } from './bad-module.ts';
import { leb128, signedLeb128 } from './binary-reader.ts';
import { fuelExport, meterModule } from './meter-module.ts';
import { loadRegoModule, RegoError } from './rego-module.ts';
import { regoVerdict } from './rego-verdict.ts';
import { sprintf } from './sprintf.ts';
import { type WasmGlobal, webAssembly } from './web-assembly.ts';

/** (func (export "run") (loop (br 0))): never ends. */
const endless = Uint8Array.from(
  Buffer.from('0061736d01000000010401600000030201000707010372756e00000a0901070003400c000b0b', 'hex'),
);

test('a module that never ends is stopped when its fuel is spent, and runs again with more', () => {
  const module = new webAssembly.Module(meterModule(endless, 0));
  const own = new webAssembly.Instance(module, {}).exports as { run(): void; [fuelExport]: WasmGlobal };
  for (const fuel of [0, 1, 100_000]) {
    own[fuelExport].value = fuel;
    assert.throws(() => own.run(), /unreachable/);
    assert.equal(own[fuelExport].value, 0);
  }
});

test('bytes that are no module are refused, never worse', () => {
  assert.throws(() => meterModule(new Uint8Array(), 1), BadModule);
  assert.throws(() => loadRegoModule(new TextEncoder().encode('not wasm at all'), {}), BadModule);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(endless.length - 1), (noise, at) => {
      const bytes = Uint8Array.from([...endless.subarray(0, Math.max(8, at)), ...noise]);
      try {
        meterModule(bytes, 1);
      } catch (thrown) {
        assert.ok(thrown instanceof BadModule, String(thrown));
      }
    }),
  );
});

test('numbers as WebAssembly writes them', () => {
  assert.deepEqual(leb128(624_485), [0xe5, 0x8e, 0x26]);
  assert.deepEqual(signedLeb128(64), [0xc0, 0x00]);
});

test('an evaluation that takes too much is an error, and the next one is as good as the first', () => {
  const packed = gunzipSync(readFileSync(join(import.meta.dirname, 'testing/labels.tar.gz')));
  const start = packed.indexOf(Buffer.from([0x00, 0x61, 0x73, 0x6d]));
  const size = Number.parseInt(packed.subarray(start - 512 + 124, start - 512 + 136).toString('latin1'), 8);
  const module = loadRegoModule(packed.subarray(start, start + size), {});
  const input = (labels: Record<string, string>) => ({ metadata: { labels } });
  const small = () => module.evaluate('labels/deny', input({ app: 'Web' }));
  const expected = [{ msg: '"Web" is not in small letters', path: 'metadata.labels.app' }];
  assert.deepEqual(small(), expected);
  const huge = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`l${index}`, `V${index}`]));
  assert.throws(() => module.evaluate('labels/deny', input(huge)), RegoError);
  assert.deepEqual(small(), expected);
  assert.throws(() => module.evaluate('labels/none', {}), /no entrypoint/);
});

test('answers as verdicts', () => {
  const object = { spec: { a: 'x' } };
  assert.deepEqual(regoVerdict(undefined, object, 't'), { verdict: 'pass' });
  assert.deepEqual(regoVerdict([], object, 't'), { verdict: 'pass' });
  assert.deepEqual(regoVerdict(true, object, 't'), {
    verdict: 'fail',
    violations: [{ path: '', value: '', reason: 't' }],
  });
  assert.deepEqual(regoVerdict(['a', 'b', { msg: 'c', path: 'spec.a' }], object, 't'), {
    verdict: 'fail',
    violations: [
      { path: '', value: '', reason: 'a; b' },
      { path: 'spec.a', value: 'x', reason: 'c' },
    ],
  });
  assert.throws(() => regoVerdict({ a: 1 }, object, 't'), RegoError);
});

test('sprintf', () => {
  assert.equal(
    sprintf('%v %s %d %q %t %.2f %x %5d|%-4s|%03d %%', [[1, 'a'], 'b', 3, 'c', true, 1.5, 255, 7, 'z', 5]),
    '[1, "a"] b 3 "c" true 1.50 ff     7|z   |005 %',
  );
  assert.equal(sprintf('%d %s', ['x']), '%!d(x) %!s(MISSING)');
  assert.equal(sprintf('a', [1]), 'a%!(EXTRA 1)');
});
