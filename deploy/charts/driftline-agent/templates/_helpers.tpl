{{- define "driftline-agent.labels" -}}
app.kubernetes.io/name: driftline-agent
app.kubernetes.io/part-of: driftline
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}
{{- define "driftline-agent.selector" -}}
app.kubernetes.io/name: driftline-agent
app.kubernetes.io/part-of: driftline
{{- end }}

{{- define "driftline-agent.pod" -}}
{{- $v := .Values }}
{{- $webhook := $v.audit.webhook }}
serviceAccountName: driftline-agent
# The one pod that needs the token of its account; the account itself hands it to nobody.
automountServiceAccountToken: true
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
terminationGracePeriodSeconds: 30
containers:
  - name: agent
    image: "{{ $v.image.repository }}:{{ $v.image.tag | default .Chart.AppVersion }}"
    imagePullPolicy: {{ $v.image.pullPolicy }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    env:
      - { name: DRIFTLINE_AGENT_CLUSTER, value: {{ required "cluster is required: the name under which this cluster appears" $v.cluster | quote }} }
      - { name: DRIFTLINE_AGENT_COLLECTOR, value: {{ include "driftline-agent.collector" . | quote }} }
      {{- if $v.collector.secretName }}
      - { name: DRIFTLINE_AGENT_TOKEN_FILE, value: /etc/driftline/collector/token }
      {{- else if not $v.collector.clientCertSecretName }}
      {{- fail "collector.secretName or collector.clientCertSecretName is required: a token or a client certificate says which cluster this is" }}
      {{- end }}
      {{- with $v.collector.clientCertSecretName }}
      - { name: DRIFTLINE_AGENT_COLLECTOR_CERT_FILE, value: /etc/driftline/collector-tls/tls.crt }
      - { name: DRIFTLINE_AGENT_COLLECTOR_KEY_FILE, value: /etc/driftline/collector-tls/tls.key }
      {{- end }}
      {{- if $v.collector.privateCa }}
      - { name: DRIFTLINE_AGENT_COLLECTOR_CA_FILE, value: /etc/driftline/{{ ternary "collector" "collector-tls" (ne $v.collector.secretName "") }}/ca.crt }
      {{- end }}
      {{- with $v.collector.serverName }}
      - { name: DRIFTLINE_AGENT_COLLECTOR_SERVER_NAME, value: {{ . | quote }} }
      {{- end }}
      {{- if $v.collector.insecure }}
      - { name: DRIFTLINE_AGENT_ALLOW_INSECURE_TRANSPORT, value: "true" }
      {{- end }}
      - { name: DRIFTLINE_AGENT_STATE_DIR, value: /var/lib/driftline }
      - { name: DRIFTLINE_AGENT_SPOOL_LIMIT, value: {{ $v.spool.limit | quote }} }
      - { name: DRIFTLINE_AGENT_REDACTION_KEY_FILE, value: /etc/driftline/redaction/key }
      {{- if $webhook.enabled }}
      - { name: DRIFTLINE_AGENT_AUDIT_WEBHOOK_LISTEN, value: "0.0.0.0:{{ $webhook.port }}" }
      - { name: DRIFTLINE_AGENT_AUDIT_WEBHOOK_CERT_FILE, value: /etc/driftline/audit/tls/tls.crt }
      - { name: DRIFTLINE_AGENT_AUDIT_WEBHOOK_KEY_FILE, value: /etc/driftline/audit/tls/tls.key }
      - { name: DRIFTLINE_AGENT_AUDIT_WEBHOOK_TOKEN_FILE, value: /etc/driftline/audit/token/token }
      {{- end }}
      - { name: DRIFTLINE_AGENT_HEALTH_LISTEN, value: "0.0.0.0:8081" }
      - { name: DRIFTLINE_AGENT_LOG_LEVEL, value: {{ $v.logLevel | quote }} }
    ports:
      - { name: health, containerPort: 8081 }
      {{- if $webhook.enabled }}
      - { name: audit, containerPort: {{ $webhook.port }} }
      {{- end }}
    livenessProbe: { httpGet: { path: /healthz, port: health }, periodSeconds: 20, failureThreshold: 6 }
    readinessProbe: { httpGet: { path: /readyz, port: health }, periodSeconds: 10 }
    startupProbe: { httpGet: { path: /healthz, port: health }, periodSeconds: 5, failureThreshold: 60 }
    resources: {{- toYaml $v.resources | nindent 6 }}
    volumeMounts:
      - { name: state, mountPath: /var/lib/driftline }
      - { name: tmp, mountPath: /tmp }
      {{- if $v.collector.secretName }}
      - { name: collector, mountPath: /etc/driftline/collector, readOnly: true }
      {{- end }}
      {{- if $v.collector.clientCertSecretName }}
      - { name: collector-tls, mountPath: /etc/driftline/collector-tls, readOnly: true }
      {{- end }}
      - { name: redaction, mountPath: /etc/driftline/redaction, readOnly: true }
      {{- if $webhook.enabled }}
      - { name: audit-tls, mountPath: /etc/driftline/audit/tls, readOnly: true }
      - { name: audit-token, mountPath: /etc/driftline/audit/token, readOnly: true }
      {{- end }}
# 288 is 0440: readable through fsGroup.
volumes:
  {{- if $v.spool.persistence.enabled }}
  - { name: state, persistentVolumeClaim: { claimName: driftline-agent } }
  {{- else }}
  - { name: state, emptyDir: { sizeLimit: {{ $v.spool.persistence.size }} } }
  {{- end }}
  - { name: tmp, emptyDir: { sizeLimit: 64Mi } }
  {{- with $v.collector.secretName }}
  - { name: collector, secret: { secretName: {{ . }}, defaultMode: 288 } }
  {{- end }}
  {{- with $v.collector.clientCertSecretName }}
  - { name: collector-tls, secret: { secretName: {{ . }}, defaultMode: 288 } }
  {{- end }}
  - { name: redaction, secret: { secretName: {{ $v.redaction.secretName }}, defaultMode: 288 } }
  {{- if $webhook.enabled }}
  - { name: audit-tls, secret: { secretName: {{ $webhook.tlsSecretName }}, defaultMode: 288 } }
  - { name: audit-token, secret: { secretName: {{ $webhook.tokenSecretName }}, defaultMode: 288 } }
  {{- end }}
{{- end }}

{{/* host:port means TLS to the agent; clear text has to be said. */}}
{{- define "driftline-agent.collector" -}}
{{- $address := required "collector.address is required: host:port of the collector's gateway" .Values.collector.address -}}
{{- if .Values.collector.insecure }}http://{{ end }}{{ $address }}
{{- end }}
