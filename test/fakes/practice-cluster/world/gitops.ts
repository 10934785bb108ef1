import type { Actor } from '../actor.ts';
import { type JsonObject, objectAt, stringAt } from '../object/json.ts';
import { groupOf } from '../store/kind.ts';

const manager = 'argocd-controller';
const application = (namespace: string, name: string) => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  namespace: 'argocd',
  name,
  home: namespace,
});

/** An object as Argo CD marks what it tracks: `app:group/kind:namespace/name`. */
const tracked = (object: JsonObject, app: string): JsonObject => {
  const metadata = objectAt(object, 'metadata');
  const id = `${app}:${groupOf(stringAt(object, 'apiVersion'))}/${stringAt(object, 'kind')}:${stringAt(metadata, 'namespace')}/${stringAt(metadata, 'name')}`;
  return {
    ...object,
    metadata: {
      ...metadata,
      annotations: { ...objectAt(metadata, 'annotations'), 'argocd.argoproj.io/tracking-id': id },
    },
  };
};

const status = (revision: string, phase: 'Synced' | 'OutOfSync', health: 'Healthy' | 'Progressing'): JsonObject => ({
  sync: { status: phase, revision },
  health: { status: health },
  operationState: { phase: 'Succeeded', syncResult: { revision } },
});

/** What the GitOps controller does: keeps an Application and the objects of its revision. */
export const gitOps = {
  install: (
    me: Actor,
    of: { application: string; namespace: string; revision: string; objects: readonly JsonObject[] },
  ): void => {
    me.create(
      {
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Application',
        metadata: { name: of.application, namespace: 'argocd' },
        spec: {
          project: 'default',
          source: {
            repoURL: 'https://git.example.com/platform/deployments.git',
            path: of.application,
            targetRevision: 'main',
          },
          destination: { server: 'https://kubernetes.default.svc', namespace: of.namespace },
          syncPolicy: { automated: { prune: true, selfHeal: false } },
        },
      },
      `?fieldManager=${manager}`,
    );
    for (const object of of.objects) me.apply(tracked(object, of.application), manager);
    gitOps.report(me, of.application, of.revision, 'Healthy');
  },

  /** Applies one changed object of a revision. */
  sync: (me: Actor, app: string, object: JsonObject): void => {
    me.apply(tracked(object, app), manager);
  },

  report: (me: Actor, app: string, revision: string, health: 'Healthy' | 'Progressing'): void => {
    const { home: _home, ...target } = application('', app);
    me.patch(
      target,
      'merge',
      { status: status(revision, 'Synced', health) },
      { subresource: 'status', query: `?fieldManager=${manager}` },
    );
  },
};
