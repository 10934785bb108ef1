/**
 * Wire numbers of the messages that clients send in the Kubernetes protobuf encoding. A line is a message; a field is
 * its number, its JSON name (`^`: its fields belong to the message that holds it), and its type: `*` repeated, `%` map
 * by string, then s string, b bool, i integer, d double, y bytes, q quantity, n integer or string, t time, u time with
 * microseconds, r raw JSON, f field set, x list of strings in a message, `@` another message. `?` fields are present
 * when they are zero; the others are absent then.
 */
export const messageTable = `
Namespace 1metadata:@ObjectMeta 2spec:@NamespaceSpec
ConfigMap 1metadata:@ObjectMeta 4immutable:b? 2data:%s 3binaryData:%y
Secret 1metadata:@ObjectMeta 5immutable:b? 2data:%y 4stringData:%s 3type:s
ServiceAccount 1metadata:@ObjectMeta 2secrets:*@ObjectReference 3imagePullSecrets:*@LocalObjectReference 4automountServiceAccountToken:b?
Service 1metadata:@ObjectMeta 2spec:@ServiceSpec
ResourceQuota 1metadata:@ObjectMeta 2spec:@ResourceQuotaSpec
Pod 1metadata:@ObjectMeta 2spec:@PodSpec
Node 1metadata:@ObjectMeta 2spec:@NodeSpec
Event 1metadata:@ObjectMeta 2involvedObject:@ObjectReference 3reason:s 4message:s 5source:@EventSource 6firstTimestamp:t 7lastTimestamp:t 8count:i 9type:s 10eventTime:u 11series:@EventSeries? 12action:s 13related:@ObjectReference? 14reportingComponent:s 15reportingInstance:s
Binding 1metadata:@ObjectMeta 2target:@ObjectReference
PersistentVolumeClaim 1metadata:@ObjectMeta 2spec:@PersistentVolumeClaimSpec
Deployment 1metadata:@ObjectMeta 2spec:@DeploymentSpec
StatefulSet 1metadata:@ObjectMeta 2spec:@StatefulSetSpec
DaemonSet 1metadata:@ObjectMeta 2spec:@DaemonSetSpec
ReplicaSet 1metadata:@ObjectMeta 2spec:@ReplicaSetSpec
Job 1metadata:@ObjectMeta 2spec:@JobSpec
CronJob 1metadata:@ObjectMeta 2spec:@CronJobSpec
Ingress 1metadata:@ObjectMeta 2spec:@IngressSpec
NetworkPolicy 1metadata:@ObjectMeta 2spec:@NetworkPolicySpec
Role 1metadata:@ObjectMeta 2rules:*@PolicyRule
RoleBinding 1metadata:@ObjectMeta 2subjects:*@Subject 3roleRef:@RoleRef
ClusterRole 1metadata:@ObjectMeta 2rules:*@PolicyRule 3aggregationRule:@AggregationRule?
ClusterRoleBinding 1metadata:@ObjectMeta 2subjects:*@Subject 3roleRef:@RoleRef
PodDisruptionBudget 1metadata:@ObjectMeta 2spec:@PodDisruptionBudgetSpec
Eviction 1metadata:@ObjectMeta 2deleteOptions:@DeleteOptions?
PriorityClass 1metadata:@ObjectMeta 2value:i 3globalDefault:b 4description:s 5preemptionPolicy:s?
TokenRequest 1metadata:@ObjectMeta 2spec:@TokenRequestSpec 3status:@TokenRequestStatus
SelfSubjectReview 1metadata:@ObjectMeta 2status:@SelfSubjectReviewStatus
TokenReview 1metadata:@ObjectMeta 2spec:@TokenReviewSpec 3status:@TokenReviewStatus
SelfSubjectAccessReview 1metadata:@ObjectMeta 2spec:@SelfSubjectAccessReviewSpec 3status:@SubjectAccessReviewStatus
SelfSubjectRulesReview 1metadata:@ObjectMeta 2spec:@SelfSubjectRulesReviewSpec 3status:@SubjectRulesReviewStatus
SubjectAccessReview 1metadata:@ObjectMeta 2spec:@SubjectAccessReviewSpec 3status:@SubjectAccessReviewStatus
LocalSubjectAccessReview 1metadata:@ObjectMeta 2spec:@SubjectAccessReviewSpec 3status:@SubjectAccessReviewStatus
HorizontalPodAutoscaler 1metadata:@ObjectMeta 2spec:@HorizontalPodAutoscalerSpec
Scale 1metadata:@ObjectMeta 2spec:@ScaleSpec 3status:@ScaleStatus
CertificateSigningRequest 1metadata:@ObjectMeta 2spec:@CertificateSigningRequestSpec 3status:@CertificateSigningRequestStatus
DeleteOptions 1gracePeriodSeconds:i? 2preconditions:@Preconditions? 3orphanDependents:b? 4propagationPolicy:s? 5dryRun:*s 6ignoreStoreReadErrorWithClusterBreakingPotential:b?
ObjectMeta 1name:s 2generateName:s 3namespace:s 4selfLink:s 5uid:s 6resourceVersion:s 7generation:i 8creationTimestamp:t 9deletionTimestamp:t? 10deletionGracePeriodSeconds:i? 11labels:%s 12annotations:%s 13ownerReferences:*@OwnerReference 14finalizers:*s 17managedFields:*@ManagedFieldsEntry
NamespaceSpec 1finalizers:*s
ObjectReference 1kind:s 2namespace:s 3name:s 4uid:s 5apiVersion:s 6resourceVersion:s 7fieldPath:s
LocalObjectReference 1name:s
ServiceSpec 1ports:*@ServicePort 2selector:%s 3clusterIP:s 18clusterIPs:*s 4type:s 5externalIPs:*s 7sessionAffinity:s 8loadBalancerIP:s 9loadBalancerSourceRanges:*s 10externalName:s 11externalTrafficPolicy:s 12healthCheckNodePort:i 13publishNotReadyAddresses:b 14sessionAffinityConfig:@SessionAffinityConfig? 19ipFamilies:*s 17ipFamilyPolicy:s? 20allocateLoadBalancerNodePorts:b? 21loadBalancerClass:s? 22internalTrafficPolicy:s? 23trafficDistribution:s?
ResourceQuotaSpec 1hard:%q 2scopes:*s 3scopeSelector:@ScopeSelector?
PodSpec 1volumes:*@Volume 20initContainers:*@Container 2containers:*@Container 34ephemeralContainers:*@EphemeralContainer 3restartPolicy:s 4terminationGracePeriodSeconds:i? 5activeDeadlineSeconds:i? 6dnsPolicy:s 7nodeSelector:%s 8serviceAccountName:s 9serviceAccount:s 21automountServiceAccountToken:b? 10nodeName:s 11hostNetwork:b 12hostPID:b 13hostIPC:b 27shareProcessNamespace:b? 14securityContext:@PodSecurityContext? 15imagePullSecrets:*@LocalObjectReference 16hostname:s 17subdomain:s 18affinity:@Affinity? 19schedulerName:s 22tolerations:*@Toleration 23hostAliases:*@HostAlias 24priorityClassName:s 25priority:i? 26dnsConfig:@PodDNSConfig? 28readinessGates:*@PodReadinessGate 29runtimeClassName:s? 30enableServiceLinks:b? 31preemptionPolicy:s? 32overhead:%q 33topologySpreadConstraints:*@TopologySpreadConstraint 35setHostnameAsFQDN:b? 36os:@PodOS? 37hostUsers:b? 38schedulingGates:*@PodSchedulingGate 39resourceClaims:*@PodResourceClaim 40resources:@ResourceRequirements? 41hostnameOverride:s? 43schedulingGroup:@PodSchedulingGroup? 44evictionResponders:*@EvictionResponder
NodeSpec 1podCIDR:s 7podCIDRs:*s 3providerID:s 4unschedulable:b 5taints:*@Taint 6configSource:@NodeConfigSource? 2externalID:s 8podPreemptionPolicy:@NodePodPreemptionPolicy?
EventSource 1component:s 2host:s
EventSeries 1count:i 2lastObservedTime:u
PersistentVolumeClaimSpec 1accessModes:*s 4selector:@LabelSelector? 2resources:@VolumeResourceRequirements 3volumeName:s 5storageClassName:s? 6volumeMode:s? 7dataSource:@TypedLocalObjectReference? 8dataSourceRef:@TypedObjectReference? 9volumeAttributesClassName:s?
DeploymentSpec 1replicas:i? 2selector:@LabelSelector? 3template:@PodTemplateSpec 4strategy:@DeploymentStrategy 5minReadySeconds:i 6revisionHistoryLimit:i? 7paused:b 9progressDeadlineSeconds:i?
StatefulSetSpec 1replicas:i? 2selector:@LabelSelector? 3template:@PodTemplateSpec 4volumeClaimTemplates:*@PersistentVolumeClaim 5serviceName:s 6podManagementPolicy:s 7updateStrategy:@StatefulSetUpdateStrategy 8revisionHistoryLimit:i? 9minReadySeconds:i 10persistentVolumeClaimRetentionPolicy:@StatefulSetPersistentVolumeClaimRetentionPolicy? 11ordinals:@StatefulSetOrdinals?
DaemonSetSpec 1selector:@LabelSelector? 2template:@PodTemplateSpec 3updateStrategy:@DaemonSetUpdateStrategy 4minReadySeconds:i 6revisionHistoryLimit:i?
ReplicaSetSpec 1replicas:i? 4minReadySeconds:i 2selector:@LabelSelector? 3template:@PodTemplateSpec
JobSpec 1parallelism:i? 2completions:i? 3activeDeadlineSeconds:i? 11podFailurePolicy:@PodFailurePolicy? 16successPolicy:@SuccessPolicy? 7backoffLimit:i? 12backoffLimitPerIndex:i? 13maxFailedIndexes:i? 4selector:@LabelSelector? 5manualSelector:b? 6template:@PodTemplateSpec 8ttlSecondsAfterFinished:i? 9completionMode:s? 10suspend:b? 14podReplacementPolicy:s? 15managedBy:s? 17scheduling:@JobSchedulingConfiguration?
CronJobSpec 1schedule:s 8timeZone:s? 2startingDeadlineSeconds:i? 3concurrencyPolicy:s 4suspend:b? 5jobTemplate:@JobTemplateSpec 6successfulJobsHistoryLimit:i? 7failedJobsHistoryLimit:i?
IngressSpec 4ingressClassName:s? 1defaultBackend:@IngressBackend? 2tls:*@IngressTLS 3rules:*@IngressRule
NetworkPolicySpec 1podSelector:@LabelSelector 2ingress:*@NetworkPolicyIngressRule 3egress:*@NetworkPolicyEgressRule 4policyTypes:*s
PolicyRule 1verbs:*s 2apiGroups:*s 3resources:*s 4resourceNames:*s 5nonResourceURLs:*s
Subject 1kind:s 2apiGroup:s 3name:s 4namespace:s
RoleRef 1apiGroup:s 2kind:s 3name:s
AggregationRule 1clusterRoleSelectors:*@LabelSelector
PodDisruptionBudgetSpec 1minAvailable:n? 2selector:@LabelSelector? 3maxUnavailable:n? 4unhealthyPodEvictionPolicy:s?
TokenRequestSpec 1audiences:*s 4expirationSeconds:i? 3boundObjectRef:@BoundObjectReference? 5attestations:%*s
TokenRequestStatus 1token:s 2expirationTimestamp:t
SelfSubjectReviewStatus 1userInfo:@UserInfo
TokenReviewSpec 1token:s 2audiences:*s
TokenReviewStatus 1authenticated:b 2user:@UserInfo 4audiences:*s 3error:s
SelfSubjectAccessReviewSpec 1resourceAttributes:@ResourceAttributes? 2nonResourceAttributes:@NonResourceAttributes?
SubjectAccessReviewStatus 1allowed:b 4denied:b 2reason:s 3evaluationError:s
SelfSubjectRulesReviewSpec 1namespace:s
SubjectRulesReviewStatus 1resourceRules:*@ResourceRule 2nonResourceRules:*@NonResourceRule 3incomplete:b 4evaluationError:s
SubjectAccessReviewSpec 1resourceAttributes:@ResourceAttributes? 2nonResourceAttributes:@NonResourceAttributes? 3user:s 4groups:*s 5extra:%x 6uid:s
HorizontalPodAutoscalerSpec 1scaleTargetRef:@CrossVersionObjectReference 2minReplicas:i? 3maxReplicas:i 4metrics:*@MetricSpec 5behavior:@HorizontalPodAutoscalerBehavior?
ScaleSpec 1replicas:i
ScaleStatus 1replicas:i 2selector:s
CertificateSigningRequestSpec 1request:y 7signerName:s 8expirationSeconds:i? 5usages:*s 2username:s 3uid:s 4groups:*s 6extra:%x
CertificateSigningRequestStatus 1conditions:*@CertificateSigningRequestCondition 2certificate:y
Preconditions 1uid:s? 2resourceVersion:s?
OwnerReference 5apiVersion:s 1kind:s 3name:s 4uid:s 6controller:b? 7blockOwnerDeletion:b?
ManagedFieldsEntry 1manager:s 2operation:s 3apiVersion:s 4time:t? 6fieldsType:s 7fieldsV1:f? 8subresource:s
ServicePort 1name:s 2protocol:s 6appProtocol:s? 3port:i 4targetPort:n 5nodePort:i
SessionAffinityConfig 1clientIP:@ClientIPConfig?
ScopeSelector 1matchExpressions:*@ScopedResourceSelectorRequirement
Volume 1name:s 2^:@VolumeSource
Container 1name:s 2image:s 3command:*s 4args:*s 5workingDir:s 6ports:*@ContainerPort 19envFrom:*@EnvFromSource 7env:*@EnvVar 8resources:@ResourceRequirements 23resizePolicy:*@ContainerResizePolicy 24restartPolicy:s? 25restartPolicyRules:*@ContainerRestartRule 9volumeMounts:*@VolumeMount 21volumeDevices:*@VolumeDevice 10livenessProbe:@Probe? 11readinessProbe:@Probe? 22startupProbe:@Probe? 12lifecycle:@Lifecycle? 13terminationMessagePath:s 20terminationMessagePolicy:s 14imagePullPolicy:s 15securityContext:@SecurityContext? 16stdin:b 17stdinOnce:b 18tty:b
EphemeralContainer 1^:@EphemeralContainerCommon 2targetContainerName:s
PodSecurityContext 1seLinuxOptions:@SELinuxOptions? 8windowsOptions:@WindowsSecurityContextOptions? 2runAsUser:i? 6runAsGroup:i? 3runAsNonRoot:b? 4supplementalGroups:*i 12supplementalGroupsPolicy:s? 5fsGroup:i? 7sysctls:*@Sysctl 9fsGroupChangePolicy:s? 10seccompProfile:@SeccompProfile? 11appArmorProfile:@AppArmorProfile? 13seLinuxChangePolicy:s?
Affinity 1nodeAffinity:@NodeAffinity? 2podAffinity:@PodAffinity? 3podAntiAffinity:@PodAntiAffinity?
Toleration 1key:s 2operator:s 3value:s 4effect:s 5tolerationSeconds:i?
HostAlias 1ip:s 2hostnames:*s
PodDNSConfig 1nameservers:*s 2searches:*s 3options:*@PodDNSConfigOption
PodReadinessGate 1conditionType:s
TopologySpreadConstraint 1maxSkew:i 2topologyKey:s 3whenUnsatisfiable:s 4labelSelector:@LabelSelector? 5minDomains:i? 6nodeAffinityPolicy:s? 7nodeTaintsPolicy:s? 8matchLabelKeys:*s
PodOS 1name:s
PodSchedulingGate 1name:s
PodResourceClaim 1name:s 3resourceClaimName:s? 4resourceClaimTemplateName:s?
ResourceRequirements 1limits:%q 2requests:%q 3claims:*@ResourceClaim
PodSchedulingGroup 1podGroupName:s?
EvictionResponder 1name:s 2priority:i?
Taint 1key:s 2value:s 3effect:s 4timeAdded:t?
NodeConfigSource 2configMap:@ConfigMapNodeConfigSource?
NodePodPreemptionPolicy 1disableResizePreemption:*s
LabelSelector 1matchLabels:%s 2matchExpressions:*@LabelSelectorRequirement
VolumeResourceRequirements 1limits:%q 2requests:%q
TypedLocalObjectReference 1apiGroup:s? 2kind:s 3name:s
TypedObjectReference 1apiGroup:s? 2kind:s 3name:s 4namespace:s?
PodTemplateSpec 1metadata:@ObjectMeta 2spec:@PodSpec
DeploymentStrategy 1type:s 2rollingUpdate:@RollingUpdateDeployment?
StatefulSetUpdateStrategy 1type:s 2rollingUpdate:@RollingUpdateStatefulSetStrategy?
StatefulSetPersistentVolumeClaimRetentionPolicy 1whenDeleted:s 2whenScaled:s
StatefulSetOrdinals 1start:i
DaemonSetUpdateStrategy 1type:s 2rollingUpdate:@RollingUpdateDaemonSet?
PodFailurePolicy 1rules:*@PodFailurePolicyRule
SuccessPolicy 1rules:*@SuccessPolicyRule
JobSchedulingConfiguration 
JobTemplateSpec 1metadata:@ObjectMeta 2spec:@JobSpec
IngressBackend 4service:@IngressServiceBackend? 3resource:@TypedLocalObjectReference?
IngressTLS 1hosts:*s 2secretName:s
IngressRule 1host:s 2^:@IngressRuleValue
NetworkPolicyIngressRule 1ports:*@NetworkPolicyPort 2from:*@NetworkPolicyPeer
NetworkPolicyEgressRule 1ports:*@NetworkPolicyPort 2to:*@NetworkPolicyPeer
BoundObjectReference 1kind:s 2apiVersion:s 3name:s 4uid:s
UserInfo 1username:s 2uid:s 3groups:*s 4extra:%x
ResourceAttributes 1namespace:s 2verb:s 3group:s 4version:s 5resource:s 6subresource:s 7name:s 8fieldSelector:@FieldSelectorAttributes? 9labelSelector:@LabelSelectorAttributes?
NonResourceAttributes 1path:s 2verb:s
ResourceRule 1verbs:*s 2apiGroups:*s 3resources:*s 4resourceNames:*s
NonResourceRule 1verbs:*s 2nonResourceURLs:*s
CrossVersionObjectReference 1kind:s 2name:s 3apiVersion:s
MetricSpec 1type:s 2object:@ObjectMetricSource? 3pods:@PodsMetricSource? 4resource:@ResourceMetricSource? 7containerResource:@ContainerResourceMetricSource? 5external:@ExternalMetricSource?
HorizontalPodAutoscalerBehavior 1scaleUp:@HPAScalingRules? 2scaleDown:@HPAScalingRules?
CertificateSigningRequestCondition 1type:s 6status:s 2reason:s 3message:s 4lastUpdateTime:t 5lastTransitionTime:t
ClientIPConfig 1timeoutSeconds:i?
ScopedResourceSelectorRequirement 1scopeName:s 2operator:s 3values:*s
VolumeSource 1hostPath:@HostPathVolumeSource? 2emptyDir:@EmptyDirVolumeSource? 3gcePersistentDisk:@GCEPersistentDiskVolumeSource? 4awsElasticBlockStore:@AWSElasticBlockStoreVolumeSource? 5gitRepo:@GitRepoVolumeSource? 6secret:@SecretVolumeSource? 7nfs:@NFSVolumeSource? 8iscsi:@ISCSIVolumeSource? 9glusterfs:@GlusterfsVolumeSource? 10persistentVolumeClaim:@PersistentVolumeClaimVolumeSource? 11rbd:@RBDVolumeSource? 12flexVolume:@FlexVolumeSource? 13cinder:@CinderVolumeSource? 14cephfs:@CephFSVolumeSource? 15flocker:@FlockerVolumeSource? 16downwardAPI:@DownwardAPIVolumeSource? 17fc:@FCVolumeSource? 18azureFile:@AzureFileVolumeSource? 19configMap:@ConfigMapVolumeSource? 20vsphereVolume:@VsphereVirtualDiskVolumeSource? 21quobyte:@QuobyteVolumeSource? 22azureDisk:@AzureDiskVolumeSource? 23photonPersistentDisk:@PhotonPersistentDiskVolumeSource? 26projected:@ProjectedVolumeSource? 24portworxVolume:@PortworxVolumeSource? 25scaleIO:@ScaleIOVolumeSource? 27storageos:@StorageOSVolumeSource? 28csi:@CSIVolumeSource? 29ephemeral:@EphemeralVolumeSource? 30image:@ImageVolumeSource?
ContainerPort 1name:s 2hostPort:i 3containerPort:i 4protocol:s 5hostIP:s
EnvFromSource 1prefix:s 2configMapRef:@ConfigMapEnvSource? 3secretRef:@SecretEnvSource?
EnvVar 1name:s 2value:s 3valueFrom:@EnvVarSource?
ContainerResizePolicy 1resourceName:s 2restartPolicy:s
ContainerRestartRule 1action:s 2exitCodes:@ContainerRestartRuleOnExitCodes?
VolumeMount 1name:s 2readOnly:b 7recursiveReadOnly:s? 3mountPath:s 4subPath:s 5mountPropagation:s? 6subPathExpr:s 8bindMountOptions:*s
VolumeDevice 1name:s 2devicePath:s
Probe 1^:@ProbeHandler 2initialDelaySeconds:i 3timeoutSeconds:i 4periodSeconds:i 5successThreshold:i 6failureThreshold:i 7terminationGracePeriodSeconds:i?
Lifecycle 1postStart:@LifecycleHandler? 2preStop:@LifecycleHandler? 3stopSignal:s?
SecurityContext 1capabilities:@Capabilities? 2privileged:b? 3seLinuxOptions:@SELinuxOptions? 10windowsOptions:@WindowsSecurityContextOptions? 4runAsUser:i? 8runAsGroup:i? 5runAsNonRoot:b? 6readOnlyRootFilesystem:b? 7allowPrivilegeEscalation:b? 9procMount:s? 11seccompProfile:@SeccompProfile? 12appArmorProfile:@AppArmorProfile?
EphemeralContainerCommon 1name:s 2image:s 3command:*s 4args:*s 5workingDir:s 6ports:*@ContainerPort 19envFrom:*@EnvFromSource 7env:*@EnvVar 8resources:@ResourceRequirements 23resizePolicy:*@ContainerResizePolicy 24restartPolicy:s? 25restartPolicyRules:*@ContainerRestartRule 9volumeMounts:*@VolumeMount 21volumeDevices:*@VolumeDevice 10livenessProbe:@Probe? 11readinessProbe:@Probe? 22startupProbe:@Probe? 12lifecycle:@Lifecycle? 13terminationMessagePath:s 20terminationMessagePolicy:s 14imagePullPolicy:s 15securityContext:@SecurityContext? 16stdin:b 17stdinOnce:b 18tty:b
SELinuxOptions 1user:s 2role:s 3type:s 4level:s
WindowsSecurityContextOptions 1gmsaCredentialSpecName:s? 2gmsaCredentialSpec:s? 3runAsUserName:s? 4hostProcess:b?
Sysctl 1name:s 2value:s
SeccompProfile 1type:s 2localhostProfile:s?
AppArmorProfile 1type:s 2localhostProfile:s?
NodeAffinity 1requiredDuringSchedulingIgnoredDuringExecution:@NodeSelector? 2preferredDuringSchedulingIgnoredDuringExecution:*@PreferredSchedulingTerm
PodAffinity 1requiredDuringSchedulingIgnoredDuringExecution:*@PodAffinityTerm 2preferredDuringSchedulingIgnoredDuringExecution:*@WeightedPodAffinityTerm
PodAntiAffinity 1requiredDuringSchedulingIgnoredDuringExecution:*@PodAffinityTerm 2preferredDuringSchedulingIgnoredDuringExecution:*@WeightedPodAffinityTerm
PodDNSConfigOption 1name:s 2value:s?
ResourceClaim 1name:s 2request:s
ConfigMapNodeConfigSource 1namespace:s 2name:s 3uid:s 4resourceVersion:s 5kubeletConfigKey:s
LabelSelectorRequirement 1key:s 2operator:s 3values:*s
RollingUpdateDeployment 1maxUnavailable:n? 2maxSurge:n?
RollingUpdateStatefulSetStrategy 1partition:i? 2maxUnavailable:n?
RollingUpdateDaemonSet 1maxUnavailable:n? 2maxSurge:n?
PodFailurePolicyRule 1action:s 2onExitCodes:@PodFailurePolicyOnExitCodesRequirement? 3onPodConditions:*@PodFailurePolicyOnPodConditionsPattern
SuccessPolicyRule 1succeededIndexes:s? 2succeededCount:i?
IngressServiceBackend 1name:s 2port:@ServiceBackendPort
IngressRuleValue 1http:@HTTPIngressRuleValue?
NetworkPolicyPort 1protocol:s? 2port:n? 3endPort:i?
NetworkPolicyPeer 1podSelector:@LabelSelector? 2namespaceSelector:@LabelSelector? 3ipBlock:@IPBlock?
FieldSelectorAttributes 1rawSelector:s 2requirements:*@FieldSelectorRequirement
LabelSelectorAttributes 1rawSelector:s 2requirements:*@LabelSelectorRequirement
ObjectMetricSource 1describedObject:@CrossVersionObjectReference 2target:@MetricTarget 3metric:@MetricIdentifier
PodsMetricSource 1metric:@MetricIdentifier 2target:@MetricTarget
ResourceMetricSource 1name:s 2target:@MetricTarget
ContainerResourceMetricSource 1name:s 2target:@MetricTarget 3container:s
ExternalMetricSource 1metric:@MetricIdentifier 2target:@MetricTarget
HPAScalingRules 3stabilizationWindowSeconds:i? 1selectPolicy:s? 2policies:*@HPAScalingPolicy 4tolerance:q?
HostPathVolumeSource 1path:s 2type:s?
EmptyDirVolumeSource 1medium:s 2sizeLimit:q? 3mode:i?
GCEPersistentDiskVolumeSource 1pdName:s 2fsType:s 3partition:i 4readOnly:b
AWSElasticBlockStoreVolumeSource 1volumeID:s 2fsType:s 3partition:i 4readOnly:b
GitRepoVolumeSource 1repository:s 2revision:s 3directory:s
SecretVolumeSource 1secretName:s 2items:*@KeyToPath 3defaultMode:i? 4optional:b? 5defaultUser:i?
NFSVolumeSource 1server:s 2path:s 3readOnly:b
ISCSIVolumeSource 1targetPortal:s 2iqn:s 3lun:i 4iscsiInterface:s 5fsType:s 6readOnly:b 7portals:*s 8chapAuthDiscovery:b 11chapAuthSession:b 10secretRef:@LocalObjectReference? 12initiatorName:s?
GlusterfsVolumeSource 1endpoints:s 2path:s 3readOnly:b
PersistentVolumeClaimVolumeSource 1claimName:s 2readOnly:b
RBDVolumeSource 1monitors:*s 2image:s 3fsType:s 4pool:s 5user:s 6keyring:s 7secretRef:@LocalObjectReference? 8readOnly:b
FlexVolumeSource 1driver:s 2fsType:s 3secretRef:@LocalObjectReference? 4readOnly:b 5options:%s
CinderVolumeSource 1volumeID:s 2fsType:s 3readOnly:b 4secretRef:@LocalObjectReference?
CephFSVolumeSource 1monitors:*s 2path:s 3user:s 4secretFile:s 5secretRef:@LocalObjectReference? 6readOnly:b
FlockerVolumeSource 1datasetName:s 2datasetUUID:s
DownwardAPIVolumeSource 1items:*@DownwardAPIVolumeFile 2defaultMode:i? 3defaultUser:i?
FCVolumeSource 1targetWWNs:*s 2lun:i? 3fsType:s 4readOnly:b 5wwids:*s
AzureFileVolumeSource 1secretName:s 2shareName:s 3readOnly:b
ConfigMapVolumeSource 1^:@LocalObjectReference 2items:*@KeyToPath 3defaultMode:i? 4optional:b? 5defaultUser:i?
VsphereVirtualDiskVolumeSource 1volumePath:s 2fsType:s 3storagePolicyName:s 4storagePolicyID:s
QuobyteVolumeSource 1registry:s 2volume:s 3readOnly:b 4user:s 5group:s 6tenant:s
AzureDiskVolumeSource 1diskName:s 2diskURI:s 3cachingMode:s? 4fsType:s? 5readOnly:b? 6kind:s?
PhotonPersistentDiskVolumeSource 1pdID:s 2fsType:s
ProjectedVolumeSource 1sources:*@VolumeProjection 2defaultMode:i? 3defaultUser:i?
PortworxVolumeSource 1volumeID:s 2fsType:s 3readOnly:b
ScaleIOVolumeSource 1gateway:s 2system:s 3secretRef:@LocalObjectReference? 4sslEnabled:b 5protectionDomain:s 6storagePool:s 7storageMode:s 8volumeName:s 9fsType:s 10readOnly:b
StorageOSVolumeSource 1volumeName:s 2volumeNamespace:s 3fsType:s 4readOnly:b 5secretRef:@LocalObjectReference?
CSIVolumeSource 1driver:s 2readOnly:b? 3fsType:s? 4volumeAttributes:%s 5nodePublishSecretRef:@LocalObjectReference?
EphemeralVolumeSource 1volumeClaimTemplate:@PersistentVolumeClaimTemplate?
ImageVolumeSource 1reference:s 2pullPolicy:s
ConfigMapEnvSource 1^:@LocalObjectReference 2optional:b?
SecretEnvSource 1^:@LocalObjectReference 2optional:b?
EnvVarSource 1fieldRef:@ObjectFieldSelector? 2resourceFieldRef:@ResourceFieldSelector? 3configMapKeyRef:@ConfigMapKeySelector? 4secretKeyRef:@SecretKeySelector? 5fileKeyRef:@FileKeySelector?
ContainerRestartRuleOnExitCodes 1operator:s 2values:*i
ProbeHandler 1exec:@ExecAction? 2httpGet:@HTTPGetAction? 3tcpSocket:@TCPSocketAction? 4grpc:@GRPCAction?
LifecycleHandler 1exec:@ExecAction? 2httpGet:@HTTPGetAction? 3tcpSocket:@TCPSocketAction? 4sleep:@SleepAction?
Capabilities 1add:*s 2drop:*s
NodeSelector 1nodeSelectorTerms:*@NodeSelectorTerm
PreferredSchedulingTerm 1weight:i 2preference:@NodeSelectorTerm
PodAffinityTerm 1labelSelector:@LabelSelector? 2namespaces:*s 3topologyKey:s 4namespaceSelector:@LabelSelector? 5matchLabelKeys:*s 6mismatchLabelKeys:*s
WeightedPodAffinityTerm 1weight:i 2podAffinityTerm:@PodAffinityTerm
PodFailurePolicyOnExitCodesRequirement 1containerName:s? 2operator:s 3values:*i
PodFailurePolicyOnPodConditionsPattern 1type:s 2status:s
ServiceBackendPort 1name:s 2number:i
HTTPIngressRuleValue 1paths:*@HTTPIngressPath
IPBlock 1cidr:s 2except:*s
FieldSelectorRequirement 1key:s 2operator:s 3values:*s
MetricTarget 1type:s 2value:q? 3averageValue:q? 4averageUtilization:i?
MetricIdentifier 1name:s 2selector:@LabelSelector?
HPAScalingPolicy 1type:s 2value:i 3periodSeconds:i
KeyToPath 1key:s 2path:s 3mode:i? 4user:i?
DownwardAPIVolumeFile 1path:s 2fieldRef:@ObjectFieldSelector? 3resourceFieldRef:@ResourceFieldSelector? 4mode:i? 5user:i?
VolumeProjection 1secret:@SecretProjection? 2downwardAPI:@DownwardAPIProjection? 3configMap:@ConfigMapProjection? 4serviceAccountToken:@ServiceAccountTokenProjection? 5clusterTrustBundle:@ClusterTrustBundleProjection? 6podCertificate:@PodCertificateProjection?
PersistentVolumeClaimTemplate 1metadata:@ObjectMeta 2spec:@PersistentVolumeClaimSpec
ObjectFieldSelector 1apiVersion:s 2fieldPath:s
ResourceFieldSelector 1containerName:s 2resource:s 3divisor:q
ConfigMapKeySelector 1^:@LocalObjectReference 2key:s 3optional:b?
SecretKeySelector 1^:@LocalObjectReference 2key:s 3optional:b?
FileKeySelector 1volumeName:s 2path:s 3key:s 4optional:b?
ExecAction 1command:*s
HTTPGetAction 1path:s 2port:n 3host:s 4scheme:s 5httpHeaders:*@HTTPHeader 6protocol:s?
TCPSocketAction 1port:n 2host:s
GRPCAction 1port:i 2service:s? 3mode:s?
SleepAction 1seconds:i
NodeSelectorTerm 1matchExpressions:*@NodeSelectorRequirement 2matchFields:*@NodeSelectorRequirement
HTTPIngressPath 1path:s 3pathType:s? 2backend:@IngressBackend
SecretProjection 1^:@LocalObjectReference 2items:*@KeyToPath 4optional:b?
DownwardAPIProjection 1items:*@DownwardAPIVolumeFile
ConfigMapProjection 1^:@LocalObjectReference 2items:*@KeyToPath 4optional:b?
ServiceAccountTokenProjection 1audience:s 2expirationSeconds:i? 3path:s 4user:i?
ClusterTrustBundleProjection 1name:s? 2signerName:s? 3labelSelector:@LabelSelector? 5optional:b? 4path:s 6user:i?
PodCertificateProjection 1signerName:s 2keyType:s 3maxExpirationSeconds:i? 4credentialBundlePath:s 5keyPath:s 6certificateChainPath:s 7userAnnotations:%s 8user:i?
HTTPHeader 1name:s 2value:s
NodeSelectorRequirement 1key:s 2operator:s 3values:*s
`;
