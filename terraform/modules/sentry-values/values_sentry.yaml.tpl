# Sentry ${profile.app_version} on stores outside the cluster, each over verified TLS: chart ${profile.chart.name} ${chart_version}, profile ${profile.name}, size ${size}.
# Made by terraform/modules/sentry-values. Holds no secret: passwords and keys stand in Kubernetes Secrets that exist beforehand.
# The authority's certificate (${trust}) and the variables naming it reach the containers by the transformer, or by the keys of docs/values.md.

# Not as hooks: Deployments belong to the release, so that upgrades roll, rollbacks reach them and an uninstall removes them.
# At the first installation consumers restart until the migrations are through.
asHook: ${as_hook}
%{ if rules.chart_profiles ~}
profiles: [${is_full ? "feature-complete" : "errors-only"}]
%{ endif ~}

system:
  url: ${jsonencode(url)}
  adminEmail: ${jsonencode(admin_email)}
  public: false

auth:
  register: false # nobody makes an account without an invitation

user:
  create: true
  email: ${jsonencode(admin_email)}
  existingSecret: ${jsonencode(secrets.sentry)}
  existingSecretKey: admin-password

# ---- the stores -----------------------------------------------------------------------------------------------------------------

# No store of the chart's own; each is outside.
%{ for name in profile.left_out ~}
${name}: { enabled: false }
%{ endfor ~}

externalPostgresql:
  host: ${jsonencode(endpoints.postgres.host)}
  port: ${endpoints.postgres.port}
  database: ${jsonencode(endpoints.postgres.database)}
  username: ${jsonencode(endpoints.postgres.username)}
  existingSecret: ${jsonencode(secrets.postgres)}
  existingSecretKeys: { password: password }
  sslMode: verify-full # with PGSSLROOTCERT; "require" would not verify anything

externalRedis:
  host: ${jsonencode(endpoints.redis.host)}
  port: ${endpoints.redis.port}
  db: ${endpoints.redis.db}
  ssl: true
  existingSecret: ${jsonencode(secrets.redis)}
  existingSecretKey: redis-password

externalKafka:
  cluster: ${jsonencode(kafka_hosts)}
  security: { protocol: SASL_SSL }
  sasl:
%{ if rules.kafka_existing_secret ~}
    existingSecret: ${jsonencode(secrets.kafka)}
    existingSecretKeys: { mechanism: mechanism, username: username, password: password }
%{ else ~}
    mechanism: ${jsonencode(endpoints.kafka.mechanism)}
    username: ${jsonencode(endpoints.kafka.username)}
    password: None # the chart's word for "print nothing": it comes as KAFKA_SASL_PASSWORD
%{ endif ~}
%{ if rules.kafka_provisioning_key ~}
  provisioning: { enabled: false } # topics are made before, with their settings, in one request
%{ endif ~}

externalClickhouse:
%{ for name, value in clickhouse ~}
  ${name}: ${jsonencode(value)}
%{ endfor ~}

filestore:
  backend: s3
  s3:
%{ for name, value in filestore ~}
    ${name}: ${jsonencode(value)}
%{ endfor ~}
%{ if rules.profiles_bucket ~}
  profiles: # profiles lie beside the files: both are Sentry's to delete
    backend: s3
    s3:
%{ for name, value in filestore ~}
      ${name}: ${jsonencode(value)}
%{ endfor ~}
%{ endif ~}

%{ if rules.nodestore == "chart" ~}
nodestore:
  backend: s3
  installViaInitContainer: false # that would fetch code at every start of every pod
  s3:
    bucketName: ${jsonencode(endpoints.s3.nodestore.bucket)}
    endpointUrl: ${jsonencode(endpoints.s3.endpoint)}
    regionName: ${jsonencode(endpoints.s3.region)}
    existingSecret: ${jsonencode(secrets.nodestore)}
    accessKeyIdRef: access-key
    secretAccessKeyRef: secret-key
    compression: "True"
    # All three off: events live in the bucket alone, never in Postgres.
    readThrough: "False"
    writeThrough: "False"
    deleteThrough: "False"
    setAwsChecksumCalculationVar: true

%{ endif ~}
%{ if mail != null ~}
mail:
  backend: smtp
  host: ${jsonencode(mail.host)}
  port: ${mail.port}
  # Exclusive: the client verifies chain and name by the public roots and the stores' authority (SSL_CERT_FILE).
  useTls: ${mail.tls == "starttls"}
  useSsl: ${mail.tls == "tls"}
  from: ${jsonencode(mail.from)}
%{ if mail.user != "" ~}
  username: ${jsonencode(mail.user)}
  existingSecret: ${jsonencode(secrets.mail)} # charts#770, chart 17.4.0, 2022-11; still there in 33.7.0, 2026-08
  existingSecretKey: mail-password
%{ endif ~}

%{ endif ~}
%{ if length(tolerations) > 0 ~}
global:
  tolerations: ${jsonencode(tolerations)}

%{ endif ~}
# ---- what runs ------------------------------------------------------------------------------------------------------------------

sentry:
  existingSecret: ${jsonencode(secrets.sentry)}
  existingSecretKey: key
  features:
    enableProfiling: ${is_full}
    enableSessionReplay: ${is_full}
    enableFeedback: ${is_full}
%{ for name, value in profile.features ~}
    ${name}: ${value}
%{ endfor ~}
%{ for name, value in sentry ~}
  ${name}: ${jsonencode(value)}
%{ endfor ~}

snuba:
  rustConsumer: ${rules.rust_consumers}
%{ for name, value in snuba ~}
  ${name}: ${jsonencode(value)}
%{ endfor ~}

relay:
%{ if rules.relay_hook_key ~}
  asHook: ${as_hook} # its own switch, true by default: Relay would be deleted and made anew at each upgrade
%{ endif ~}
%{ for name, value in relay ~}
  ${name}: ${jsonencode(value)}
%{ endfor ~}
  init: { resources: { requests: { cpu: 10m, memory: 64Mi } } }
%{ if rules.relay_config_image_key ~}
  configRender: { image: { repository: ${profile.tool_image.repository}, tag: ${jsonencode(profile.tool_image.tag)} } }
%{ endif ~}
  processing:
    additionalKafkaConfig:
      - { name: ssl.ca.location, value: ${trust}/ca.crt }
      - { name: ssl.endpoint.identification.algorithm, value: https }
%{ if !rules.relay_substitutes ~}
      # This Relay would send the placeholder itself: the file is filled into a Secret before a pod reads it.
      - { name: sasl.password, value: "$${KAFKA_SASL_PASSWORD}" }
%{ endif ~}

%{ if is_full ~}
vroom:
%{ for name, value in vroom ~}
  ${name}: ${jsonencode(value)}
%{ endfor ~}
%{ if rules.vroom_bucket_key ~}
  persistence:
    enabled: false
    bucketString: "${profiles_url}"
%{ endif ~}
  env:
%{ if rules.vroom_env_complete ~}
    # The chart defines these and never uses them.
    - { name: SENTRY_KAFKA_BROKERS_PROFILING, value: ${jsonencode(join(",", endpoints.kafka.brokers))} }
    - { name: SENTRY_KAFKA_BROKERS_OCCURRENCES, value: ${jsonencode(join(",", endpoints.kafka.brokers))} }
    - { name: SENTRY_SNUBA_HOST, value: "http://${release}${strcontains(release, "sentry") ? "" : "-sentry"}-snuba:1218" }
    - { name: SENTRY_BUCKET_PROFILES, value: "${profiles_url}" }
%{ endif ~}
    - { name: AWS_ACCESS_KEY_ID, valueFrom: { secretKeyRef: { name: ${secrets.filestore}, key: access-key } } }
    - { name: AWS_SECRET_ACCESS_KEY, valueFrom: { secretKeyRef: { name: ${secrets.filestore}, key: secret-key } } }
    - { name: SENTRY_KAFKA_SASL_MECHANISM, value: ${endpoints.kafka.mechanism} }
    - { name: SENTRY_KAFKA_SASL_USERNAME, value: ${jsonencode(endpoints.kafka.username)} }
    - { name: SENTRY_KAFKA_SASL_PASSWORD, valueFrom: { secretKeyRef: { name: ${secrets.kafka}, key: password } } }
    - { name: SENTRY_KAFKA_SSL_CA_PATH, value: ${trust}/ca.crt }
    # vroom speaks TLS only if it has a client certificate; a broker that asks for none ignores it.
    - { name: SENTRY_KAFKA_SSL_CERT_PATH, value: ${profile.client_certificate}/tls.crt }
    - { name: SENTRY_KAFKA_SSL_KEY_PATH, value: ${profile.client_certificate}/tls.key }

%{ endif ~}
symbolicator:
  enabled: ${symbolicator.enabled}
%{ if symbolicator.enabled ~}
  api:
    usedeployment: true
%{ for name, value in symbolicator ~}
%{ if name != "enabled" ~}
    ${name}: ${jsonencode(value)}
%{ endif ~}
%{ endfor ~}
%{ endif ~}

hooks:
  activeDeadlineSeconds: 1800
  removeOnSuccess: true
  dbCheck:
    image: { repository: ${profile.tool_image.repository}, tag: ${jsonencode(profile.tool_image.tag)} }
%{ for name, value in hooks ~}
  ${name}: ${jsonencode(value)}
%{ endfor ~}

%{ if length(profile.images) + length(images) > 0 ~}
images:
%{ for name, value in merge(profile.images, images) ~}
  ${name}: ${jsonencode(value)}
%{ endfor ~}

%{ endif ~}
ingress:
  enabled: ${ingress != null}
%{ if ingress != null ~}
  ingressClassName: ${jsonencode(ingress.class_name)}
  hostname: ${jsonencode(ingress.hostname)}
  annotations: ${jsonencode(ingress.annotations)}
  tls: [{ secretName: ${jsonencode(ingress.tls_secret)}, hosts: [${jsonencode(ingress.hostname)}] }]
%{ endif ~}
%{ if gateway != null ~}

route: # attached to a Gateway that ends HTTPS; the redirect from HTTP is the Gateway's too
  main:
    enabled: true
    hostnames: [${jsonencode(gateway.hostname)}]
    parentRefs:
      - name: ${jsonencode(gateway.name)}
        namespace: ${jsonencode(gateway.namespace)}
%{ if gateway.listener != null ~}
        sectionName: ${jsonencode(gateway.listener)}
%{ endif ~}
%{ endif ~}

%{ if length(profile.values) > 0 ~}
%{ for name, value in profile.values ~}
${name}: ${jsonencode(value)}
%{ endfor ~}

%{ endif ~}
# ---- what the chart has no key for ----------------------------------------------------------------------------------------------

config:
  # Goes on with the chart's `processing`, hence two spaces in front. Relay then asks for every topic at its start and ends if one is missing
  # or Kafka cannot be reached; without it, it is ready, takes events and loses them.
  relay: "  kafka_validate_topics: true"
  sentryConfPy: |
    # Kafka: librdkafka in Python's wheels reads no SSL_CERT_FILE. The same dictionary is KAFKA_CLUSTERS["default"].
    DEFAULT_KAFKA_OPTIONS["common"].update({
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": "${trust}/ca.crt",
        "ssl.endpoint.identification.algorithm": "https",
%{ if !rules.kafka_existing_secret ~}
        "sasl.password": os.environ["KAFKA_SASL_PASSWORD"],
%{ endif ~}
    })
%{ if rules.celery_broker ~}

    # Celery's broker: kombu verifies a rediss:// URL only if the URL says so.
    from urllib.parse import quote
    BROKER_URL = "rediss://:%s@${endpoints.redis.host}:${endpoints.redis.port}/${endpoints.redis.db}?%s" % (
        quote(os.environ["REDIS_PASSWORD"], safe=""),
        "ssl_cert_reqs=CERT_REQUIRED&ssl_check_hostname=true&ssl_ca_certs=${trust}/ca.crt",
    )
%{ endif ~}
%{ if kit_nodestore ~}

    # Events go to their own private bucket, with their own key (KIT_NODESTORE_ACCESS_KEY, KIT_NODESTORE_SECRET_KEY), never to Postgres.
    SENTRY_NODESTORE = "kit_nodestore.S3NodeStorage"
    SENTRY_NODESTORE_OPTIONS = {
        "bucket": ${jsonencode(endpoints.s3.nodestore.bucket)},
        "endpoint": ${jsonencode(endpoints.s3.endpoint)},
        "region": ${jsonencode(endpoints.s3.region)},
        "addressing_style": ${jsonencode(endpoints.s3.addressing_style)},
        "ca_certs": "${trust}/bundle.crt",
    }
%{ endif ~}
%{ if is_https ~}

    # TLS ends in front of the web pods.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SOCIAL_AUTH_REDIRECT_IS_HTTPS = True
    CSRF_TRUSTED_ORIGINS = [${jsonencode(url)}]
%{ endif ~}
  snubaSettingsPy: |
    # ClickHouse and Kafka, verified. Executed after the chart's own lines, so that no unset variable can leave TLS off.
    CLUSTERS[0].update({
        "secure": True,
        "verify": True,
        "ca_certs": "${trust}/ca.crt",
        "port": ${endpoints.clickhouse.native_port}, # native
        "http_port": ${endpoints.clickhouse.https_port}, # the Rust consumers, and all of Snuba from 26.9 on
    })
    BROKER_CONFIG.update({"security.protocol": "SASL_SSL", "ssl.ca.location": "${trust}/ca.crt"})

    # The chart would read database 0 as "not given" and take 1.
    REDIS_DB = ${endpoints.redis.db}
    REDIS_SSL = True

    # As long as Sentry itself keeps events.
    DEFAULT_RETENTION_DAYS = ${retention}
    LOWER_RETENTION_DAYS = ${min(30, retention)}
    VALID_RETENTION_DAYS = {${join(", ", sort([for days in distinct([30, 90, retention]) : format("%d", days)]))}}
