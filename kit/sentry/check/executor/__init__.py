"""Run a component's rendered configuration and tell which connections its clients would really make, and which topics it names.

A look at the text misses what matters: `env("CLICKHOUSE_SECURE", False)` is plaintext when nobody sets the variable, and a later
line may undo an earlier one. So the Python is executed, against stand-ins for `sentry.conf.server` and `snuba.settings`, with the
container's own variables; Relay's file and the variables of taskbroker and vroom are read the way those programs read them.

The package needs nothing but the standard library (PyYAML only where a source is YAML and not JSON), so it can be shipped alone:
`values check` runs it with placeholders in place of secrets, the preflight inside the cluster with the true variables.

    execute.execute(kind, source, env, version="25.2.0", options="", command=(), files=None) -> Result
        source   the text of the settings file, "" where there is none; `options` the text of Sentry's config.yml
        version  of the program, which decides what it reads; "" is taken for the newest
        command  the words that the container is started with: they choose a consumer, and so its topics and clients
        files    mounted files that Relay reads by `${file:…}`, path → text, or None where nobody can tell; without it the disk

Result (everything JSON; the passwords in it are whatever `env` held, so only a caller that gave placeholders may print it):
    {"kind": "sentry",
     "error": null | "NameError: name 'x' is not defined (line 12)" | why the program itself would not start,
     "settings": {"retention_days": 90, "nodestore": "…class path…", …}, what is not a connection but worth a rule:
                 Sentry  retention_days nodestore eventstream errors_only secret_key mail {host, port, use-tls, …}
                 Relay   processing kafka_validate_topics untold [values that cannot be told before the pod runs]
                 vroom, uptime-checker   unread [variables that are set and that this release does not read]
     "connections": [Connection, …], "topics": [Topic, …]}      mostly empty beside an error

Topic: {"name": …, "role": …, "use": the setting or command it comes from}, role one of
    consumed, produced, dead-letter, retried (taskbroker), routed (Sentry's tasks), renamed (what an override leads to)

Connection, one shape for five stores:
    store      "postgres" | "redis" | "kafka" | "clickhouse" | "s3"      (or "rabbitmq", "memory": what should not be there)
    client     the library and so its habits: "psycopg2" "redis-py" "kombu" "confluent-kafka" "clickhouse-driver" (native)
               "clickhouse-http" "clickhouse-rust" (Snuba's Rust writer, HTTP) "boto3" "rdkafka" (Relay, taskbroker, Rust Snuba)
               "redis-rs" (Relay, uptime-checker) "sqlx" (taskbroker) "segmentio-kafka" "gocloud" (vroom)
    use        the setting it comes from, for messages: "DATABASES.default", "filestore.options", "CLUSTERS.0.port"
    addresses  [["host", port], …], more than one for Kafka and for Redis in cluster mode; [] when none is configured
    user, password     str | null; for S3 the access key and the secret key
    tls        {"on": bool,
                "verify": "full" (chain and name) | "chain" (redis-py does not look at the name) | "none",
                "ca": path | null (the image's own store),
                "ca_from": the setting or variable the path comes from | null}
    options    what else the client is given: {"database": …}, {"db": 0, "cluster": false}, {"bucket": …, "acl": …,
               "addressing": …, "signature": …, "region": …, "endpoint": …, "class": …}, or Kafka's whole option map: enough for
               the same client; "proxy": the variable and the proxy through which it would go
Which client reads which variable, and who only pretends to verify, was measured: see docs/chart-lines.md.
"""
