import { gzipSync } from 'node:zlib';
import { type JsonObject, objectAt } from '../object/json.ts';

/** An object as a Helm release owns it. */
export const chart = (object: JsonObject, of: { release: string; namespace: string; chart: string }): JsonObject => {
  const metadata = objectAt(object, 'metadata');
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...objectAt(metadata, 'labels'), 'app.kubernetes.io/managed-by': 'Helm', 'helm.sh/chart': of.chart },
      annotations: {
        ...objectAt(metadata, 'annotations'),
        'meta.helm.sh/release-name': of.release,
        'meta.helm.sh/release-namespace': of.namespace,
      },
    },
  };
};

export type Release = {
  readonly release: string;
  readonly namespace: string;
  readonly chart: string;
  readonly version: string;
  readonly revision: number;
};

/** The Secret in which Helm keeps a revision of a release: JSON, gzip, base64, and base64 again as Secret data. */
export const releaseSecret = (of: Release): JsonObject => {
  const document = {
    name: of.release,
    namespace: of.namespace,
    version: of.revision,
    info: { status: 'deployed', description: of.revision === 1 ? 'Install complete' : 'Upgrade complete' },
    chart: { metadata: { name: of.chart, version: of.version, appVersion: of.version } },
    config: { adminPassword: 'practice-only-helm-value' },
    manifest: '',
  };
  const encoded = gzipSync(JSON.stringify(document)).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: `sh.helm.release.v1.${of.release}.v${of.revision}`,
      namespace: of.namespace,
      labels: { name: of.release, owner: 'helm', status: 'deployed', version: String(of.revision) },
    },
    type: 'helm.sh/release.v1',
    data: { release: Buffer.from(encoded).toString('base64') },
  };
};
