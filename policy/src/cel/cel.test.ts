import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  boolType,
  type CelType,
  compileCel,
  dynType,
  formatType,
  intType,
  kindOf,
  listType,
  mapType,
  objectType,
  stringType,
  toJson,
  type Value,
} from './index.ts';

const variables: Record<string, CelType> = {
  object: dynType,
  oldObject: dynType,
  n: intType,
  names: listType(stringType),
  labels: mapType(stringType, stringType),
  request: objectType('kubernetes.AdmissionRequest', {
    operation: stringType,
    dryRun: boolType,
    userInfo: objectType('kubernetes.UserInfo', { username: stringType }),
  }),
};

function compiled(source: string) {
  const result = compileCel(source, { variables });
  assert.ok(result.ok, result.ok ? '' : `${source}: ${result.error.message}`);
  return result.program;
}

function value(source: string, bindings: Record<string, Value> = {}): unknown {
  const result = compiled(source).evaluate(bindings);
  return result.ok ? toJson(result.value) : `${result.error.code}: ${result.error.message}`;
}

const failure = (source: string): unknown => {
  const result = compileCel(source, { variables });
  return result.ok ? 'compiles' : result.error;
};

const deployment = {
  metadata: { name: 'web', labels: { app: 'web', 'app.kubernetes.io/name': 'web' } },
  spec: { replicas: 3, ratio: 0.5, template: { spec: { containers: [{ name: 'a', image: 'nginx:1.27' }] } } },
};

describe('JSON numbers', () => {
  const object = { int: 3, zero: 0, double: 0.5, large: 9007199254740992, huge: 1e20, negative: -1 };

  it('are ints when they are integers, doubles otherwise', () => {
    assert.equal(
      value('type(object.int) == int && type(object.double) == double && type(object.huge) == double', { object }),
      true,
    );
    assert.equal(value('object.int + 1', { object }), 4);
    assert.equal(value('object.double * 2.0', { object }), 1);
    assert.equal(value('object.int / 2', { object }), 1);
    assert.equal(value('object.negative % 2', { object }), -1);
    assert.equal(value('object.int == 3.0 && object.int == 3u && object.int < 3.5', { object }), true);
    assert.match(String(value('object.int + 1.0', { object })), /^no-such-overload/);
  });

  it('are exact beyond 2^53, and overflow at int64', () => {
    assert.equal(value('object.large + 1', { object }), '9007199254740993');
    assert.equal(value('9223372036854775807 + object.negative', { object }), '9223372036854775806');
    assert.equal(value('9223372036854775807 + n', { n: 1 }), 'overflow: integer overflow');
    assert.equal(value('-9223372036854775808 - n', { n: 1 }), 'overflow: integer overflow');
    assert.equal(value('n / object.zero', { n: 1, object }), 'divide-by-zero: division by zero');
  });

  it('agree with int64 arithmetic everywhere', () => {
    const int64 = fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.bigInt(-10n, 10n));
    const program = compileCel('[a + b, a - b, a * b, a < b, a == b]', {
      variables: ['a', 'b'],
      strictLiterals: false,
    });
    assert.ok(program.ok);
    const inRange = (x: bigint) => x === BigInt.asIntN(64, x);
    const operand = (x: bigint): Value => (x >= -9007199254740991n && x <= 9007199254740991n ? Number(x) : x);
    fc.assert(
      fc.property(int64, int64, (a, b) => {
        const result = program.program.evaluate({ a: operand(a), b: operand(b) });
        const all = [a + b, a - b, a * b];
        if (!all.every(inRange)) return !result.ok && result.error.code === 'overflow';
        assert.ok(result.ok);
        assert.deepEqual((result.value as Value[]).map(String), [...all, a < b, a === b].map(String));
        return true;
      }),
    );
  });
});

describe('errors of a compilation', () => {
  it('carry line and column', () => {
    assert.deepEqual(failure('object.a &&\n  missing(1)'), {
      message: "undeclared reference to 'missing' (in container '')",
      line: 2,
      column: 10,
    });
    assert.deepEqual(failure("'😀' +\n 1 +"), {
      message: "Syntax error: mismatched input '<EOF>' expecting an expression",
      line: 2,
      column: 5,
    });
    assert.deepEqual(failure("'😀😀' + 1"), {
      message: "found no matching overload for '_+_' applied to '(string, int)'",
      line: 1,
      column: 6,
    });
  });

  it('say what is wrong', () => {
    const messages: readonly (readonly [string, RegExp])[] = [
      ['unknown', /undeclared reference to 'unknown'/],
      ['names.nothing()', /undeclared reference to 'nothing'/],
      ['"a".startsWith()', /no matching overload for 'startsWith'/],
      ['"a".startsWith(1)', /applied to 'string.\(int\)'/],
      ['n + "a"', /'\(int, string\)'/],
      ['n && true', /no matching overload/],
      ['request.nothing', /undefined field 'nothing'/],
      ['n.x', /type 'int' does not support field selection/],
      ['n.all(x, true)', /cannot be range of a comprehension/],
      ['names.all(x.y, true)', /argument must be a simple name/],
      ['names.all(x, x)', /expected type 'bool' but found 'string'/],
      ['has(names)', /invalid argument to has\(\)/],
      ['[1, "a"]', /expected type 'int' but found 'string'/],
      ['"a".matches("(")', /invalid matches argument/],
      ['duration("x")', /invalid duration argument/],
      ['9223372036854775808', /invalid int literal/],
      ["'abc", /unterminated string/],
      ['a # b', /token recognition error/],
      ['for', /reserved identifier: for/],
      ['names.map(i, i).?x', /does not support field selection/],
    ];
    for (const [source, pattern] of messages) {
      const result = compileCel(source, { variables });
      assert.match(result.ok ? 'compiles' : result.error.message, pattern, source);
    }
  });
});

describe('types', () => {
  it('are deduced', () => {
    const deduced: readonly (readonly [string, string])[] = [
      ['object.spec', 'dyn'],
      ['names.map(x, size(x))', 'list(int)'],
      ['names.filter(x, x != "")', 'list(string)'],
      ['labels.map(k, labels[k])', 'list(string)'],
      ['labels.?a', 'optional_type(string)'],
      ['labels.transformMap(k, v, size(v))', 'map(string, int)'],
      ['request.userInfo.username', 'string'],
      ['n > 1 ? names : []', 'list(string)'],
      ['object.x + 1', 'int'],
      ['[names, names][0]', 'list(string)'],
      ['quantity("1") == quantity("2")', 'bool'],
    ];
    for (const [source, type] of deduced) assert.equal(formatType(compiled(source).type), type, source);
  });
});

describe('evaluation', () => {
  it('judges a Deployment', () => {
    const bindings = { object: deployment };
    assert.equal(value('object.spec.replicas + 1', bindings), 4);
    assert.equal(value("object.metadata.labels['app.kubernetes.io/name'] == object.metadata.name", bindings), true);
    assert.equal(value('object.spec.template.spec.containers.exists(c, c.image.endsWith(":1.27"))', bindings), true);
    assert.equal(value('object.spec.template.spec.?volumes.orValue([]).size()', bindings), 0);
    assert.equal(value('object.?spec.?paused.orValue(false) || has(object.spec.ratio)', bindings), true);
    assert.equal(value('object.spec.missing', bindings), 'no-such-key: no such key: missing');
  });

  it('lets a deciding operand outweigh an error, in either order', () => {
    for (const source of [
      'object.x || true',
      'true || object.x',
      '!(object.x && false)',
      '[1, 2].exists(i, object.x || i == 2)',
    ]) {
      assert.equal(value(source, { object: {} }), true, source);
    }
    assert.match(String(value('object.x || false', { object: {} })), /no such key: x/);
    assert.match(String(value('[1].all(i, object.x)', { object: {} })), /no such key: x/);
  });

  it('counts strings by code point', () => {
    assert.deepEqual(value("[size('a😀b'), 'a😀b'.indexOf('b')]"), [3, 2]);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '\ud800', '\udc00', '😀'), maxLength: 40 }), (n) => {
        assert.equal(value('object.size()', { object: n }), Array.from(n).length);
      }),
    );
    const bindings = { object: { own: { constructor: 1 }, none: {} } };
    assert.equal(value('object.own.?constructor.orValue(0)', bindings), 1);
    assert.equal(value('object.none.?constructor.orValue(0) + object.?missing.?toString.orValue(0)', bindings), 0);
    assert.deepEqual(value("['a😀b'.charAt(1), 'a😀b'.substring(1, 2), 'a😀b'.reverse()]"), ['😀', '😀', 'b😀a']);
  });

  it('keeps its state apart when one evaluation runs inside another', () => {
    const inner = compiled('names.map(x, x + "!").join("")');
    const outer = compiled('names.map(x, object[x]).join("") + names.join("")');
    const object: Record<string, Value> = {};
    const names = ['p', 'q'];
    for (const name of names) {
      Object.defineProperty(object, name, {
        enumerable: true,
        get: () => {
          const result = inner.evaluate({ names: [name, name] });
          return result.ok ? result.value : undefined;
        },
      });
    }
    const result = outer.evaluate({ names, object });
    assert.ok(result.ok);
    assert.equal(result.value, 'p!p!q!q!pq');
  });

  it('answers the same when asked again', () => {
    const program = compiled('names.filter(x, x.startsWith("a")).map(x, x + "!")');
    for (let i = 0; i < 3; i++) {
      const result = program.evaluate({ names: ['a', 'b', 'ab'] });
      assert.deepEqual(result, { ok: true, value: ['a!', 'ab!'], cost: result.cost });
    }
  });
});

describe('equality', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const program = compileCel('a == b', { variables: ['a', 'b'] });
  const equals = (a: Value, b: Value): unknown => {
    assert.ok(program.ok);
    const result = program.program.evaluate({ a, b });
    return result.ok && result.value;
  };

  it('holds between a JSON value and its copy, whatever the order of keys', () => {
    const reordered = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reordered);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, item]) => [key, reordered(item)]),
      );
    };
    fc.assert(fc.property(json, (value) => equals(value, reordered(value)) === true));
  });

  it('is symmetric', () => {
    fc.assert(fc.property(json, json, (a, b) => equals(a, b) === equals(b, a)));
  });

  it('holds between a literal written from JSON and that JSON', () => {
    fc.assert(
      fc.property(json, (value) => {
        const source = JSON.stringify(value).replaceAll(
          /[\u007f-\uffff]/g,
          (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
        );
        if (/\\ud[89a-f]/i.test(source) || /\d{16}|e\+?\d/.test(source)) return true;
        const written = compileCel(`${source} == a`, { variables: ['a'], strictLiterals: false });
        assert.ok(written.ok, source);
        const result = written.program.evaluate({ a: value });
        return result.ok && result.value === true;
      }),
    );
  });
});

describe('Kubernetes libraries', () => {
  const answers: readonly (readonly [string, unknown])[] = [
    ['[1, 2, 2].isSorted() && !["b", "a"].isSorted()', true],
    ['[1, 2, 3].sum() + [4, 9].max() - [4, 9].min()', 11],
    ['[[1.5, 0.5].sum(), [0.0].sum()]', [2, 0]],
    ['["a", "b", "a"].lastIndexOf("a") - ["a", "b"].indexOf("b")', 1],
    ['"a1b22".findAll("[0-9]+")', ['1', '22']],
    ['"a1b22".findAll("[0-9]+", 1)', ['1']],
    ['url("https://user@example.com:8080/a%20b?x=1&x=2&y=a+b#f").getHost()', 'example.com:8080'],
    ['url("https://[::1]:80/").getHostname() + url("https://[::1]:80/").getPort()', '::180'],
    ['url("https://example.com/a b").getEscapedPath()', '/a%20b'],
    ['url("https://example.com/?x=1&x=2&y=a+b").getQuery()', { x: ['1', '2'], y: ['a b'] }],
    [
      '[isURL("https://a"), isURL("/path"), isURL("a"), isURL(""), isURL("https://a:b"), isURL("../x")]',
      [true, true, false, false, false, false],
    ],
    ['[isIP("::ffff:1.2.3.4"), isIP("fe80::1%eth0"), isIP("1.2.3"), isIP("2001:DB8::1")]', [false, false, false, true]],
    ['ip.isCanonical("2001:DB8::1")', false],
    ['string(ip("2001:DB8:0:0:1:0:0:1"))', '2001:db8::1:0:0:1'],
    ['cidr("10.0.0.0/8").containsIP("10.1.2.3") && !cidr("10.0.0.0/8").containsIP("::1")', true],
    ['cidr("10.0.0.0/8").prefixLength() + ip("::1").family()', 14],
    ['[isCIDR("10.0.0.0/33"), isCIDR("10.0.0.0/08"), isCIDR("10.0.0.0"), isCIDR("::/0")]', [false, false, false, true]],
    ['quantity("1.5Gi").compareTo(quantity("1536Mi"))', 0],
    ['quantity("100m").add(quantity("0.9")).isLessThan(quantity("1001m"))', true],
    ['[quantity("1k").asInteger(), quantity("-1").sign()]', [1000, -1]],
    ['[isQuantity(""), isQuantity("1e3"), isQuantity("1.5.5"), isQuantity("+.5Mi")]', [false, true, false, true]],
    [
      'semver("1.0.0-rc.1").isLessThan(semver("1.0.0")) && semver("1.0.0-rc.2").isGreaterThan(semver("1.0.0-rc.1.1"))',
      true,
    ],
    ['format.dns1123Label().validate("Not_OK").hasValue()', true],
    ['format.named("uuid").value().validate("x").orValue([])', ['does not match the UUID format']],
    ['sets.contains([1, 2], [2]) && sets.equivalent([1, 2, 2], [2, 1]) && !sets.intersects([1], [2])', true],
    ['optional.ofNonZeroValue("").hasValue() || optional.of(1).optMap(x, x + 1).value() == 2', true],
    ['{"a": [1, 2]}.?a[?5].orValue(7)', 7],
    ['[?optional.none(), ?optional.of(1)].size() + {?"k": optional.none()}.size()', 1],
    ['timestamp("2024-03-10T10:00:00Z").getHours("America/New_York")', 6],
    ['string(duration("90m") + duration("30s"))', '5430s'],
    ['base64.decode(base64.encode(b"hi")) == b"hi"', true],
    ['math.greatest(1, 2, 3) + math.least(4, 5)', 7],
    [
      '[string(1000000.0), string(123456.0), string(0.0001), string(1e-5), string(-2.5)]',
      ['1e+06', '123456', '0.0001', '1e-05', '-2.5'],
    ],
    ['math.greatest(1, 2.5, 3u)', 3],
    ['"%d items, %.1f%%, %s".format([3, 0.25, ["a", true]])', '3 items, 0.2%, [a, true]'],
  ];
  for (const [source, expected] of answers) it(source, () => assert.deepEqual(value(source), expected));
});

describe('kinds', () => {
  it('are told of every value', () => {
    const kinds = [
      'null',
      'true',
      '1',
      '1u',
      '1.0',
      '"a"',
      'b"a"',
      '[1]',
      '{"a": 1}',
      'int',
      'timestamp(0)',
      'duration("1s")',
      'optional.none()',
    ];
    const told = kinds.map((source) => {
      const result = compiled(source).evaluate({});
      return result.ok ? kindOf(result.value) : result.error.message;
    });
    assert.deepEqual(
      told,
      'null bool int uint double string bytes list map type timestamp duration optional_type'.split(' '),
    );
  });
});
