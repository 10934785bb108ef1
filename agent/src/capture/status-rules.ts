/**
 * What of an object's status is kept. Status is mostly heartbeat: of a kind that is not in this table it is dropped
 * whole. What stays is what a security question asks for: which image really runs, which software a node has, where
 * something can be reached, what was approved, which revision was deployed.
 */

/** Members to keep; true keeps a value whole. Lists are passed through: the rule speaks of their items. */
export type Keep = true | { readonly [member: string]: Keep };

/** Without heartbeat and transition times, and without messages, which repeat counters. */
const conditions: Keep = { type: true, status: true, reason: true };
const containers: Keep = { name: true, image: true, imageID: true };

const statusRules: Readonly<Record<string, Keep>> = {
  pods: {
    phase: true,
    podIP: true,
    podIPs: true,
    hostIP: true,
    containerStatuses: containers,
    initContainerStatuses: containers,
    ephemeralContainerStatuses: containers,
  },
  nodes: { nodeInfo: true, addresses: true, conditions },
  namespaces: { phase: true },
  services: { loadBalancer: true },
  persistentvolumes: { phase: true },
  persistentvolumeclaims: { phase: true },
  'jobs.batch': { conditions },
  'ingresses.networking.k8s.io': { loadBalancer: true },
  'ingresses.extensions': { loadBalancer: true },
  'gateways.gateway.networking.k8s.io': { addresses: true, conditions },
  'httproutes.gateway.networking.k8s.io': { parents: { parentRef: true, controllerName: true, conditions } },
  'grpcroutes.gateway.networking.k8s.io': { parents: { parentRef: true, controllerName: true, conditions } },
  'tlsroutes.gateway.networking.k8s.io': { parents: { parentRef: true, controllerName: true, conditions } },
  'customresourcedefinitions.apiextensions.k8s.io': { acceptedNames: true, storedVersions: true, conditions },
  'apiservices.apiregistration.k8s.io': { conditions },
  'certificatesigningrequests.certificates.k8s.io': {
    conditions: { type: true, status: true, reason: true, message: true },
    certificate: true,
  },
  'validatingadmissionpolicies.admissionregistration.k8s.io': { typeChecking: true },
  'certificates.cert-manager.io': { notAfter: true, conditions },
  'applications.argoproj.io': {
    sync: { status: true, revision: true, revisions: true },
    health: { status: true },
    operationState: {
      phase: true,
      operation: { initiatedBy: true, sync: { revision: true } },
      syncResult: { revision: true, revisions: true },
    },
  },
  'kustomizations.kustomize.toolkit.fluxcd.io': { lastAppliedRevision: true, lastAttemptedRevision: true, conditions },
  'helmreleases.helm.toolkit.fluxcd.io': {
    lastAppliedRevision: true,
    lastAttemptedRevision: true,
    history: { chartName: true, chartVersion: true, version: true, status: true, digest: true },
    conditions,
  },
  'gitrepositories.source.toolkit.fluxcd.io': { artifact: { revision: true, digest: true }, conditions },
  'ocirepositories.source.toolkit.fluxcd.io': { artifact: { revision: true, digest: true }, conditions },
  'helmrepositories.source.toolkit.fluxcd.io': { artifact: { revision: true, digest: true }, conditions },
  'helmcharts.source.toolkit.fluxcd.io': { artifact: { revision: true, digest: true }, conditions },
  'buckets.source.toolkit.fluxcd.io': { artifact: { revision: true, digest: true }, conditions },
};

/** `name` as kindName gives it; undefined when nothing of the status is kept. */
export function statusRule(name: string): Keep | undefined {
  return Object.hasOwn(statusRules, name) ? statusRules[name] : undefined;
}
