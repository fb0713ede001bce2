{{- define "fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- /* root, component; role: a label of that name; bare: whether only those that Helm 2 knew */ -}}
{{- define "labels" -}}
app: {{ include "fullname" .root }}
chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
release: {{ .root.Release.Name }}
heritage: {{ .root.Release.Service }}
{{- with .role }}
role: {{ . }}
{{- end }}
{{- if not .bare }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}
{{- end }}

{{- /* root, component; as: the role where it is called otherwise */ -}}
{{- define "selector" -}}
app: {{ include "fullname" .root }}
release: {{ .root.Release.Name }}
role: {{ .as | default .component }}
{{- end }}
{{- define "selector-of-service" -}}
{{- omit (include "selector" . | fromYaml) "release" | toYaml }}
{{- end }}

{{- /* Of a workload: root, on (whether it is a hook), weight. Only what was a release's own before keeps the annotations of Helm. */ -}}
{{- define "as-hook" -}}
{{- if .on }}
annotations:
  meta.helm.sh/release-name: {{ .root.Release.Name }}
  meta.helm.sh/release-namespace: {{ .root.Release.Namespace }}
  helm.sh/hook: post-install,post-upgrade
  helm.sh/hook-weight: {{ .weight | quote }}
{{- end }}
{{- end }}

{{- /* Upstream's under the chart's version, unless images.… says otherwise: root, kind */ -}}
{{- define "image" -}}
{{- $own := dict
  "sentry" (list .root.Values.images.sentry.repository .root.Values.images.sentry.tag)
  "snuba" (list .root.Values.images.snuba.repository .root.Values.images.snuba.tag)
  "relay" (list .root.Values.images.relay.repository .root.Values.images.relay.tag)
  "taskbroker" (list .root.Values.images.taskbroker.repository .root.Values.images.taskbroker.tag)
  "vroom" (list .root.Values.images.vroom.repository .root.Values.images.vroom.tag)
  "symbolicator" (list .root.Values.images.symbolicator.repository .root.Values.images.symbolicator.tag)
  "uptime-checker" (list .root.Values.images.uptimeChecker.repository .root.Values.images.uptimeChecker.tag)
  "launchpad" (list .root.Values.images.launchpad.repository .root.Values.images.launchpad.tag)
}}
{{- $given := index $own .kind }}
{{- index $given 0 | default (printf "ghcr.io/getsentry/%s" .kind) }}:{{ index $given 1 | default .root.Chart.AppVersion }}
{{- end }}

{{- define "db-check-image" -}}
{{ .Values.hooks.dbCheck.image.repository | default "busybox" }}:{{ .Values.hooks.dbCheck.image.tag | default "1.38.0" }}
{{- end }}

{{- define "config-render-image" -}}
{{- $render := default dict .Values.relay.configRender }}
{{- $image := default dict $render.image }}
{{- $image.repository | default "busybox" }}:{{ $image.tag | default "1.36" }}
{{- end }}

{{- define "brokers" -}}
{{- if .Values.kafka.enabled }}{{ .Release.Name }}-kafka:9092
{{- else if .Values.externalKafka.cluster }}
{{- range $number, $broker := .Values.externalKafka.cluster }}{{ if $number }},{{ end }}{{ $broker.host }}:{{ $broker.port }}{{ end }}
{{- else }}{{ required "externalKafka.host" .Values.externalKafka.host }}:{{ required "externalKafka.port" .Values.externalKafka.port }}
{{- end }}
{{- end }}

{{- define "kafka-protocol" -}}
{{- if .Values.kafka.enabled }}{{ .Values.kafka.listeners.client.protocol }}{{ else }}{{ .Values.externalKafka.security.protocol | default "plaintext" }}{{ end }}
{{- end }}

{{- define "redis-host" -}}
{{- if .Values.redis.enabled }}{{ .Release.Name }}-sentry-redis-master{{ else }}{{ required "externalRedis.host" .Values.externalRedis.host }}{{ end }}
{{- end }}

{{- define "redis-tls" -}}
{{- if and (not .Values.redis.enabled) .Values.externalRedis.ssl }}true{{ end }}
{{- end }}

{{- /* Scheme and what follows the login. */ -}}
{{- define "redis-scheme" -}}
{{- if include "redis-tls" . }}rediss{{ else }}redis{{ end }}
{{- end }}
{{- define "redis-address" -}}
{{ include "redis-host" . }}:{{ .Values.externalRedis.port }}/{{ .Values.externalRedis.db | default 0 }}
{{- end }}

{{- /* A switch that counts in feature-complete alone. */ -}}
{{- define "is-full" -}}
{{- if has "feature-complete" .Values.profiles }}true{{ end }}
{{- end }}
