{{- /*
One pod, of whatever object. Known of every component of the real chart: its own env, volumes, mounts, sidecars and scheduling, the
global ones after them, and lists that are null where nothing stands in them.

root      the chart
kind      whose image; or
image     which
name      of the container; further: of the pod's service account and Secret
values    the component's
command, args, env (text), from (text of envFrom), ports, probes (text)
config    name → path: a ConfigMap as a folder
init      text of init containers
mounts, volumes   (text)
resources where they are not the values' own
restart   for Jobs
*/ -}}
{{- define "pod" -}}
{{- $own := .values | default dict }}
{{- $global := .root.Values.global }}
affinity: {{- with $own.affinity }}{{ toYaml . | nindent 2 }}{{ end }}
{{- with coalesce $own.nodeSelector $global.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with coalesce $own.tolerations $global.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.securityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .restart }}
restartPolicy: {{ . }}
{{- end }}
{{- with .dns }}
dnsConfig: {searches: [{{ . | quote }}]}
{{- end }}
initContainers:
  {{- with .init }}{{ . | nindent 2 }}{{ end }}
containers:
  - name: {{ .name }}
    image: {{ if .kind }}{{ include "image" . | quote }}{{ else }}{{ .image | quote }}{{ end }}
    imagePullPolicy: IfNotPresent
    {{- with .command }}
    command: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .args }}
    args: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .port }}
    ports: [{containerPort: {{ . }}}]
    {{- end }}
    env:
      {{- with .env }}{{ trim . | nindent 6 }}{{ end }}
      {{- with $own.env }}{{ toYaml . | nindent 6 }}{{ end }}
    {{- with .from }}
    envFrom:
      - secretRef: {name: {{ . }}}
    {{- end }}
    volumeMounts:
      {{- with .config }}
      - {name: config, mountPath: {{ index . 1 }}, readOnly: true}
      {{- end }}
      {{- with .mounts }}{{ . | nindent 6 }}{{ end }}
      {{- with $own.volumeMounts }}{{ toYaml . | nindent 6 }}{{ end }}
      {{- with $global.volumeMounts }}{{ toYaml . | nindent 6 }}{{ end }}
    {{- with .probes }}{{ . | nindent 4 }}{{ end }}
    resources: {{- .resources | default $own.resources | toYaml | nindent 6 }}
    {{- with $own.containerSecurityContext }}
    securityContext: {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- with .beside }}{{ . | nindent 2 }}{{ end }}
  {{- with $own.sidecars }}{{ toYaml . | nindent 2 }}{{ end }}
  {{- with $global.sidecars }}{{ toYaml . | nindent 2 }}{{ end }}
volumes:
  {{- with .config }}
  - name: config
    configMap: {name: {{ index . 0 }}}
  {{- end }}
  {{- with .volumes }}{{ . | nindent 2 }}{{ end }}
  {{- with $own.volumes }}{{ toYaml . | nindent 2 }}{{ end }}
  {{- with $global.volumes }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}

{{- /* A Deployment around one: what "pod" takes, and component, hook (whether), weight, sum (text that rolls the pods) */ -}}
{{- define "deployment" -}}
{{- $values := .values | default dict }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "fullname" .root }}-{{ .component }}
  labels: {{- include "labels" . | nindent 4 }}
  {{- include "as-hook" (dict "root" .root "on" .hook "weight" .weight) | nindent 2 }}
spec:
  revisionHistoryLimit: {{ .root.Values.revisionHistoryLimit }}
  {{- with .strategy }}
  strategy: {type: {{ . }}}
  {{- end }}
  replicas: {{ .replicas | default $values.replicas | default 1 }}
  selector:
    matchLabels: {{- include "selector" . | nindent 6 }}
  template:
    metadata:
      annotations:
        checksum/config.yaml: {{ .sum | default "" | sha256sum }}
        {{- with $values.annotations }}{{ toYaml . | nindent 8 }}{{ end }}
      labels: {{- include "selector" . | nindent 8 }}
        {{- with $values.podLabels }}{{ toYaml . | nindent 8 }}{{ end }}
    spec: {{- include "pod" . | nindent 6 }}
{{- end }}

{{- /* One partition, one consumer: the old one goes before the new one comes. */ -}}
{{- define "strategy-of-consumer" -}}
{{- .strategyType | default (ternary "Recreate" "RollingUpdate" (and (eq (int .replicas) 1) (not (dig "autoscaling" "enabled" false .)))) }}
{{- end }}

{{- define "probes-by-file" -}}
startupProbe: {exec: {command: [test, -f, /tmp/health.txt]}, periodSeconds: 5, failureThreshold: 60}
{{- if dig "livenessProbe" "enabled" true . }}
livenessProbe:
  exec: {command: [sh, -c, "test $(( $(date +%s) - $(stat -c %Y /tmp/health.txt || echo 0) )) -lt 60"]}
  {{- omit (.livenessProbe | default dict) "enabled" | toYaml | nindent 2 }}
{{- end }}
{{- end }}

{{- /* values, path, port; for Relay another path for readiness */ -}}
{{- define "probes-by-http" -}}
livenessProbe:
  httpGet: {path: {{ .path }}, port: {{ .port }}, scheme: HTTP}
  {{- toYaml .values.livenessProbe | nindent 2 }}
readinessProbe:
  httpGet: {path: {{ .ready | default .path }}, port: {{ .port }}, scheme: HTTP}
  {{- toYaml .values.readinessProbe | nindent 2 }}
{{- end }}

{{- define "service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "fullname" .root }}-{{ .name | default .component }}
  labels: {{- include "labels" . | nindent 4 }}
spec:
  type: {{ .root.Values.service.type }}
  ports: [{name: {{ .root.Values.service.name }}, port: {{ .port }}, targetPort: {{ .to | default .port }}, protocol: TCP}]
  selector: {{- include "selector-of-service" . | nindent 4 }}
{{- end }}
