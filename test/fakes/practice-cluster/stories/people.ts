import type { ActorIdentity } from '../actor.ts';

const kubectl = 'kubectl/v1.36.0 (linux/amd64) kubernetes/practice';

/** The people and machines of the company. Their rights are the bindings in world/. */
export const alice: ActorIdentity = {
  user: 'alice@example.com',
  groups: ['platform-admins'],
  userAgent: kubectl,
  sourceIp: '203.0.113.10',
};
export const bob: ActorIdentity = {
  user: 'bob@example.com',
  groups: ['shop-developers'],
  userAgent: kubectl,
  sourceIp: '203.0.113.24',
};
export const carol: ActorIdentity = {
  user: 'carol@example.com',
  groups: ['platform-admins'],
  userAgent: 'k9s/v0.50.0',
  sourceIp: '198.51.100.7',
};
export const argo: ActorIdentity = {
  user: 'system:serviceaccount:argocd:argocd-application-controller',
  userAgent: 'argocd-application-controller/v3.1.0',
  sourceIp: '10.244.1.20',
};
export const pipeline: ActorIdentity = {
  user: 'system:serviceaccount:ci:deployer',
  userAgent: 'kubectl/v1.36.0 (linux/amd64) kubernetes/practice',
  sourceIp: '192.0.2.50',
};
export const helm: ActorIdentity = {
  user: 'dave@example.com',
  groups: ['platform-admins'],
  userAgent: 'Helm/3.19.0',
  sourceIp: '203.0.113.31',
};
