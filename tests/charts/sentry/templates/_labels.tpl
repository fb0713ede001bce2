{{- define "labels" -}}
app: {{ .Release.Name }}
release: {{ .Release.Name }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "container-security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "pod" -}}
{{- $root := .root }}
terminationGracePeriodSeconds: 1
securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001}
containers:
  - name: {{ .name }}
    image: {{ $root.Values.fixture.registry }}/{{ .image }}:{{ .tag | default $root.Values.fixture.tag }}
    imagePullPolicy: IfNotPresent
    command: {{ toJson .command }}
    env:
      - {name: PATH, value: "/opt/fixture:/usr/bin:/bin"}
      {{- range .env }}
      {{- include . $root | trim | nindent 6 }}
      {{- end }}
      {{- if eq .image "sentry" }}
      - {name: SNUBA, value: "http://{{ $root.Release.Name }}-snuba-api:1218"}
      - {name: SENTRY_EVENT_RETENTION_DAYS, value: {{ ($root.Values.sentry.cleanup | default dict).days | default 90 | quote }}}
      {{- include "from-secret" (dict "name" "SENTRY_SECRET_KEY" "secret" $root.Values.sentry.existingSecret "key" $root.Values.sentry.existingSecretKey) | nindent 6 }}
      {{- else if eq .image "snuba" }}
      - {name: SNUBA_SETTINGS, value: /etc/snuba/settings.py}
      - {name: DEFAULT_BROKERS, value: {{ include "kafka-brokers" $root | quote }}}
      - {name: KAFKA_SECURITY_PROTOCOL, value: {{ $root.Values.externalKafka.security.protocol | quote }}}
      {{- else if eq .image "relay" }}
      - {name: FIXTURE_UPSTREAM, value: "http://{{ $root.Release.Name }}-web:9000"}
      - name: RELAY_REDIS_URL
        value: {{ printf "%s://:$(REDIS_PASSWORD)@%s:%v/%v" (ternary "rediss" "redis" $root.Values.externalRedis.ssl) $root.Values.externalRedis.host $root.Values.externalRedis.port $root.Values.externalRedis.db | quote }}
      {{- else if eq .image "taskbroker" }}
      - {name: TASKBROKER_KAFKA_CLUSTERS__DEFAULT__ADDRESS, value: {{ include "kafka-brokers" $root | quote }}}
      - {name: TASKBROKER_KAFKA_CLUSTERS__DEFAULT__SECURITY_PROTOCOL, value: {{ $root.Values.externalKafka.security.protocol | lower | quote }}}
      {{- range $suffix := list "MECHANISM" "USERNAME" "PASSWORD" }}
      - {name: TASKBROKER_KAFKA_CLUSTERS__DEFAULT__SASL_{{ $suffix }}, value: $(KAFKA_SASL_{{ $suffix }})}
      {{- end }}
      {{- end }}
      {{- with (.values | default dict).env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- with .more }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with .port }}
    ports: [{name: http, containerPort: {{ . }}}]
    readinessProbe: {httpGet: {path: /_health/, port: http}, periodSeconds: 1, timeoutSeconds: 3}
    {{- end }}
    {{- include "container-security" $root | nindent 4 }}
    volumeMounts:
      - {name: fixture, mountPath: /opt/fixture, readOnly: true}
      {{- with .config }}
      - {name: config, mountPath: {{ .path }}, readOnly: true}
      {{- end }}
volumes:
  - name: fixture
    configMap: {name: {{ $root.Release.Name }}-fixture, defaultMode: 0555}
  {{- with .config }}
  - name: config
    configMap: {name: {{ $root.Release.Name }}-{{ .name }}}
  {{- end }}
{{- end }}

{{- /* Where the real chart reads keys of which nothing is made here. */ -}}
{{- define "read" -}}
{{ toYaml .Values.system }}{{ toYaml .Values.user }}{{ toYaml .Values.externalKafka }}{{ toYaml .Values.filestore }}
{{ toYaml .Values.sentry }}{{ toYaml .Values.vroom }}{{ toYaml .Values.symbolicator }}{{ toYaml .Values.snuba }}{{ toYaml .Values.relay }}{{ toYaml .Values.hooks }}
{{- end }}
