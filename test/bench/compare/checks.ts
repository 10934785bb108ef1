/** The questions that the tools have in common, by the names each gives them. */

export const tools = ['driftline', 'kube-score', 'checkov', 'gator', 'kyverno', 'opa'] as const;
export type ToolName = (typeof tools)[number];

/** By tool: the ids that answer the question; a tool without one does not ask it. */
export const checks: Readonly<Record<string, Partial<Readonly<Record<ToolName, readonly string[]>>>>> = {
  'privileged container': {
    driftline: ['DL-POD-001'],
    'kube-score': ['container-security-context-privileged'],
    checkov: ['CKV_K8S_16'],
    opa: ['privileged'],
  },
  'host path': { driftline: ['DL-POD-003'], gator: ['K8sPSPHostFilesystem'], opa: ['host-path'] },
  'host namespaces': {
    driftline: ['DL-POD-002'],
    checkov: ['CKV_K8S_17', 'CKV_K8S_18', 'CKV_K8S_19'],
    gator: ['K8sPSPHostNamespace'],
    kyverno: ['disallow-host-namespaces'],
    opa: ['host-namespaces'],
  },
  'no image version': {
    driftline: ['DL-IMG-001'],
    'kube-score': ['container-image-tag'],
    checkov: ['CKV_K8S_14'],
    kyverno: ['disallow-latest-tag'],
    opa: ['image-version'],
  },
  'requests and limits': {
    driftline: ['DL-WKL-001', 'DL-WKL-002'],
    'kube-score': ['container-resources'],
    checkov: ['CKV_K8S_10', 'CKV_K8S_11', 'CKV_K8S_12', 'CKV_K8S_13'],
    kyverno: ['require-requests-limits'],
  },
  probes: {
    driftline: ['DL-WKL-003'],
    'kube-score': ['pod-probes'],
    checkov: ['CKV_K8S_8', 'CKV_K8S_9'],
  },
  'may run as root': {
    driftline: ['DL-POD-022'],
    checkov: ['CKV_K8S_23'],
    kyverno: ['require-run-as-nonroot'],
    opa: ['run-as-root'],
  },
  'root file system writable': {
    driftline: ['DL-POD-042'],
    'kube-score': ['container-security-context-readonlyrootfilesystem'],
    checkov: ['CKV_K8S_22'],
    gator: ['K8sPSPReadOnlyRootFilesystem'],
    kyverno: ['require-ro-rootfs'],
  },
};
