{{- /* The variables that each family of components gets from the values, named as the real chart names them. */ -}}
{{- define "from-secret" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
{{- end }}

{{- define "postgres-env" -}}
{{- with .Values.externalPostgresql }}
- {name: POSTGRES_HOST, value: {{ .host | quote }}}
- {name: POSTGRES_PORT, value: {{ .port | quote }}}
- {name: POSTGRES_NAME, value: {{ .database | quote }}}
- {name: POSTGRES_USER, value: {{ .username | quote }}}
{{ include "from-secret" (dict "name" "POSTGRES_PASSWORD" "secret" .existingSecret "key" .existingSecretKeys.password) }}
{{- end }}
{{- end }}

{{- define "redis-env" -}}
{{- with .Values.externalRedis }}
{{ include "from-secret" (dict "name" "REDIS_PASSWORD" "secret" .existingSecret "key" .existingSecretKey) }}
- {name: REDIS_HOST, value: {{ .host | quote }}}
- {name: REDIS_PORT, value: {{ .port | quote }}}
- {name: REDIS_DB, value: {{ .db | quote }}}
- {name: REDIS_SSL, value: {{ ternary "True" "" .ssl | quote }}}
{{- end }}
{{- end }}

{{- define "kafka-brokers" -}}
{{- $brokers := list -}}
{{- range .Values.externalKafka.cluster }}{{ $brokers = append $brokers (printf "%s:%v" .host .port) }}{{ end -}}
{{- join "," $brokers -}}
{{- end }}

{{- /* A chart that knows `sasl.existingSecret` takes all three from it; an older one writes name and mechanism, and no password. */ -}}
{{- define "kafka-env" -}}
{{- with .Values.externalKafka.sasl }}
{{- if .existingSecret }}
{{- $secret := .existingSecret }}
{{- range $name, $key := dict "KAFKA_SASL_MECHANISM" "mechanism" "KAFKA_SASL_USERNAME" "username" "KAFKA_SASL_PASSWORD" "password" }}
{{ include "from-secret" (dict "name" $name "secret" $secret "key" $key) }}
{{- end }}
{{- else }}
- {name: KAFKA_SASL_MECHANISM, value: {{ .mechanism | quote }}}
- {name: KAFKA_SASL_USERNAME, value: {{ .username | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "s3-env" -}}
{{- with .Values.filestore.s3 }}
{{ include "from-secret" (dict "name" "S3_ACCESS_KEY_ID" "secret" .existingSecret "key" .accessKeyIdRef) }}
{{ include "from-secret" (dict "name" "S3_SECRET_ACCESS_KEY" "secret" .existingSecret "key" .secretAccessKeyRef) }}
{{- end }}
{{- with (.Values.nodestore | default dict).s3 }}
{{ include "from-secret" (dict "name" "NODESTORE_S3_ACCESS_KEY_ID" "secret" .existingSecret "key" .accessKeyIdRef) }}
{{ include "from-secret" (dict "name" "NODESTORE_S3_SECRET_ACCESS_KEY" "secret" .existingSecret "key" .secretAccessKeyRef) }}
{{- end }}
{{- end }}

{{- /* All other options of mail stand in the settings, in both lines of the chart. */ -}}
{{- define "mail-env" -}}
{{- with (.Values.mail | default dict) }}
{{- if .existingSecret }}
{{ include "from-secret" (dict "name" "SENTRY_EMAIL_PASSWORD" "secret" .existingSecret "key" .existingSecretKey) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "clickhouse-env" -}}
{{- with .Values.externalClickhouse }}
- {name: CLICKHOUSE_HOST, value: {{ .host | quote }}}
- {name: CLICKHOUSE_PORT, value: {{ .tcpPort | quote }}}
- {name: CLICKHOUSE_HTTP_PORT, value: {{ .httpPort | quote }}}
- {name: CLICKHOUSE_USER, value: {{ .username | quote }}}
- {name: CLICKHOUSE_DATABASE, value: {{ .database | quote }}}
{{ include "from-secret" (dict "name" "CLICKHOUSE_PASSWORD" "secret" .existingSecret "key" .existingSecretKey) }}
{{- end }}
{{- end }}
