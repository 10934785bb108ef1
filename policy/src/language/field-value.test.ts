import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson, type Json } from '@driftline/proto';
import * as fc from 'fast-check';
import { valueText } from './field-value.ts';

test('a bounded text begins as the whole one does, and is whole where that is short', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(60), (made, mattering) => {
      const value = JSON.parse(JSON.stringify(made)) as Json;
      const text = valueText(value, mattering);
      const whole = typeof value === 'string' ? value : value === null ? '' : canonicalJson(value);
      if (whole.length <= mattering) assert.equal(text, whole);
      else assert.equal(text.slice(0, mattering + 1), whole.slice(0, mattering + 1));
    }),
  );
});

test('a value of any depth has a bounded text', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as Json;
  assert.equal(valueText(deep, 256), '['.repeat(257));
});
