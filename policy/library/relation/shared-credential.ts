/**
 * A credential is in one namespace only. Redaction gives equal secrets equal markers, so that copies are seen without
 * anybody seeing a secret.
 */
import { type Fact, objectAt, type RelationControl, stringsOf } from '@driftline/policy';
import { fieldPath, isRedacted, type JsonObject } from '@driftline/proto';

/** Keys whose values are public or meant for everybody. */
const publicKeys =
  /(^|[-_.])(ca|crt|cert|certificate|username|user|login|host|hostname|port|database|dbname|url|uri|namespace|region|endpoint|type|name|email|config|yaml|yml|json|properties|conf)$/i;

/** Markers by key of `data` and `stringData`; what Kubernetes and Helm write for themselves is left out. */
const credentials: Fact<Readonly<Record<string, string>>> = {
  name: 'secret-credentials',
  group: '',
  kind: 'Secret',
  reads: [['type'], ['data'], ['stringData']],
  project: credentialsOf,
  keys: (markers) => [...new Set(Object.values(markers))],
};

const ownTypes: readonly string[] = ['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token'];

function credentialsOf(secret: JsonObject): Readonly<Record<string, string>> | undefined {
  const type = secret['type'];
  if (typeof type === 'string' && (type.startsWith('helm.sh/') || ownTypes.includes(type))) return undefined;
  const entries = ['data', 'stringData'].flatMap((member) => Object.entries(objectAt(secret, member) ?? {}));
  const found = entries.filter(
    (entry): entry is [string, string] =>
      typeof entry[1] === 'string' && isRedacted(entry[1]) && (entry[0].startsWith('.') || !publicKeys.test(entry[0])),
  );
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

export const sharedCredential: RelationControl = {
  name: 'shared-credential',
  reads: [
    ['object', 'data'],
    ['object', 'stringData'],
    ['object', 'type'],
  ],
  evaluate({ object, key, view, params }) {
    const own = credentialsOf(object);
    if (own === undefined) return { verdict: 'not-applicable' };
    const exempt = new Set(stringsOf(params['exemptNamespaces']));
    const violations = Object.entries(own).flatMap(([name, marker]) => {
      const others = view.lookup(credentials, marker).filter(({ key: other }) => other.namespace !== key.namespace);
      const namespaces = [...new Set(others.map(({ key: other }) => other.namespace))].filter(
        (one) => !exempt.has(one),
      );
      if (namespaces.length === 0) return [];
      const reason = `the same credential is in ${namespaces.sort().slice(0, 5).join(', ')}`;
      return [{ path: fieldPath('data', name), value: '', reason }];
    });
    return violations.length === 0 ? { verdict: 'pass' } : { verdict: 'fail', violations };
  },
};
