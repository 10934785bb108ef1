/** A certificate that an Ingress names is there; else the controller serves one that nobody should trust. */
import { type Fact, labelsAt, listAt, type RelationControl, stringAt, type Violation } from '@driftline/policy';

const certificate: Fact<true> = {
  name: 'certificate-secret',
  group: '',
  kind: 'Secret',
  reads: [['type']],
  project: (secret) => (stringAt(secret, 'type') === 'kubernetes.io/tls' ? true : undefined),
};

export const ingressCertificate: RelationControl = {
  name: 'ingress-certificate',
  reads: [
    ['object', 'metadata', 'annotations'],
    ['object', 'spec', 'tls'],
  ],
  evaluate({ object, key: { namespace }, view }) {
    const tls = listAt(object, 'spec', 'tls');
    // An issuer that is asked by annotation is about to write it.
    const annotations = [...labelsAt(object, 'metadata', 'annotations').keys()];
    const isIssued = annotations.some(
      (name) => name.startsWith('cert-manager.io/') || name === 'kubernetes.io/tls-acme',
    );
    if (tls.length === 0 || isIssued) return { verdict: 'not-applicable' };
    const violations = tls.flatMap((entry, index): readonly Violation[] => {
      const name = stringAt(entry, 'secretName');
      if (name === '' || view.fact(certificate, { group: '', kind: 'Secret', namespace, name }) === true) return [];
      const reason = `there is no Secret ${name} of type kubernetes.io/tls`;
      return [{ path: `spec.tls[${index}].secretName`, value: name, reason }];
    });
    return violations.length === 0 ? { verdict: 'pass' } : { verdict: 'fail', violations };
  },
};
