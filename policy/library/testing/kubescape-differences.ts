/** Where our answer about an object of a case differs from Kubescape's, and why ours stays as it is. */
export type Reason = { readonly who: 'we' | 'they'; readonly why: string };

/** `who` finds the fault that the other does not. */
export const reasons = {
  'one question about several arguments': {
    who: 'we',
    why: 'DL-CP-012 asks for all the admission that Kubernetes relies on, DL-CP-017 for the whole retention of audit logs; another of them is at fault here',
  },
  'cluster-admin within a namespace': {
    who: 'we',
    why: 'bound by a RoleBinding it is every right in that namespace, which in these cases is kube-system',
  },
  'any right for everybody': {
    who: 'we',
    why: 'what is given to system:authenticated is reported whatever it is; there only rights that take over the cluster are',
  },
  'a policy without rules': { who: 'we', why: 'a policy of Cilium with empty lists of rules restricts nothing' },
  'a name is enough': {
    who: 'we',
    why: 'a published Service that selects a console by its name is taken for one; there the image decides',
  },
  'a digest nobody can check': {
    who: 'we',
    why: 'container runtimes know SHA-2 and BLAKE3; a digest of another algorithm pins nothing',
  },
  'the default is the weak value': { who: 'we', why: 'rotateCertificates is false where the file does not say it' },
  'other labels by default': {
    who: 'we',
    why: 'DL-GOV-011 asks for the labels that Kubernetes recommends unless its parameter names others; the case names none',
  },
  'the finding is at the binding': {
    who: 'we',
    why: 'that a default account has rights is reported where they are given (DL-RBAC-005), not at each pod that runs as it',
  },
  'the pod behind a binding': {
    who: 'they',
    why: 'that a default account has rights is reported where they are given (DL-RBAC-005), not at each pod that runs as it',
  },
  'the default is the safe value': {
    who: 'they',
    why: 'kube-proxy serves metrics on 127.0.0.1 where the file does not say it',
  },
  'a limit is a request, too': {
    who: 'they',
    why: 'where a container has a limit and no request Kubernetes takes the limit for it',
  },
  'no labels are asked for': {
    who: 'they',
    why: 'the parameter of the case is an empty list, which asks for nothing here',
  },
  'no policy can help': {
    who: 'they',
    why: 'on the network of the node no NetworkPolicy holds; DL-POD-002 reports the pod for that',
  },
  'a file on a node': {
    who: 'they',
    why: 'the content of the EncryptionConfiguration is on the node; that a file is named is judged (DL-CP-023)',
  },
  'a field that does not exist': {
    who: 'they',
    why: 'the kubelet reads tlsCipherSuites; TLSCipherSuites sets nothing',
  },
  'not a credential': {
    who: 'they',
    why: 'a name or a word may mean a credential, and the value is plainly none: a sentence, a mask, a single word',
  },
  'reading is not taking over': {
    who: 'they',
    why: 'rights to read Secrets everywhere are reported at the role (DL-RBAC-003); whether a token is among them the rights do not say',
  },
} as const satisfies Readonly<Record<string, Reason>>;

/** Rule → case → object of the case → reason. */
export const explained: Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, keyof typeof reasons>>>>>
> = {
  'cluster-admin-role': { 'clusterrole-rolebinding': { 'RoleBinding pod': 'cluster-admin within a namespace' } },
  'ensure-that-the-admission-control-plugin-NamespaceLifecycle-is-set': {
    passed: { 'Pod kube-apiserver-minikube': 'one question about several arguments' },
  },
  'ensure-that-the-admission-control-plugin-ServiceAccount-is-set': {
    passed: { 'Pod kube-apiserver-minikube': 'one question about several arguments' },
  },
  'ensure-that-the-api-server-audit-log-maxage-argument-is-set-to-30-or-as-appropriate': {
    passed: { 'Pod kube-apiserver-minikube': 'one question about several arguments' },
    'rke2-args': { 'Pod kube-apiserver-minikube': 'one question about several arguments' },
  },
  'ensure-that-the-api-server-encryption-provider-config-argument-is-set-as-appropriate': {
    failed: { 'nothing of the case': 'a file on a node' },
  },
  'ensure-that-the-kube-proxy-metrics-service-is-bound-to-localhost': {
    failed: { 'ConfigMap kube-proxy': 'the default is the safe value' },
  },
  ensure_network_policy_configured_in_labels: {
    success_pod_cilium_label_match: { 'Pod my-cilium-pod': 'a policy without rules' },
  },
  'exposed-sensitive-interfaces-v1': { 'filter-multi-service': { 'Service dashboard-svc-a': 'a name is enough' } },
  'image-not-pinned-to-digest': {
    'pod-custom-digest': { 'Pod pod-custom-digest': 'a digest nobody can check' },
    'pod-short-custom-digest': { 'Pod pod-short-custom-digest': 'a digest nobody can check' },
  },
  'ingress-and-egress-blocked': { cronjob: { 'CronJob hello': 'no policy can help' } },
  'k8s-common-labels-usage': { pod: { 'Pod command-demo': 'no labels are asked for' } },
  'kubelet-rotate-certificates': {
    'pass-not-present-in-config-file': { 'KubeletInfo ': 'the default is the weak value' },
  },
  'kubelet-strong-cryptographics-ciphers': {
    'fail-config-not-supported-value': { 'KubeletInfo ': 'a field that does not exist' },
  },
  'label-usage-for-resources': {
    cronjob: { 'CronJob hello': 'no labels are asked for' },
    workload: { 'Deployment kubernetes-dashboard': 'other labels by default' },
  },
  'resources-cpu-limit-and-request': { 'pod-only-requests': { 'Pod frontend': 'a limit is a request, too' } },
  'resources-memory-limit-and-request': { 'pod-only-requests': { 'Pod frontend': 'a limit is a request, too' } },
  'resources-memory-requests': { 'pod-only-requests': { 'Pod frontend': 'a limit is a request, too' } },
  'rule-credentials-in-env-var': {
    deployment: { 'Deployment test2': 'not a credential' },
    pod: { 'Pod audit-pod': 'not a credential' },
    workloads: { 'Deployment test2': 'not a credential' },
  },
  'serviceaccount-token-mount': {
    'pod-mount-and-rb-bind': {
      'Pod test-pd': 'the pod behind a binding',
      'RoleBinding my-role-binding': 'the finding is at the binding',
    },
  },
  'system-authenticated-allowed-to-take-over-cluster': {
    success: { 'ClusterRoleBinding system:viewer': 'any right for everybody' },
  },
  'workload-with-cluster-takeover-roles': {
    'fail-wl-gets-secrets': { 'Pod test-pd': 'reading is not taking over' },
  },
};
