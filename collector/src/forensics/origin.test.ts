import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyOrigin } from './origin.ts';
import type { OriginEvidence } from './origin.ts';

const nothing: OriginEvidence = {
  user: '',
  groups: [],
  impersonatedUser: '',
  userAgent: '',
  managers: [],
  gitopsMarked: false,
};

const cases: readonly (readonly [string, Partial<OriginEvidence>, string])[] = [
  [
    'Argo CD',
    {
      user: 'system:serviceaccount:argocd:argocd-application-controller',
      userAgent: 'argocd-application-controller/v3.0',
    },
    'gitops',
  ],
  [
    'Argo CD under another name',
    { user: 'system:serviceaccount:gitops:app-controller', userAgent: 'argocd-application-controller/v3.0' },
    'gitops',
  ],
  [
    'Flux',
    { user: 'system:serviceaccount:flux-system:kustomize-controller', userAgent: 'kustomize-controller/v1' },
    'gitops',
  ],
  [
    'the deployment controller',
    { user: 'system:serviceaccount:kube-system:deployment-controller', userAgent: 'kube-controller-manager/v1.34' },
    'controller',
  ],
  ['the scheduler', { user: 'system:kube-scheduler', userAgent: 'kube-scheduler/v1.34' }, 'controller'],
  ['a node', { user: 'system:node:n1', groups: ['system:nodes'], userAgent: 'kubelet/v1.34' }, 'controller'],
  [
    'an operator',
    { user: 'system:serviceaccount:cert-manager:cert-manager', userAgent: 'cert-manager-controller/v1' },
    'controller',
  ],
  ['GitHub Actions', { user: 'system:serviceaccount:ci:github-actions', userAgent: 'kubectl/v1.34' }, 'pipeline'],
  ['a deployer account', { user: 'ci-deployer', userAgent: 'kubectl/v1.34' }, 'pipeline'],
  ['Terraform', { user: 'infra', userAgent: 'HashiCorp/1.0 Terraform/1.9' }, 'pipeline'],
  [
    'a script with a service account',
    { user: 'system:serviceaccount:tools:jobs', userAgent: 'kubectl/v1.34' },
    'pipeline',
  ],
  ['a person', { user: 'alice@example.com', userAgent: 'kubectl/v1.34 (darwin/arm64)' }, 'human'],
  ['a person whose name holds ci', { user: 'lucia.bottini@example.com', userAgent: 'kubectl/v1.34' }, 'human'],
  ['a person with Helm', { user: 'alice', userAgent: 'Helm/3.18' }, 'human'],
  [
    'a person through a proxy',
    { user: 'system:serviceaccount:teleport:proxy', impersonatedUser: 'alice', userAgent: 'kubectl/v1.34' },
    'human',
  ],
  [
    'a person who impersonates a controller',
    { user: 'alice', impersonatedUser: 'system:serviceaccount:kube-system:x', userAgent: 'kubectl/v1.34' },
    'human',
  ],
  ['a person who calls the agent argocd', { user: 'mallory', userAgent: 'argocd-application-controller/v3' }, 'human'],
  ['an unknown system user', { user: 'system:anonymous', userAgent: 'curl/8' }, 'unknown'],
  ['only a manager of kubectl', { managers: ['kubectl-edit'] }, 'human'],
  ['only a manager of Argo CD', { managers: ['argocd-controller'] }, 'gitops'],
  ['only a manager of a controller', { managers: ['kube-controller-manager'] }, 'controller'],
  ['only the manager helm', { managers: ['helm'] }, 'unknown'],
  ['only a manager nobody knows', { managers: ['zzz'] }, 'unknown'],
  ['only a GitOps mark', { gitopsMarked: true }, 'unknown'],
  ['nothing', {}, 'unknown'],
];

for (const [who, evidence, expected] of cases)
  test(`${who} is ${expected}, and the evidence says why`, () => {
    const verdict = classifyOrigin({ ...nothing, ...evidence });
    assert.equal(verdict.origin, expected, verdict.evidence);
    assert.notEqual(verdict.evidence, '');
  });
