/** A namespace of an Istio mesh refuses plain text: by a PeerAuthentication of its own, else by that of the whole mesh. */
import { type Fact, labelsAt, objectAt, type RelationControl, stringAt, type TrackedView } from '@driftline/policy';

/** Modes of those that select no workload in particular. */
const peerAuthentication: Fact<string> = {
  name: 'peer-authentication-mode',
  group: 'security.istio.io',
  kind: 'PeerAuthentication',
  reads: [['spec']],
  project(policy) {
    if (labelsAt(policy, 'spec', 'selector', 'matchLabels').size > 0) return undefined;
    const mode = stringAt(objectAt(policy, 'spec', 'mtls'), 'mode');
    return mode === '' ? 'UNSET' : mode;
  },
};

export const meshMtls: RelationControl = {
  name: 'mesh-mtls',
  reads: [['object', 'metadata', 'labels']],
  evaluate({ object, key, view, params }) {
    const labels = labelsAt(object, 'metadata', 'labels');
    const isInMesh =
      labels.get('istio-injection') === 'enabled' ||
      (labels.has('istio.io/rev') && labels.get('istio-injection') !== 'disabled') ||
      labels.get('istio.io/dataplane-mode') === 'ambient';
    if (!isInMesh) return { verdict: 'not-applicable' };
    const mode = modeIn(key.name, view) ?? modeIn(stringAt(params, 'rootNamespace'), view) ?? 'PERMISSIVE';
    if (mode === 'STRICT') return { verdict: 'pass' };
    const reason = `mutual TLS is ${mode} in namespace ${key.name}: plain text is accepted`;
    return { verdict: 'fail', violations: [{ path: '', value: mode, reason }] };
  },
};

/** undefined: none, or it leaves the mode to the one above. */
function modeIn(namespace: string, view: TrackedView): string | undefined {
  const modes = view.facts(peerAuthentication, namespace).map(({ value }) => value);
  const said = modes.filter((mode) => mode !== 'UNSET');
  return said.find((mode) => mode !== 'STRICT') ?? said[0];
}
