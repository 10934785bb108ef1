import type { JsonObject } from '@driftline/proto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvalOfChange, type ChangeAuthor, extractApproval } from './approval.ts';

const read = (object: JsonObject): string[] =>
  extractApproval(object).map(({ type, value, path, state }) => `${type} ${value} ${path} ${state}`);

const marked = (labels: JsonObject, annotations: JsonObject): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels, annotations },
});

test('an object without evidence has none', () => {
  assert.deepEqual(read({}), []);
  assert.deepEqual(read({ metadata: null }), []);
  assert.deepEqual(read(marked({ 'app.kubernetes.io/instance': 'x' }, {})), []);
});

test('Argo CD: the application of the tracking id, else the instance label, and the revision of an Application', () => {
  const id = { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:shop/web' };
  assert.deepEqual(read(marked({ 'argocd.argoproj.io/instance': 'ignored' }, id)), [
    'gitops-application shop /metadata/annotations/argocd.argoproj.io~1tracking-id claimed',
  ]);
  assert.deepEqual(read(marked({ 'argocd.argoproj.io/instance': 'shop' }, {})), [
    'gitops-application shop /metadata/labels/argocd.argoproj.io~1instance claimed',
  ]);
  const application = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Application' };
  assert.deepEqual(read({ ...application, status: { sync: { revision: 'abc' } } }), [
    'gitops-revision abc /status/sync/revision claimed',
  ]);
  assert.deepEqual(read({ ...application, operation: { sync: { revision: 'abc' } } }), [
    'gitops-revision abc /operation/sync/revision claimed',
  ]);
  assert.deepEqual(read({ ...application, apiVersion: 'example.org/v1', status: { sync: { revision: 'abc' } } }), []);
});

test('Argo CD: a revision names its repository, and several sources have a revision each', () => {
  const application = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Application' };
  const from = (object: JsonObject): unknown[] =>
    extractApproval(object).map(({ value, path, repository }) => [value, path, repository]);
  const one = { spec: { source: { repoURL: 'https://git.example.com/a' } }, status: { sync: { revision: 'abc' } } };
  assert.deepEqual(from({ ...application, ...one }), [['abc', '/status/sync/revision', 'https://git.example.com/a']]);
  const two = {
    spec: { sources: [{ repoURL: 'https://git.example.com/a' }, { chart: 'x' }] },
    status: { sync: { revisions: ['abc', '1.2.3', 7] } },
  };
  assert.deepEqual(from({ ...application, ...two }), [
    ['abc', '/status/sync/revisions/0', 'https://git.example.com/a'],
    ['1.2.3', '/status/sync/revisions/1', undefined],
  ]);
});

test('Flux: the Kustomization of the labels and its last applied revision', () => {
  const labels = { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' };
  assert.deepEqual(read(marked(labels, {})), [
    'gitops-application flux-system/apps /metadata/labels/kustomize.toolkit.fluxcd.io~1name claimed',
  ]);
  const kustomization = { apiVersion: 'kustomize.toolkit.fluxcd.io/v1', kind: 'Kustomization' };
  assert.deepEqual(read({ ...kustomization, status: { lastAppliedRevision: 'main@sha1:abc' } }), [
    'gitops-revision main@sha1:abc /status/lastAppliedRevision claimed',
  ]);
});

test('Helm, change cause and change reference', () => {
  const annotations = {
    'meta.helm.sh/release-name': 'web',
    'meta.helm.sh/release-namespace': 'shop',
    'kubernetes.io/change-cause': 'kubectl set image …',
    'driftline.io/change-reference': 'CHG-42',
  };
  assert.deepEqual(read(marked({ 'helm.sh/chart': 'web-1.2.3' }, annotations)), [
    'helm-release shop/web (web-1.2.3) /metadata/annotations/meta.helm.sh~1release-name claimed',
    'change-reference CHG-42 /metadata/annotations/driftline.io~1change-reference claimed',
    'change-cause kubectl set image … /metadata/annotations/kubernetes.io~1change-cause claimed',
  ]);
});

test('hostile values are bounded or ignored', () => {
  const long = { 'driftline.io/change-reference': 'x'.repeat(10_000) };
  assert.equal(extractApproval(marked({}, long))[0]?.value.length, 512);
  assert.deepEqual(read(marked({}, { 'driftline.io/change-reference': { toString: 'x' } })), []);
  assert.deepEqual(read(JSON.parse('{"metadata":{"annotations":[],"labels":"x","__proto__":{"labels":{}}}}')), []);
});

const id = { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:shop/web' };
const release = { 'meta.helm.sh/release-name': 'web', 'meta.helm.sh/release-namespace': 'shop' };
const ticket = { 'driftline.io/change-reference': 'CHG-42' };
const author = (origin: ChangeAuthor['origin'], isHelm = false): ChangeAuthor => ({ origin, isHelm });
const states = (before: JsonObject | undefined, after: JsonObject | undefined, by: ChangeAuthor): string[] =>
  approvalOfChange(before, after, by).map(({ type, state }) => `${type} ${state}`);

test('a manual change of a GitOps-managed object is not approved by the application it belongs to', () => {
  const managed = marked({}, id);
  assert.deepEqual(states(managed, managed, author('human')), ['gitops-application earlier']);
  assert.deepEqual(states(undefined, managed, author('human')), ['gitops-application object']);
  assert.deepEqual(states(managed, undefined, author('human')), ['gitops-application earlier']);
  assert.deepEqual(states(managed, managed, author('pipeline')), ['gitops-application earlier']);
  assert.deepEqual(states(managed, managed, author('gitops')), ['gitops-application claimed']);
  assert.deepEqual(states(undefined, managed, author('gitops')), ['gitops-application claimed']);
});

test('a release speaks for what Helm brings, and for nobody else', () => {
  const released = marked({ 'helm.sh/chart': 'web-1.2.3' }, release);
  const next = marked({ 'helm.sh/chart': 'web-1.2.4' }, release);
  assert.deepEqual(states(released, next, author('human', true)), ['helm-release claimed']);
  assert.deepEqual(states(released, released, author('human')), ['helm-release earlier']);
  assert.deepEqual(states(released, next, author('human')), ['helm-release object']);
  assert.deepEqual(states(released, released, author('pipeline', true)), ['helm-release claimed']);
});

test('a reference speaks for the change that brings it; what a controller sets was copied from the owner', () => {
  const referred = marked({}, ticket);
  assert.deepEqual(states(marked({}, {}), referred, author('human')), ['change-reference claimed']);
  assert.deepEqual(states(referred, referred, author('human')), ['change-reference earlier']);
  assert.deepEqual(states(referred, referred, author('pipeline')), ['change-reference claimed']);
  assert.deepEqual(states(undefined, referred, author('controller')), ['change-reference object']);
});
