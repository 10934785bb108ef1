import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { everyItem, type ReadPath } from '../read-path.ts';
import { compileCel, dynType, intType, listType, mapType, objectType, stringType } from './index.ts';

const variables = {
  object: dynType,
  oldObject: dynType,
  n: intType,
  names: listType(stringType),
  labels: mapType(stringType, stringType),
  request: objectType('kubernetes.AdmissionRequest', {
    userInfo: objectType('kubernetes.UserInfo', { username: stringType }),
  }),
};

function compiled(source: string) {
  const result = compileCel(source, { variables });
  assert.ok(result.ok, result.ok ? '' : `${source}: ${result.error.message}`);
  return result.program;
}

describe('reads', () => {
  const step = (one: string | symbol): string => (typeof one === 'string' ? one : one === everyItem ? '*' : '()');
  const text = (path: ReadPath): string => path.map(step).join('/');
  const paths = (source: string): readonly string[] => compiled(source).reads.paths.map(text).sort();

  it('names variables and paths', () => {
    assert.deepEqual(paths('object.spec.containers.all(c, c.x == oldObject.y) && request.userInfo.username != ""'), [
      'object/spec/containers/*/()',
      'object/spec/containers/*/x',
      'oldObject/y',
      'request/userInfo/username',
    ]);
    assert.deepEqual([...compiled('has(oldObject.a) || n > 1').reads.variables].sort(), ['n', 'oldObject']);
    assert.deepEqual(paths('object.metadata.labels["a.b"] == object.?spec[?labels[names[0]]]'), [
      'labels/*',
      'names/*',
      'object/metadata/labels/a.b',
      'object/spec/*',
    ]);
  });

  it('reads below a computed index of whatever the index finds', () => {
    assert.deepEqual(paths('object.data[names[0]].x == 1'), ['names/*', 'object/data/*/x']);
    assert.deepEqual(paths('object.a[0].x == 1'), ['object/a/*/x']);
  });

  it('asks a tested field only whether it is there', () => {
    assert.deepEqual(paths('has(object.a.b)'), ['object/a/b/()']);
    assert.deepEqual(paths('object.list.exists(e, has(e.a))'), ['object/list/*/()', 'object/list/*/a/()']);
  });

  it('reads all of what flows into the result', () => {
    assert.deepEqual(paths('object.list.filter(e, e.a > 1)'), ['object/list/*', 'object/list/*/()', 'object/list/*/a']);
    assert.deepEqual(paths('object.list.map(e, e.a)'), ['object/list/*/()', 'object/list/*/a']);
    assert.deepEqual(paths('object.list.map(e, e.a).all(f, f.x == 1)'), ['object/list/*/()', 'object/list/*/a']);
    assert.deepEqual(paths('object.list.filter(e, true).all(f, f.x == 1)'), ['object/list/*', 'object/list/*/()']);
    assert.deepEqual(paths('dyn(object.a).b == 1'), ['object/a']);
    assert.deepEqual(paths('object.a in object.b || size(object.c) > 1'), ['object/a', 'object/b', 'object/c']);
    assert.deepEqual(paths('(true ? object.a : object.b).c'), ['object/a', 'object/b']);
  });

  it('follows names that macros bind, and defaults that are constant', () => {
    assert.deepEqual(paths('object.?list.orValue([]).all(i, e, e.a.all(k, k != "") && i > n)'), [
      'n',
      'object/list/*/()',
      'object/list/*/a/*',
      'object/list/*/a/*/()',
    ]);
    assert.deepEqual(paths('object.?list.orValue(names).all(e, e != "")'), ['names', 'object/list']);
    assert.deepEqual(paths('cel.bind(x, object.a, x.b == x.c)'), ['object/a/()', 'object/a/b', 'object/a/c']);
    assert.deepEqual(paths('object.?a.optMap(x, x.b).hasValue()'), ['object/a/()', 'object/a/b']);
    assert.deepEqual(paths('object.a.all(object, object.b.all(o, o.c == object.d))'), [
      'object/a/*/()',
      'object/a/*/b/*/()',
      'object/a/*/b/*/c',
      'object/a/*/d',
    ]);
  });

  it('says when the value is just what stands at a path', () => {
    const alias = (source: string) => compiled(source).reads.alias?.map(step).join('/');
    assert.equal(alias('object.spec.?containers.orValue([])'), 'object/spec/containers');
    assert.equal(alias('object.spec.containers[0]'), 'object/spec/containers/*');
    assert.equal(alias('object.data[names[0]]'), undefined);
    assert.equal(alias('has(object.a)'), undefined);
    assert.equal(alias('object.a.filter(e, true)'), undefined);
    assert.equal(alias('object.a + ""'), undefined);
  });

  it('leaves out comprehension variables that hide a declared one', () => {
    assert.deepEqual([...compiled('names.all(object, object != "")').reads.variables], ['names']);
  });
});
