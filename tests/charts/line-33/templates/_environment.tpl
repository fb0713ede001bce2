{{- /* One variable of a Secret: name, secret, key */ -}}
{{- define "from-secret" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
{{- end }}

{{- /* The login of Kafka, or nothing where the protocol knows none: root, prefix */ -}}
{{- define "env-sasl" -}}
{{- $keys := .root.Values.externalKafka.sasl.existingSecretKeys | default dict }}
{{- if .root.Values.kafka.enabled }}
{{- else if .root.Values.externalKafka.sasl.existingSecret }}
{{ include "from-secret" (dict "name" (print .prefix "SASL_MECHANISM") "secret" .root.Values.externalKafka.sasl.existingSecret "key" ($keys.mechanism | default "mechanism")) }}
{{ include "from-secret" (dict "name" (print .prefix "SASL_USERNAME") "secret" .root.Values.externalKafka.sasl.existingSecret "key" ($keys.username | default "username")) }}
{{ include "from-secret" (dict "name" (print .prefix "SASL_PASSWORD") "secret" .root.Values.externalKafka.sasl.existingSecret "key" ($keys.password | default "password")) }}
{{- else if hasPrefix "SASL_" (include "kafka-protocol" .root) }}
{{- range $name, $value := dict "MECHANISM" .root.Values.externalKafka.sasl.mechanism "USERNAME" .root.Values.externalKafka.sasl.username "PASSWORD" .root.Values.externalKafka.sasl.password }}
{{- if ne "None" (toString $value) }}
- {name: {{ $.prefix }}SASL_{{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "env-redis-password" -}}
{{- if .Values.redis.enabled }}
{{- else if .Values.externalRedis.password }}
- {name: REDIS_PASSWORD, value: {{ .Values.externalRedis.password | quote }}}
{{- else if .Values.externalRedis.existingSecret }}
{{ include "from-secret" (dict "name" "REDIS_PASSWORD" "secret" .Values.externalRedis.existingSecret "key" (.Values.externalRedis.existingSecretKey | default "redis-password")) }}
{{- end }}
{{- end }}

{{- /* The pair of keys of a bucket: prefix, Secret, key of the access key, key of the secret key */ -}}
{{- define "env-bucket" -}}
{{- if index . 1 }}
{{ include "from-secret" (dict "name" (print (index . 0) "ACCESS_KEY_ID") "secret" (index . 1) "key" (index . 2 | default "s3-access-key-id")) }}
{{ include "from-secret" (dict "name" (print (index . 0) "SECRET_ACCESS_KEY") "secret" (index . 1) "key" (index . 3 | default "s3-secret-access-key")) }}
{{- end }}
{{- end }}

{{- define "env-postgres" -}}
{{- $keys := .Values.externalPostgresql.existingSecretKeys }}
{{- $given := dict "username" .Values.externalPostgresql.username "database" .Values.externalPostgresql.database "host" .Values.externalPostgresql.host "port" .Values.externalPostgresql.port }}
{{- if .Values.postgresql.enabled }}
{{ include "from-secret" (dict "name" "POSTGRES_PASSWORD" "secret" (print .Release.Name "-sentry-postgresql") "key" "postgres-password") }}
- {name: POSTGRES_USER, value: postgres}
- {name: POSTGRES_NAME, value: sentry}
- {name: POSTGRES_HOST, value: {{ .Release.Name }}-sentry-postgresql}
- {name: POSTGRES_PORT, value: "5432"}
{{- else }}
{{- if .Values.externalPostgresql.password }}
- {name: POSTGRES_PASSWORD, value: {{ .Values.externalPostgresql.password | quote }}}
{{- else if .Values.externalPostgresql.existingSecret }}
{{ include "from-secret" (dict "name" "POSTGRES_PASSWORD" "secret" .Values.externalPostgresql.existingSecret "key" (coalesce $keys.password .Values.externalPostgresql.existingSecretKey "postgresql-password")) }}
{{- end }}
{{- range list "USER username" "NAME database" "HOST host" "PORT port" }}
{{- $name := splitList " " . | first }}
{{- $key := splitList " " . | last }}
{{- if and $.Values.externalPostgresql.existingSecret (index $keys $key) }}
{{ include "from-secret" (dict "name" (print "POSTGRES_" $name) "secret" $.Values.externalPostgresql.existingSecret "key" (index $keys $key)) }}
{{- else if and $.Values.pgbouncer.enabled (has $name (list "HOST" "PORT")) }}
- {name: POSTGRES_{{ $name }}, value: {{ ternary (print (include "fullname" $) "-pgbouncer") "5432" (eq $name "HOST") | quote }}}
{{- else }}
- {name: POSTGRES_{{ $name }}, value: {{ required (print "externalPostgresql." $key) (index $given $key) | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "env-sentry" -}}
- {name: SNUBA, value: "http://{{ include "fullname" . }}-snuba:1218"}
- {name: VROOM, value: "http://{{ include "fullname" . }}-vroom:8085"}
{{ include "from-secret" (dict "name" "SENTRY_SECRET_KEY" "secret" (.Values.sentry.existingSecret | default (print (include "fullname" .) "-sentry-secret")) "key" (.Values.sentry.existingSecretKey | default "key")) }}
{{- include "env-sasl" (dict "root" . "prefix" "KAFKA_") }}
{{- include "env-postgres" . }}
{{- if eq .Values.filestore.backend "s3" }}
{{- include "env-bucket" (list "S3_" .Values.filestore.s3.existingSecret .Values.filestore.s3.accessKeyIdRef .Values.filestore.s3.secretAccessKeyRef) }}
{{- end }}
{{- if eq .Values.replay.storage.backend "s3" }}
{{- include "env-bucket" (list "REPLAY_S3_" .Values.replay.storage.s3.existingSecret .Values.replay.storage.s3.accessKeyIdRef .Values.replay.storage.s3.secretAccessKeyRef) }}
{{- end }}
{{- if and (eq .Values.filestore.profiles.backend "s3") .Values.filestore.profiles.s3 }}
{{- include "env-bucket" (list "PROFILES_S3_" .Values.filestore.profiles.s3.existingSecret .Values.filestore.profiles.s3.accessKeyIdRef .Values.filestore.profiles.s3.secretAccessKeyRef) }}
{{- end }}
{{- if and (eq .Values.nodestore.backend "s3") .Values.nodestore.s3 }}
{{- include "env-bucket" (list "NODESTORE_S3_" .Values.nodestore.s3.existingSecret .Values.nodestore.s3.accessKeyIdRef .Values.nodestore.s3.secretAccessKeyRef) }}
{{- end }}
{{- include "env-redis-password" . }}
{{- if and (not .Values.redis.enabled) .Values.externalRedis.existingSecret }}
{{ include "from-secret" (dict "name" "HELM_CHARTS_SENTRY_REDIS_PASSWORD_CONTROLLED" "secret" .Values.externalRedis.existingSecret "key" (.Values.externalRedis.existingSecretKey | default "redis-password")) }}
- {name: BROKER_URL, value: "{{ include "redis-scheme" . }}://:$(HELM_CHARTS_SENTRY_REDIS_PASSWORD_CONTROLLED)@{{ include "redis-address" . }}"}
{{- end }}
{{- if .Values.mail.password }}
- {name: SENTRY_EMAIL_PASSWORD, value: {{ .Values.mail.password | quote }}}
{{- else if .Values.mail.existingSecret }}
{{ include "from-secret" (dict "name" "SENTRY_EMAIL_PASSWORD" "secret" .Values.mail.existingSecret "key" (.Values.mail.existingSecretKey | default "mail-password")) }}
{{- end }}
{{- if include "launchpad-on" . }}
{{ include "env-launchpad-secret" . }}
{{- end }}
{{- end }}

{{- /* What goes with chart's own node store module, beside env-sentry; taskbroker has it not. */ -}}
{{- define "env-nodestore" -}}
{{- if .Values.nodestore.backend }}
{{- if .Values.nodestore.installViaInitContainer }}
- {name: PYTHONPATH, value: /sentry-plugins}
{{- end }}
{{- if .Values.nodestore.s3.setAwsChecksumCalculationVar }}
- {name: AWS_REQUEST_CHECKSUM_CALCULATION, value: when_required}
{{- end }}
{{- end }}
{{- end }}

{{- define "env-snuba" -}}
- {name: SNUBA_SETTINGS, value: /etc/snuba/settings.py}
- {name: DEFAULT_BROKERS, value: {{ include "brokers" . | quote }}}
{{- include "env-sasl" (dict "root" . "prefix" "KAFKA_") }}
- {name: KAFKA_SECURITY_PROTOCOL, value: {{ include "kafka-protocol" . | quote }}}
{{- include "env-redis-password" . }}
{{- if .Values.externalClickhouse.existingSecret }}
{{ include "from-secret" (dict "name" "CLICKHOUSE_PASSWORD" "secret" .Values.externalClickhouse.existingSecret "key" (.Values.externalClickhouse.existingSecretKey | default "clickhouse-password")) }}
{{- end }}
- {name: CLICKHOUSE_MAX_CONNECTIONS, value: {{ .Values.snuba.clickhouse.maxConnections | quote }}}
- {name: REDIS_PORT, value: {{ .Values.externalRedis.port | quote }}}
{{- end }}

{{- define "env-relay" -}}
- {name: RELAY_PORT, value: "3000"}
{{- if and (not .Values.externalRedis.password) .Values.externalRedis.existingSecret }}
{{ include "from-secret" (dict "name" "HELM_CHARTS_RELAY_REDIS_PASSWORD_CONTROLLED" "secret" .Values.externalRedis.existingSecret "key" (.Values.externalRedis.existingSecretKey | default "redis-password")) }}
- {name: RELAY_REDIS_URL, value: "{{ include "redis-scheme" . }}://:$(HELM_CHARTS_RELAY_REDIS_PASSWORD_CONTROLLED)@{{ include "redis-address" . }}"}
{{- end }}
{{- end }}

{{- define "env-taskbroker" -}}
- {name: TASKBROKER_DB_PATH, value: /opt/sqlite/taskbroker-activations.sqlite}
{{ include "env-sentry" . }}
- {name: TASKBROKER_KAFKA_CLUSTERS__DEFAULT__ADDRESS, value: {{ include "brokers" . | quote }}}
{{- if not .Values.kafka.enabled }}
- {name: TASKBROKER_KAFKA_CLUSTERS__DEFAULT__SECURITY_PROTOCOL, value: {{ include "kafka-protocol" . | quote }}}
{{- include "env-sasl" (dict "root" . "prefix" "TASKBROKER_KAFKA_CLUSTERS__DEFAULT__") }}
{{- end }}
{{- end }}

{{- define "env-vroom" -}}
- {name: VROOM_PORT, value: "8085"}
- {name: SENTRY_KAFKA_BROKERS_PROFILING, value: {{ include "brokers" . | quote }}}
- {name: SENTRY_KAFKA_BROKERS_OCCURRENCES, value: {{ include "brokers" . | quote }}}
- {name: SENTRY_BUCKET_PROFILES, value: {{ .Values.vroom.persistence.bucketString | quote }}}
- {name: SENTRY_SNUBA_HOST, value: "http://{{ include "fullname" . }}-snuba:1218"}
{{- end }}

{{- define "env-uptime-checker" -}}
- {name: UPTIME_CHECKER_RESULTS_KAFKA_CLUSTER, value: {{ include "brokers" . | quote }}}
{{- if .Values.externalRedis.existingSecret }}
{{ include "from-secret" (dict "name" "HELM_CHARTS_SENTRY_REDIS_PASSWORD_CONTROLLED" "secret" .Values.externalRedis.existingSecret "key" (.Values.externalRedis.existingSecretKey | default "redis-password")) }}
{{- end }}
- {name: UPTIME_CHECKER_REDIS_HOST, value: "{{ include "redis-scheme" . }}://{{ if .Values.externalRedis.existingSecret }}:$(HELM_CHARTS_SENTRY_REDIS_PASSWORD_CONTROLLED)@{{ end }}{{ include "redis-address" . }}"}
{{- end }}

{{- define "launchpad-on" -}}
{{- if and (include "is-full" .) .Values.launchpadTaskWorker.enabled .Values.sentry.taskBroker.enabled }}true{{ end }}
{{- end }}

{{- define "env-launchpad-secret" -}}
{{ include "from-secret" (dict "name" "LAUNCHPAD_RPC_SHARED_SECRET" "secret" (.Values.launchpadTaskWorker.existingSecret | default (print (include "fullname" .) "-launchpad-secret")) "key" .Values.launchpadTaskWorker.existingSecretKey) }}
{{- end }}

{{- define "env-launchpad" -}}
- {name: LAUNCHPAD_WORKER_RPC_HOST, value: "{{ include "fullname" . }}-taskbroker-default:50051"}
- {name: LAUNCHPAD_WORKER_CONCURRENCY, value: {{ .Values.launchpadTaskWorker.concurrency | quote }}}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: {{ include "brokers" . | quote }}}
- {name: SENTRY_BASE_URL, value: "http://{{ include "fullname" . }}-web:9000"}
{{ include "env-launchpad-secret" . }}
{{- end }}
