/**
 * Credentials in files as findings. What a control of the policy finds already is not said twice. No exception waives
 * them: a credential that stands in a file has been seen, whoever answers for it.
 */
import type { ControlMeta } from '@driftline/policy';
import type { Credential, Place, ScanFinding, ScannedObject, ScannedText } from './finding.ts';

/** The one control that is about files and not about objects. */
export const credentialControl: ControlMeta = {
  id: 'DL-SCAN-001',
  title: 'Credentials must not stand in files',
  severity: 'high',
  weight: 8,
  category: 'data',
  rationale:
    'What is in a file is in its history, in every clone and in every build log that prints it, and base64 hides nothing.',
  remediation: {
    summary:
      'Take the value out, replace the credential (it has been seen), and let an operator or the pipeline bring it: External Secrets, Sealed Secrets, SOPS.',
    fields: [],
    impact: 'Whatever used the old credential needs the new one.',
  },
  references: ['https://kubernetes.io/docs/concepts/security/secrets-good-practices/'],
  frameworks: [],
};

export function credentialFindings(
  objects: readonly ScannedObject[],
  texts: readonly ScannedText[],
  judged: readonly ScanFinding[],
): readonly ScanFinding[] {
  const told = new Map<ScannedObject['key'], string[]>();
  for (const { control, object, path } of judged)
    if (control.id.startsWith('DL-SEC-') && path !== '') told.set(object, [...(told.get(object) ?? []), path]);
  return [
    ...objects.flatMap((scanned) => {
      const known = told.get(scanned.key) ?? [];
      const rest = scanned.credentials.filter(({ path }) => !known.some((above) => isWithin(path, above)));
      return ofObject(scanned, rest);
    }),
    ...texts.flatMap((scanned) => ofObject(scanned, scanned.credentials)),
  ];
}

/** The exact field of a credential that a control reports by the list it stands in. */
export function exactPlace(finding: ScanFinding, { key, credentials, locate }: ScannedObject): Place {
  if (finding.object !== key || !finding.control.id.startsWith('DL-SEC-')) return finding.place;
  const first = credentials.find(({ path }) => isWithin(path, finding.path));
  return first === undefined ? finding.place : locate(first.path);
}

type Where = { readonly key: ScannedObject['key']; readonly address: string; readonly place: Place };

/** A Secret is one finding, however many values it has. */
function ofObject({ key, address, locate }: ScannedText, credentials: readonly Credential[]): readonly ScanFinding[] {
  if (key.kind !== 'Secret' || key.group !== '')
    return credentials.map((credential) => finding(credential, { key, address, place: locate(credential.path) }));
  const values = credentials.filter(({ path }) => /^(data|stringData)\b/.test(path));
  const others = credentials.filter((credential) => !values.includes(credential));
  const [first] = values;
  const member = first?.path.startsWith('stringData') === true ? 'stringData' : 'data';
  return [
    ...(first === undefined
      ? []
      : [
          {
            ...finding(first, { key, address, place: locate(first.path) }),
            path: member,
            value: '',
            reason: `${values.length} value${values.length === 1 ? '' : 's'} of a Secret stand${values.length === 1 ? 's' : ''} in the file`,
          },
        ]),
    ...others.map((credential) => finding(credential, { key, address, place: locate(credential.path) })),
  ];
}

function finding({ path, looksLike }: Credential, { key, address, place }: Where): ScanFinding {
  return {
    control: credentialControl,
    severity: credentialControl.severity,
    object: key,
    address,
    path,
    value: '',
    reason: `a credential stands here in plain text (${looksLike})`,
    place,
    exception: '',
  };
}

function isWithin(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}.`) || path.startsWith(`${above}[`);
}
