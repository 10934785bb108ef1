/**
 * What an object says about who approved it. All of it is claimed by the object itself: checking a claim against its
 * source is another step. Reads only; an object without evidence gives an empty list.
 */
import type { ApiApproval, ApiOrigin, JsonObject } from '@driftline/proto';

type Approval = ApiApproval;

/** Characters of a value that are kept. */
const maxValueCharacters = 512;
/** Sources of one Application that are looked at. */
const maxSources = 20;

const own = (object: JsonObject | undefined, key: string): unknown =>
  object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;

const asObject = (value: unknown): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;

const child = (object: JsonObject | undefined, key: string): JsonObject | undefined => asObject(own(object, key));

const items = (object: JsonObject | undefined, key: string): readonly unknown[] => {
  const value = own(object, key);
  return Array.isArray(value) ? value : [];
};

const text = (object: JsonObject | undefined, key: string): string => {
  const value = own(object, key);
  return typeof value === 'string' ? value.slice(0, maxValueCharacters) : '';
};

const pointer = (...parts: readonly string[]): string =>
  parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

const claimed = (type: Approval['type'], value: string, path: string): Approval[] =>
  value === '' ? [] : [{ type, value, state: 'claimed', path }];

/** With the repository that the evidence is from. */
const named = (repository: string, evidence: readonly Approval[]): Approval[] =>
  evidence.map((one) => (repository === '' ? one : { ...one, repository }));

type Metadata = { readonly labels: JsonObject | undefined; readonly annotations: JsonObject | undefined };

const qualified = (namespace: string, name: string): string =>
  namespace === '' || name === '' ? name : `${namespace}/${name}`;

const argoCd = (object: JsonObject, { labels, annotations }: Metadata): Approval[] => {
  // `<application>:<group>/<kind>:<namespace>/<name>`
  const application = text(annotations, 'argocd.argoproj.io/tracking-id').split(':', 1)[0] ?? '';
  const found = claimed(
    'gitops-application',
    application,
    pointer('metadata', 'annotations', 'argocd.argoproj.io/tracking-id'),
  );
  if (application === '') {
    const label = text(labels, 'argocd.argoproj.io/instance');
    found.push(...claimed('gitops-application', label, pointer('metadata', 'labels', 'argocd.argoproj.io/instance')));
  }
  if (own(object, 'kind') !== 'Application' || !text(object, 'apiVersion').startsWith('argoproj.io/')) return found;
  return [...found, ...argoCdRevisions(object)];
};

/** Of an Application with several sources, each has its revision. */
const argoCdRevisions = (object: JsonObject): Approval[] => {
  const spec = child(object, 'spec');
  const repository = text(child(spec, 'source'), 'repoURL');
  const sync = child(child(object, 'status'), 'sync');
  const synced = text(sync, 'revision');
  if (synced !== '') return named(repository, claimed('gitops-revision', synced, '/status/sync/revision'));
  const revisions = items(sync, 'revisions').slice(0, maxSources);
  if (revisions.length > 0) {
    const sources = items(spec, 'sources');
    return revisions.flatMap((revision, index) => {
      const value = typeof revision === 'string' ? revision.slice(0, maxValueCharacters) : '';
      const source = text(asObject(sources[index]), 'repoURL');
      return named(source, claimed('gitops-revision', value, pointer('status', 'sync', 'revisions', String(index))));
    });
  }
  const requested = text(child(child(object, 'operation'), 'sync'), 'revision');
  return named(repository, claimed('gitops-revision', requested, '/operation/sync/revision'));
};

const fluxOwners = ['kustomize.toolkit.fluxcd.io', 'helm.toolkit.fluxcd.io'] as const;

const flux = (object: JsonObject, { labels }: Metadata): Approval[] => {
  const found = fluxOwners.flatMap((owner) => {
    const value = qualified(text(labels, `${owner}/namespace`), text(labels, `${owner}/name`));
    return claimed('gitops-application', value, pointer('metadata', 'labels', `${owner}/name`));
  });
  const apiVersion = text(object, 'apiVersion');
  if (!fluxOwners.some((owner) => apiVersion.startsWith(`${owner}/`))) return found;
  const revision = text(child(object, 'status'), 'lastAppliedRevision');
  return [...found, ...claimed('gitops-revision', revision, '/status/lastAppliedRevision')];
};

const helm = ({ labels, annotations }: Metadata): Approval[] => {
  const release = text(annotations, 'meta.helm.sh/release-name');
  if (release === '') return [];
  const name = qualified(text(annotations, 'meta.helm.sh/release-namespace'), release);
  const chart = text(labels, 'helm.sh/chart');
  const value = chart === '' ? name : `${name} (${chart})`;
  return claimed('helm-release', value, pointer('metadata', 'annotations', 'meta.helm.sh/release-name'));
};

const plainAnnotations = [
  ['change-reference', 'driftline.io/change-reference'],
  ['change-cause', 'kubernetes.io/change-cause'],
] as const;

const plain = ({ annotations }: Metadata): Approval[] =>
  plainAnnotations.flatMap(([type, name]) =>
    claimed(type, text(annotations, name), pointer('metadata', 'annotations', name)),
  );

export type ChangeAuthor = {
  readonly origin: ApiOrigin;
  /** Helm made the change, whoever ran it. */
  readonly isHelm: boolean;
};

/**
 * The evidence that the object carries, each piece with whether it speaks for this change. A GitOps controller keeps its
 * own evidence, a pipeline its references. Belonging to an application or a release says who manages an object: it
 * approves nothing that somebody else does to it. What a controller sets on an object was copied from its owner.
 * `before` undefined: the object is new; `after` undefined: it was deleted.
 */
export const approvalOfChange = (
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  author: ChangeAuthor,
): readonly ApiApproval[] => {
  const earlier = before === undefined ? [] : extractApproval(before);
  const current = after === undefined ? earlier : extractApproval(after);
  return current.map((evidence) => {
    const isEarlier = earlier.some((old) => isSameEvidence(old, evidence));
    if (speaksFor(evidence, isEarlier, author)) return evidence;
    return { ...evidence, state: isEarlier ? 'earlier' : 'object' };
  });
};

const speaksFor = ({ type }: ApiApproval, isEarlier: boolean, { origin, isHelm }: ChangeAuthor): boolean => {
  switch (type) {
    case 'gitops-application':
      return origin === 'gitops';
    case 'helm-release':
      return origin === 'gitops' || (isHelm && (!isEarlier || origin === 'pipeline'));
    case 'gitops-revision':
    case 'change-cause':
    case 'change-reference':
      if (origin === 'gitops' || origin === 'pipeline') return true;
      return origin !== 'controller' && !isEarlier;
  }
};

const isSameEvidence = (a: ApiApproval, b: ApiApproval): boolean =>
  a.type === b.type && a.value === b.value && a.path === b.path;

/** Approval evidence of a (redacted, canonical) object body. */
export const extractApproval = (object: JsonObject): readonly ApiApproval[] => {
  const metadata = child(object, 'metadata');
  const read: Metadata = { labels: child(metadata, 'labels'), annotations: child(metadata, 'annotations') };
  return [...argoCd(object, read), ...flux(object, read), ...helm(read), ...plain(read)];
};
