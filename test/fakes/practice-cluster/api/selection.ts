import { fieldSelector, labelSelector, labelsTest, type ObjectTest } from '../object/selector.ts';
import type { Kind } from '../store/kind.ts';
import type { Call } from './request.ts';

/** What a list, watch or deletecollection selects; undefined when it selects everything of its scope. */
export const selectionOf = (call: Call, kind: Kind): ObjectTest | undefined => {
  const labels = call.query.get('labelSelector') ?? '';
  const fields = call.query.get('fieldSelector') ?? '';
  const tests: ObjectTest[] = [];
  if (labels !== '') tests.push(labelsTest(labelSelector(labels)));
  if (fields !== '') tests.push(fieldSelector(fields, kind.kind));
  if (call.attributes.name !== '' && kind.resource !== 'namespaces') {
    tests.push((object) => object.metadata.name === call.attributes.name);
  }
  return tests.length === 0 ? undefined : (object) => tests.every((test) => test(object));
};

/** Prefix of the storage keys of a request's scope. */
export const scopePrefix = (call: Call, kind: Kind): string =>
  kind.namespaced && call.attributes.namespace !== '' ? `${call.attributes.namespace}/` : '';
