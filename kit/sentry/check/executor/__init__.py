"""Run a component's rendered configuration and tell which connections its clients would really make.

A look at the text misses what matters: `env("CLICKHOUSE_SECURE", False)` is plaintext when nobody sets the variable, and a later
line may undo an earlier one. So the Python is executed, against stand-ins for `sentry.conf.server` and `snuba.settings`, with the
container's own variables; Relay's file and the variables of taskbroker and vroom are read the way those programs read them.

The package needs nothing but the standard library (PyYAML only where a source is YAML and not JSON), so it can be shipped alone:
`values check` runs it with placeholders in place of secrets, the preflight inside the cluster with the true variables.

    execute.execute(kind, source, env, version="25.2.0", options="") -> Result     as a library; `source` is "" where there is no
                                                               file, `options` the text of Sentry's config.yml
    program.main()                                             as a program, which may open no socket and write no file:
                                                               request on stdin, answer on stdout
        request  {"runs":    {id: {"kind": …, "source": …, "env": {…}, "version": …, "options": …}}}
        answer   {"results": {id: Result}}

Result (everything JSON; the passwords in it are whatever `env` held, so only a caller that gave placeholders may print it):
    {"kind": "sentry",
     "error": null | "NameError: name 'x' is not defined (line 12)",      no connections then
     "settings": {"retention_days": 90, "nodestore": "…class path…", …}, what is not a connection but worth a rule
     "connections": [Connection, …]}

Connection, one shape for five stores:
    store      "postgres" | "redis" | "kafka" | "clickhouse" | "s3"      (or "rabbitmq", "memory": what should not be there)
    client     the library and so its habits: "psycopg2" "redis-py" "kombu" "confluent-kafka" "clickhouse-driver"
               "clickhouse-http" "boto3" "rdkafka" (Relay, taskbroker) "redis-rs" (Relay, uptime-checker) "sqlx" (taskbroker)
               "segmentio-kafka" "gocloud" (vroom)
    use        the setting it comes from, for messages: "DATABASES.default", "filestore.options", "CLUSTERS.0.port"
    addresses  [["host", port], …], more than one for Kafka only; [] when none is configured
    user, password     str | null; for S3 the access key and the secret key
    tls        {"on": bool,
                "verify": "full" (chain and name) | "chain" (redis-py does not look at the name) | "none",
                "ca": path | null (the image's own store),
                "ca_from": the setting or variable the path comes from | null}
    options    what else the client is given: {"database": …}, {"db": 0}, {"bucket": …, "acl": …, "addressing": …, "signature": …,
               "region": …, "endpoint": …, "class": …}, or Kafka's whole option map: enough for the same client
Which client reads which variable, and who only pretends to verify, was measured: see docs/chart-lines.md.
"""
