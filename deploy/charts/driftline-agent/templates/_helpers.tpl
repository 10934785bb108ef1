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
