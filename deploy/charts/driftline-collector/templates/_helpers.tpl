{{- define "driftline-collector.labels" -}}
app.kubernetes.io/name: driftline-collector
app.kubernetes.io/part-of: driftline
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* dict "root" $ "role" "all|gateway|worker" "forwards" bool */}}
{{- define "driftline-collector.pod" -}}
{{- $root := .root }}
{{- $v := .root.Values }}
{{- $apiIsPlain := and $v.api.allowPlaintext (not $v.api.tlsSecretName) }}
{{- if not (has $v.mode (list "embedded" "fleet")) }}{{ fail "mode must be embedded or fleet" }}{{ end }}
serviceAccountName: driftline-collector
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $v.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $v.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
terminationGracePeriodSeconds: 60
containers:
  - name: collector
    image: "{{ $v.image.repository }}:{{ $v.image.tag | default $root.Chart.AppVersion }}"
    imagePullPolicy: {{ $v.image.pullPolicy }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    env:
      - { name: DRIFTLINE_ROLE, value: {{ .role | quote }} }
      - { name: DRIFTLINE_DATA_DIR, value: /var/lib/driftline }
      - { name: DRIFTLINE_LISTEN, value: "0.0.0.0:{{ $v.gateway.port }}" }
      - { name: DRIFTLINE_API_LISTEN, value: "0.0.0.0:{{ $v.api.port }}" }
      - { name: DRIFTLINE_TOKENS_FILE, value: /etc/driftline/tokens/tokens.json }
      - { name: DRIFTLINE_TLS_CERT_FILE, value: /etc/driftline/tls/tls.crt }
      - { name: DRIFTLINE_TLS_KEY_FILE, value: /etc/driftline/tls/tls.key }
      {{- if $v.gateway.clientCaSecretName }}
      - { name: DRIFTLINE_TLS_CLIENT_CA_FILE, value: /etc/driftline/client-ca/ca.crt }
      {{- end }}
      {{- with $v.policies.configMapNames }}
      - { name: DRIFTLINE_POLICY_DIRS, value: "/etc/driftline/policies/{{ join ",/etc/driftline/policies/" . }}" }
      {{- end }}
      {{- if and .forwards $v.forwarders.secretName }}
      - { name: DRIFTLINE_FORWARDERS_FILE, value: /etc/driftline/forwarders/forwarders.json }
      {{- end }}
      {{- if $v.gitRepositories.secretName }}
      - { name: DRIFTLINE_GIT_REPOSITORIES_FILE, value: /etc/driftline/git/repositories.json }
      {{- end }}
      {{- if $v.api.tlsSecretName }}
      - { name: DRIFTLINE_API_TLS_CERT_FILE, value: /etc/driftline/api-tls/tls.crt }
      - { name: DRIFTLINE_API_TLS_KEY_FILE, value: /etc/driftline/api-tls/tls.key }
      {{- else if $apiIsPlain }}
      - { name: DRIFTLINE_API_ALLOW_PLAINTEXT, value: "true" }
      {{- end }}
      - { name: DRIFTLINE_LOG_LEVEL, value: {{ $v.logLevel | quote }} }
      {{- if eq $v.mode "fleet" }}
      - { name: KAFKA_BROKERS, value: {{ required "kafka.brokers is required in fleet mode" (join "," $v.kafka.brokers) | quote }} }
      - { name: KAFKA_TOPIC_PREFIX, value: {{ $v.kafka.topicPrefix | quote }} }
      - { name: KAFKA_PARTITIONS, value: {{ $v.kafka.partitions | quote }} }
      - { name: KAFKA_REPLICATION, value: {{ $v.kafka.replication | quote }} }
      {{- if $v.kafka.tls }}
      - { name: KAFKA_TLS, value: "true" }
      {{- end }}
      {{- if $v.kafka.caSecretName }}
      - { name: KAFKA_TLS_CA_FILE, value: /etc/driftline/kafka-ca/ca.crt }
      {{- end }}
      {{- if $v.kafka.clientCertSecretName }}
      - { name: KAFKA_TLS_CERT_FILE, value: /etc/driftline/kafka-tls/tls.crt }
      - { name: KAFKA_TLS_KEY_FILE, value: /etc/driftline/kafka-tls/tls.key }
      {{- end }}
      {{- with $v.kafka.saslMechanism }}
      - { name: KAFKA_SASL_MECHANISM, value: {{ . | quote }} }
      {{- range $variable, $key := dict "KAFKA_USERNAME" "username" "KAFKA_PASSWORD" "password" }}
      - name: {{ $variable }}
        valueFrom: { secretKeyRef: { name: {{ required "kafka.saslSecretName is required with kafka.saslMechanism" $v.kafka.saslSecretName }}, key: {{ $key }} } }
      {{- end }}
      {{- end }}
      - { name: CLICKHOUSE_URL, value: {{ required "clickhouse.url is required in fleet mode" $v.clickhouse.url | quote }} }
      {{- range $variable, $key := dict "CLICKHOUSE_USER" "user" "CLICKHOUSE_PASSWORD" "password" "CLICKHOUSE_WRITER_USER" "writer-user" "CLICKHOUSE_WRITER_PASSWORD" "writer-password" "CLICKHOUSE_READER_USER" "reader-user" "CLICKHOUSE_READER_PASSWORD" "reader-password" }}
      - name: {{ $variable }}
        valueFrom: { secretKeyRef: { name: {{ $v.clickhouse.secretName }}, key: {{ $key }} } }
      {{- end }}
      {{- end }}
    ports:
      - { name: gateway, containerPort: {{ $v.gateway.port }} }
      - { name: api, containerPort: {{ $v.api.port }} }
    {{- $scheme := ternary "HTTP" "HTTPS" $apiIsPlain }}
    livenessProbe: { httpGet: { path: /healthz, port: api, scheme: {{ $scheme }} }, periodSeconds: 20, failureThreshold: 6 }
    readinessProbe: { httpGet: { path: /readyz, port: api, scheme: {{ $scheme }} }, periodSeconds: 5 }
    startupProbe: { httpGet: { path: /healthz, port: api, scheme: {{ $scheme }} }, periodSeconds: 5, failureThreshold: 120 }
    resources: {{- toYaml $v.resources | nindent 6 }}
    volumeMounts:
      - { name: data, mountPath: /var/lib/driftline }
      - { name: tmp, mountPath: /tmp }
      - { name: tokens, mountPath: /etc/driftline/tokens, readOnly: true }
      - { name: tls, mountPath: /etc/driftline/tls, readOnly: true }
      {{- if $v.api.tlsSecretName }}
      - { name: api-tls, mountPath: /etc/driftline/api-tls, readOnly: true }
      {{- end }}
      {{- if and (eq $v.mode "fleet") $v.kafka.caSecretName }}
      - { name: kafka-ca, mountPath: /etc/driftline/kafka-ca, readOnly: true }
      {{- end }}
      {{- if and (eq $v.mode "fleet") $v.kafka.clientCertSecretName }}
      - { name: kafka-tls, mountPath: /etc/driftline/kafka-tls, readOnly: true }
      {{- end }}
      {{- if $v.gateway.clientCaSecretName }}
      - { name: client-ca, mountPath: /etc/driftline/client-ca, readOnly: true }
      {{- end }}
      {{- range $at, $name := $v.policies.configMapNames }}
      - { name: policies-{{ $at }}, mountPath: /etc/driftline/policies/{{ $name }}, readOnly: true }
      {{- end }}
      {{- if and .forwards $v.forwarders.secretName }}
      - { name: forwarders, mountPath: /etc/driftline/forwarders, readOnly: true }
      {{- end }}
      {{- if $v.gitRepositories.secretName }}
      - { name: git, mountPath: /etc/driftline/git, readOnly: true }
      {{- end }}
volumes:
  - { name: tmp, emptyDir: { sizeLimit: 256Mi } }
  - { name: tokens, secret: { secretName: {{ $v.tokensSecretName }} } }
  - { name: tls, secret: { secretName: {{ $v.gateway.tlsSecretName }} } }
  {{- if $v.api.tlsSecretName }}
  - { name: api-tls, secret: { secretName: {{ $v.api.tlsSecretName }} } }
  {{- end }}
  {{- if and (eq $v.mode "fleet") $v.kafka.caSecretName }}
  - { name: kafka-ca, secret: { secretName: {{ $v.kafka.caSecretName }} } }
  {{- end }}
  {{- if and (eq $v.mode "fleet") $v.kafka.clientCertSecretName }}
  - { name: kafka-tls, secret: { secretName: {{ $v.kafka.clientCertSecretName }} } }
  {{- end }}
  {{- with $v.gateway.clientCaSecretName }}
  - { name: client-ca, secret: { secretName: {{ . }} } }
  {{- end }}
  {{- range $at, $name := $v.policies.configMapNames }}
  - { name: policies-{{ $at }}, configMap: { name: {{ $name }} } }
  {{- end }}
  {{- if and .forwards $v.forwarders.secretName }}
  - { name: forwarders, secret: { secretName: {{ $v.forwarders.secretName }} } }
  {{- end }}
  {{- with $v.gitRepositories.secretName }}
  - { name: git, secret: { secretName: {{ . }} } }
  {{- end }}
  {{- if ne .role "all" }}
  - { name: data, emptyDir: {} }
  {{- end }}
{{- end }}
