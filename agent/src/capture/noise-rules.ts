/** What is dropped outside of status: it changes on its own, or says nothing that is not said elsewhere. */

/** Members of metadata: evidence is read from managedFields before; the others count changes. */
export const metadataNoise: readonly string[] = ['managedFields', 'resourceVersion', 'generation', 'selfLink'];

/** Annotations that a controller rewrites every few seconds as a heartbeat, on whatever kind they appear. */
export const annotationNoise: ReadonlySet<string> = new Set([
  'control-plane.alpha.kubernetes.io/leader',
  'endpoints.kubernetes.io/last-change-trigger-time',
  'cluster-autoscaler.kubernetes.io/last-updated',
  'kubernetes.io/last-heartbeat',
]);

/** Paths of single kinds, by member names; lists on the way are passed through. */
export const pathNoise: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'leases.coordination.k8s.io': [['spec', 'renewTime']],
  'policyreports.wgpolicyk8s.io': [['results', 'timestamp']],
  'clusterpolicyreports.wgpolicyk8s.io': [['results', 'timestamp']],
  'reports.openreports.io': [['results', 'timestamp']],
  'clusterreports.openreports.io': [['results', 'timestamp']],
  'vulnerabilityreports.aquasecurity.github.io': [['report', 'updateTimestamp']],
  'configauditreports.aquasecurity.github.io': [['report', 'updateTimestamp']],
  'exposedsecretreports.aquasecurity.github.io': [['report', 'updateTimestamp']],
  'rbacassessmentreports.aquasecurity.github.io': [['report', 'updateTimestamp']],
  'clusterrbacassessmentreports.aquasecurity.github.io': [['report', 'updateTimestamp']],
};
