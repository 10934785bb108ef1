import { allVerbs, type Kind } from './kind.ts';

// group/version | resource | Kind | scope (N: namespaced, C: cluster) | short names | categories | subresources
const table = `
v1 configmaps ConfigMap N cm - -
v1 endpoints Endpoints N ep - -
v1 events Event N ev - -
v1 limitranges LimitRange N limits - -
v1 namespaces Namespace C ns - status,finalize
v1 nodes Node C no - status
v1 persistentvolumeclaims PersistentVolumeClaim N pvc - status
v1 persistentvolumes PersistentVolume C pv - status
v1 pods Pod N po all status,binding,eviction,log,ephemeralcontainers,exec,attach,portforward
v1 podtemplates PodTemplate N - - -
v1 replicationcontrollers ReplicationController N rc all status,scale
v1 resourcequotas ResourceQuota N quota - status
v1 secrets Secret N - - -
v1 serviceaccounts ServiceAccount N sa - token
v1 services Service N svc all status
admissionregistration.k8s.io/v1 mutatingwebhookconfigurations MutatingWebhookConfiguration C - api-extensions -
admissionregistration.k8s.io/v1 validatingadmissionpolicies ValidatingAdmissionPolicy C - api-extensions status
admissionregistration.k8s.io/v1 validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding C - api-extensions -
admissionregistration.k8s.io/v1 validatingwebhookconfigurations ValidatingWebhookConfiguration C - api-extensions -
apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition C crd,crds api-extensions status
apiregistration.k8s.io/v1 apiservices APIService C - api-extensions status
apps/v1 controllerrevisions ControllerRevision N - - -
apps/v1 daemonsets DaemonSet N ds all status
apps/v1 deployments Deployment N deploy all status,scale
apps/v1 replicasets ReplicaSet N rs all status,scale
apps/v1 statefulsets StatefulSet N sts all status,scale
autoscaling/v2 horizontalpodautoscalers HorizontalPodAutoscaler N hpa all status
batch/v1 cronjobs CronJob N cj all status
batch/v1 jobs Job N - all status
certificates.k8s.io/v1 certificatesigningrequests CertificateSigningRequest C csr - status,approval
coordination.k8s.io/v1 leases Lease N - - -
discovery.k8s.io/v1 endpointslices EndpointSlice N - - -
flowcontrol.apiserver.k8s.io/v1 flowschemas FlowSchema C - - status
flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations PriorityLevelConfiguration C - - status
networking.k8s.io/v1 ingressclasses IngressClass C - - -
networking.k8s.io/v1 ingresses Ingress N ing - status
networking.k8s.io/v1 networkpolicies NetworkPolicy N netpol - -
node.k8s.io/v1 runtimeclasses RuntimeClass C - - -
policy/v1 poddisruptionbudgets PodDisruptionBudget N pdb - status
rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding C - - -
rbac.authorization.k8s.io/v1 clusterroles ClusterRole C - - -
rbac.authorization.k8s.io/v1 rolebindings RoleBinding N - - -
rbac.authorization.k8s.io/v1 roles Role N - - -
scheduling.k8s.io/v1 priorityclasses PriorityClass C pc - -
storage.k8s.io/v1 csidrivers CSIDriver C - - -
storage.k8s.io/v1 csinodes CSINode C - - -
storage.k8s.io/v1 storageclasses StorageClass C sc - -
storage.k8s.io/v1 volumeattachments VolumeAttachment C - - status
`;

const list = (text: string | undefined): string[] => (text === undefined || text === '-' ? [] : text.split(','));

const parse = (line: string): Kind => {
  const [groupVersion = '', resource = '', kind = '', scope, shortNames, categories, subresources] = line.split(' ');
  const slash = groupVersion.indexOf('/');
  const version = groupVersion.slice(slash + 1);
  return {
    group: slash < 0 ? '' : groupVersion.slice(0, slash),
    versions: [version],
    storageVersion: version,
    kind,
    listKind: `${kind}List`,
    resource,
    singular: kind.toLowerCase(),
    shortNames: list(shortNames),
    categories: list(categories),
    namespaced: scope === 'N',
    verbs: resource === 'namespaces' ? allVerbs.filter((verb) => verb !== 'deletecollection') : allVerbs,
    subresources: list(subresources),
    custom: undefined,
  };
};

export const builtInKinds: readonly Kind[] = table.trim().split('\n').map(parse);

/** Groups that only answer questions: nothing is stored under them. */
export const reviewKinds = [
  { group: 'authentication.k8s.io', resource: 'selfsubjectreviews', kind: 'SelfSubjectReview', namespaced: false },
  { group: 'authentication.k8s.io', resource: 'tokenreviews', kind: 'TokenReview', namespaced: false },
  {
    group: 'authorization.k8s.io',
    resource: 'localsubjectaccessreviews',
    kind: 'LocalSubjectAccessReview',
    namespaced: true,
  },
  {
    group: 'authorization.k8s.io',
    resource: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
    namespaced: false,
  },
  {
    group: 'authorization.k8s.io',
    resource: 'selfsubjectrulesreviews',
    kind: 'SelfSubjectRulesReview',
    namespaced: false,
  },
  { group: 'authorization.k8s.io', resource: 'subjectaccessreviews', kind: 'SubjectAccessReview', namespaced: false },
] as const;
