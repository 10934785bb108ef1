/** What a policy or an object may try: nothing may throw, stall, or reach what it does not own. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { type CelResult, compileCel, lazyFields, toJson, type Value } from './index.ts';
import { maxNestingDepth } from './parser.ts';

const variables = ['object', 'other'];

function run(source: string, bindings: Record<string, Value> = {}, costLimit?: number): CelResult {
  const compiled = compileCel(source, costLimit === undefined ? { variables } : { variables, costLimit });
  assert.ok(compiled.ok, compiled.ok ? '' : `${source}: ${compiled.error.message}`);
  return compiled.program.evaluate(bindings);
}

function value(source: string, bindings: Record<string, Value> = {}): unknown {
  const result = run(source, bindings);
  assert.ok(result.ok, result.ok ? '' : `${source}: ${result.error.message}`);
  return toJson(result.value);
}

function code(source: string, bindings: Record<string, Value> = {}): string {
  const result = run(source, bindings);
  assert.ok(!result.ok, `${source} has a value`);
  return result.error.code;
}

describe('hostile keys', () => {
  const object: unknown = JSON.parse('{"plain": 1, "list": []}');

  it('reads nothing that an object inherits', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
      assert.equal(code(`object.${name}`, { object }), 'no-such-key');
      assert.equal(value(`has(object.${name})`, { object }), false);
      assert.equal(value(`'${name}' in object`, { object }), false);
      assert.equal(code(`object['${name}']`, { object }), 'no-such-key');
      assert.equal(value(`object[?'${name}'].hasValue()`, { object }), false);
      assert.equal(value(`object.?${name}.hasValue()`, { object }), false);
    }
    assert.equal(code('object.list.length', { object }), 'no-such-overload');
  });

  it('reads them like any other when they are there', () => {
    const owning: unknown = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}');
    assert.equal(value('object.__proto__.a', { object: owning }), 1);
    assert.equal(value('has(object.constructor) && object["__proto__"] == {"a": 1}', { object: owning }), true);
    assert.equal(value('object.map(k, k)', { object: owning })?.toString(), '__proto__,constructor');
  });

  it('makes maps with them without touching any prototype', () => {
    const made = value("{'__proto__': {'polluted': true}}");
    assert.equal(JSON.stringify(made), '{"__proto__":{"polluted":true}}');
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    assert.equal(Object.getPrototypeOf(made), Object.prototype);
  });

  it('does not take a binding that the bindings only inherit', () => {
    assert.equal(code('object', Object.create({ object: 1 }) as Record<string, Value>), 'no-such-attribute');
  });
});

describe('limits', () => {
  const numbers = `[${Array.from({ length: 100 }, (_, i) => i).join(',')}]`;

  it('abandons an evaluation at its cost limit, which nothing absorbs', () => {
    const result = run(`${numbers}.all(a, ${numbers}.all(b, ${numbers}.all(c, a + b + c >= 0))) || true`, {}, 10_000);
    assert.ok(!result.ok);
    assert.equal(result.error.code, 'cost-limit');
    assert.ok(result.cost < 11_000);
  });

  const doubling = (seed: string, step: (name: string) => string, last: (name: string) => string): string => {
    const names = Array.from({ length: 60 }, (_, i) => `v${i}`);
    const body = last(names.at(-1) ?? '');
    return names.reduceRight(
      (inner, name, i) => `cel.bind(${name}, ${i === 0 ? seed : step(names[i - 1] ?? '')}, ${inner})`,
      body,
    );
  };

  it('stops values that double: strings, lists, shared parts, printed values', () => {
    const cases = [
      doubling(
        "'0123456789'",
        (name) => `${name} + ${name}`,
        (name) => `size(${name})`,
      ),
      doubling(
        '[1]',
        (name) => `${name} + ${name}`,
        (name) => `size(${name})`,
      ),
      doubling(
        '[1]',
        (name) => `[${name}, ${name}]`,
        (name) => `${name} == ${name} + []`,
      ),
      doubling(
        '[1]',
        (name) => `[${name}, ${name}]`,
        (name) => `'%s'.format([${name}])`,
      ),
      doubling(
        "'0123456789'",
        (name) => `${name}.replace('0', ${name})`,
        (name) => `size(${name})`,
      ),
      doubling(
        "'0123456789'",
        (name) => `[${name}, ${name}].join('')`,
        (name) => `size(${name})`,
      ),
    ];
    for (const source of cases) {
      const result = run(source);
      assert.ok(!result.ok, source.slice(-60));
      assert.ok(['cost-limit', 'overflow', 'invalid-argument'].includes(result.error.code), result.error.code);
    }
  });

  it('makes shared parts into JSON only while they stay small', () => {
    const result = run(
      doubling(
        '[1]',
        (name) => `[${name}, ${name}]`,
        (name) => name,
      ),
    );
    assert.ok(result.ok);
    assert.equal(toJson(result.value), null);
  });

  it('does not stall on patterns that backtrack elsewhere, nor on many patterns', () => {
    assert.equal(value("object.matches('^(a+)+$')", { object: `${'a'.repeat(10_000)}b` }), false);
    const many = run(
      `${numbers}.exists(a, ${numbers}.exists(b, ${numbers}.exists(c, 'x'.matches(string(a*10000 + b*100 + c) + '(a|b)*'))))`,
    );
    assert.ok(!many.ok && many.error.code === 'cost-limit');
  });

  it('refuses what is nested too deeply, and compiles what is only long', () => {
    const deep = compileCel(`${'('.repeat(maxNestingDepth + 1)}1${')'.repeat(maxNestingDepth + 1)}`, { variables });
    assert.ok(!deep.ok);
    assert.match(deep.error.message, /recursion limit/);
    assert.equal(value(Array.from({ length: 1000 }, () => 'true').join(' && ')), true);
    assert.equal(value(Array.from({ length: 1000 }, () => '1').join(' + ')), 1000);
    const long: readonly (readonly [string, boolean])[] = [
      [`${'!'.repeat(90_000)}true`, true],
      [`${'['.repeat(90_000)}1`, false],
      [`${'1+'.repeat(40_000)}1`, false],
      [`${'a.'.repeat(40_000)}b`, false],
    ];
    for (const [source, compiles] of long)
      assert.equal(compileCel(source, { variables }).ok, compiles, source.slice(0, 9));
    assert.ok(!compileCel('1'.repeat(200_000), { variables }).ok);
  });

  it('answers an error for an object nested too deeply to compare', () => {
    let nested: unknown = [];
    for (let i = 0; i < 100_000; i++) nested = [nested];
    assert.equal(code('object == other', { object: nested, other: structuredCopy(nested) }), 'internal');
  });
});

function structuredCopy(nested: unknown): unknown {
  let depth = 0;
  for (let inner = nested; Array.isArray(inner) && inner.length > 0; inner = inner[0]) depth++;
  let copy: unknown = [];
  for (let i = 0; i < depth; i++) copy = [copy];
  return copy;
}

describe('what comes from outside', () => {
  it('gives values that are no CEL values no meaning', () => {
    for (const object of [() => 1, Symbol('s'), new Date(0), new Map(), /x/]) {
      assert.equal(code('object.x', { object }), 'no-such-overload');
      assert.equal(code('object + 1', { object }), 'no-such-overload');
      assert.equal(code('size(object) == 0', { object }), 'no-such-overload');
    }
    assert.equal(code('object', { object: undefined }), 'no-such-attribute');
  });

  it('turns an exception of the host into an error that operators absorb', () => {
    const object = lazyFields((name) => {
      throw new Error(`no ${name}`);
    });
    assert.equal(code('object.x', { object }), 'internal');
    assert.equal(value('object.x || true', { object }), true);
  });

  it('asks a lazy field once', () => {
    let asked = 0;
    const object = lazyFields((name) => (name === 'n' ? ++asked : undefined));
    assert.equal(value('object.n + object.n + object.n', { object }), 3);
    assert.equal(code('object.other', { object }), 'no-such-key');
  });

  it('never throws, whatever the source', () => {
    const words = fc.constantFrom(
      ...'object other . ? : [ ] { } ( ) , 1 2u 3.5 "s" b"x" true null + - * / % == != < in && || ! has all( x, exists( map( size( matches( cel.bind( format( quantity( ip( ` \\ \' """'.split(
        ' ',
      ),
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 25 }), (parts) => {
        const compiled = compileCel(parts.join(' '), { variables });
        if (!compiled.ok)
          return compiled.error.line >= 1 && compiled.error.column >= 1 && compiled.error.message !== '';
        return typeof compiled.program.evaluate({ object: { a: [1, 'x'] }, other: 5 }).ok === 'boolean';
      }),
      { numRuns: 3000 },
    );
  });

  it('never throws, whatever the object, and leaves it as it was', () => {
    const sources = [
      'object.spec.containers.all(c, has(c.image) && c.image.startsWith("x"))',
      'object.spec == other.spec || object.size() > 2 || object[0] == 1',
      'object.map(k, object[k]).filter(v, type(v) == string).join(",")',
      'object.?a.?b[?0].orValue("none") + string(object.n)',
      '"%s".format([object])',
      'object.transformMap(k, v, [k, v]) == {}',
    ];
    const programs = sources.map((source) => {
      const compiled = compileCel(source, { variables });
      assert.ok(compiled.ok, source);
      return compiled.program;
    });
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (object, other) => {
        const before = JSON.stringify([object, other]);
        for (const program of programs) program.evaluate({ object: deepFrozen(object), other: deepFrozen(other) });
        return JSON.stringify([object, other]) === before;
      }),
      { numRuns: 300 },
    );
  });
});

function deepFrozen<T>(json: T): T {
  if (typeof json === 'object' && json !== null) Object.values(json).forEach(deepFrozen);
  return Object.freeze(json);
}
