"""Run a component's rendered configuration and tell which connections its clients would really make.

A look at the text misses what matters: `env("CLICKHOUSE_SECURE", False)` is plaintext when nobody sets the variable, and a later
line may undo an earlier one. So the Python is executed, against stand-ins for `sentry.conf.server` and `snuba.settings`, with the
container's own variables; Relay's file and the variables of taskbroker and vroom are read the way those programs read them.

This file needs nothing but the standard library (PyYAML only where a source is YAML and not JSON), so it can be shipped alone:
`values check` runs it with placeholders in place of secrets, the preflight inside the cluster with the true variables.

    execute(kind, source, env, version="25.2.0", options="") -> Result     as a library; `source` is "" where there is no file,
                                                               `options` the text of Sentry's config.yml beside sentry.conf.py
    python -I execute_settings.py < request > answer           as a program, which may open no socket and write no file
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

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import importlib.machinery
import json
import os
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

KINDS = ("sentry", "snuba", "relay", "taskbroker", "vroom", "uptime-checker")
# Packages of the images that settings may import; they are not installed here. Anything else that is missing is an error.
STOOD_IN = ("sentry", "snuba", "arroyo", "celery", "kombu", "django", "distutils", "sentry_sdk", "rest_framework")
DEFAULT_PORTS = {
    "postgres": 5432,
    "redis": 6379,
    "rediss": 6379,
    "kafka": 9092,
    "http": 80,
    "https": 443,
    "amqp": 5672,
    "amqps": 5671,
}
CELERY_GONE = (25, 12)  # chart 28.0.0, Sentry 25.12.1: taskbroker in place of Celery
RELAY_EXPANDS = (25, 5)  # relay#4750: before it, "${VAR}" in the file is sent to the server as it stands

Options = Mapping[str, Any]
Connection = dict[str, Any]


def execute(kind: str, source: str, env: Mapping[str, str], version: str = "", options: str = "") -> dict[str, Any]:
    """One component's connections; never raises for what the configuration does wrong, that is in `error`."""
    result: dict[str, Any] = {"kind": kind, "error": None, "settings": {}, "connections": []}
    try:
        reader = functools.partial(_sentry, given=options) if kind == "sentry" else READERS[kind]
        result["settings"], result["connections"] = reader(source, env, _version(version))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: settings may say anything
        result["error"] = _said(error)
    return _plain(result)  # type: ignore[no-any-return]


# ── Sentry ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sentry(source: str, env: Mapping[str, str], version: tuple[int, ...], given: str = "") -> tuple[Options, list[Connection]]:
    base = _sentry_defaults(version)
    found = _run(source, env, {"sentry.conf.server": base, "distutils.util": {"strtobool": _strtobool}})
    # What config.yml says is stored over what the Python says (bootstrap_options in sentry/runner/initializer.py).
    options = {**found["SENTRY_OPTIONS"], **(_load(given) or {} if given.strip() else {})}
    connections = [_postgres(name, database, env) for name, database in found["DATABASES"].items()]
    for name, cluster in options.get("redis.clusters", {}).items():
        connections += _redis_cluster(name, cluster, env)
    if found.get("BROKER_URL") is not None:
        connections.append(_broker(found["BROKER_URL"], found.get("BROKER_USE_SSL"), env))
    for name, cluster in found["KAFKA_CLUSTERS"].items():
        connections += _sentry_kafka(name, cluster)
    for use in ("filestore", "filestore.profiles", "replay.storage"):
        connections += _filestore(use, options, env)
    connections += _nodestore(found["SENTRY_NODESTORE"], found["SENTRY_NODESTORE_OPTIONS"], env)
    settings = {
        "retention_days": options.get("system.event-retention-days"),
        "nodestore": found["SENTRY_NODESTORE"],
        "eventstream": found["SENTRY_EVENTSTREAM"],
        "errors_only": bool(found.get("SENTRY_SELF_HOSTED_ERRORS_ONLY", False)),
        "secret_key": options.get("system.secret-key"),
    }
    return settings, connections


def _sentry_defaults(version: tuple[int, ...]) -> dict[str, Any]:
    """What the chart's file and ours rely on of `sentry.conf.server`; a store that is left out shows by its own default."""
    defaults: dict[str, Any] = {
        "os": os,
        "sys": sys,
        "env": _sentry_env,
        "SENTRY_OPTIONS": {},
        "SENTRY_DEFAULT_OPTIONS": {},
        "SENTRY_FEATURES": {},
        "DATABASES": {"default": {"ENGINE": "sentry.db.postgres", "NAME": "sentry", "HOST": "", "PORT": ""}},
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
        "KAFKA_CLUSTERS": {"default": {"common": {"bootstrap.servers": "127.0.0.1:9092"}}},
        "KAFKA_TOPIC_OVERRIDES": {},
        "KAFKA_TOPIC_TO_CLUSTER": {},
        "SENTRY_EVENTSTREAM": "sentry.eventstream.snuba.SnubaEventStream",
        "SENTRY_EVENTSTREAM_OPTIONS": {},
        "SENTRY_NODESTORE": "sentry.nodestore.django.DjangoNodeStorage",
        "SENTRY_NODESTORE_OPTIONS": {},
        "SENTRY_CACHE": None,
        "LOGGING": {"handlers": {}, "loggers": {}, "root": {}},
        "INSTALLED_APPS": (),
        "MIDDLEWARE": (),
        "TEMPLATES": [],
        "AUTHENTICATION_BACKENDS": (),
        "CELERY_IMPORTS": (),
        "CELERY_QUEUES": [],
        "CELERYBEAT_SCHEDULE": {},
        "SENTRY_DISALLOWED_IPS": (),
        "SENTRY_SCOPES": set(),
        "ALLOWED_HOSTS": ["*"],
    }
    if version and version < CELERY_GONE:
        defaults["BROKER_URL"] = "redis://127.0.0.1:6379"
    return defaults


def _sentry_env(key: str, default: Any = "", type: Callable[[Any], Any] | None = None) -> Any:
    value = os.environ.get(key, default)
    return type(value) if type is not None else value


def _postgres(name: str, database: Options, env: Mapping[str, str]) -> Connection:
    """psycopg2, and so libpq: its own variables hold where Django gives no option."""
    options = dict(database.get("OPTIONS") or {})
    return _connection(
        "postgres",
        "psycopg2",
        f"DATABASES.{name}",
        [[database.get("HOST") or env.get("PGHOST") or "", _number(database.get("PORT") or env.get("PGPORT"), 5432)]],
        database.get("USER") or env.get("PGUSER"),
        database.get("PASSWORD") or env.get("PGPASSWORD"),
        _libpq_tls(options, env),
        {"database": database.get("NAME"), **options},
    )


def _libpq_tls(options: Options, env: Mapping[str, str]) -> dict[str, Any]:
    mode = str(options.get("sslmode") or env.get("PGSSLMODE") or "prefer")
    verify = {"verify-full": "full", "verify-ca": "chain"}.get(mode, "none")
    ca, source = _first(("sslrootcert", options.get("sslrootcert")), ("PGSSLROOTCERT", env.get("PGSSLROOTCERT")))
    # prefer and allow give in to a server, or to somebody in between, that says no to TLS
    return {"on": mode in ("require", "verify-ca", "verify-full"), "verify": verify, "ca": ca, "ca_from": source}


def _redis_cluster(name: str, cluster: Any, env: Mapping[str, str]) -> list[Connection]:
    """rb and redis-py: certificates are required by default, the name is not looked at (measured with 3.4.1 and 4.5.4)."""
    hosts = cluster.get("hosts", {}) if isinstance(cluster, Mapping) else {}
    found = []
    for number, host in hosts.items() if isinstance(hosts, Mapping) else enumerate(hosts):
        given = host.get("ssl_options") or {}
        requires = str(given.get("cert_reqs", host.get("ssl_cert_reqs", "required"))).lower()
        tls = _redis_tls(bool(host.get("ssl")), "none" not in requires, given.get("ca_certs") or host.get("ssl_ca_certs"), env)
        addresses = [[host.get("host", "localhost"), _number(host.get("port"), 6379)]]
        use = f"redis.clusters.{name}.{number}"
        options = {"db": _number(host.get("db"), 0)}
        found.append(_connection("redis", "redis-py", use, addresses, host.get("username"), host.get("password"), tls, options))
    return found


def _redis_tls(on: bool, verifies: bool, ca: Any, env: Mapping[str, str]) -> dict[str, Any]:
    path, source = _first(("ssl_ca_certs", ca), ("SSL_CERT_FILE", env.get("SSL_CERT_FILE")))
    return {"on": on, "verify": "chain" if on and verifies else "none", "ca": path, "ca_from": source}


def _broker(url: str, use_ssl: Any, env: Mapping[str, str]) -> Connection:
    """kombu: a plain rediss:// accepts any certificate; only `ssl_cert_reqs` in the URL or BROKER_USE_SSL makes it verify."""
    parts = urlsplit(str(url))
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    given = use_ssl if isinstance(use_ssl, Mapping) else {}
    requires = str(query.get("ssl_cert_reqs", given.get("ssl_cert_reqs", "none"))).upper()
    verifies = requires.rpartition(".")[2].removeprefix("CERT_") in ("REQUIRED", "2")
    on = parts.scheme in ("rediss", "amqps") or bool(use_ssl)
    tls = _redis_tls(on, verifies, query.get("ssl_ca_certs") or given.get("ssl_ca_certs"), env)
    store = {"redis": "redis", "rediss": "redis", "memory": "memory"}.get(parts.scheme, "rabbitmq")
    options = {"db": _number(parts.path.strip("/"), 0)} if store == "redis" else {}
    return _connection(store, "kombu", "BROKER_URL", _address(parts), *_login(parts), tls, options)


def _sentry_kafka(name: str, cluster: Options) -> list[Connection]:
    """Producers, consumers and the admin client each get `common` and their own part.

    With the old flat form only producers get the options; the others get the addresses alone (self-hosted#2459).
    """
    roles = ("producers", "consumers", "admin")
    if not any(part in cluster for part in ("common", *roles)):
        addresses_only = {key: value for key, value in cluster.items() if key == "bootstrap.servers"}
        each: dict[str, Options] = {role: cluster if role == "producers" else addresses_only for role in roles}
    else:
        each = {role: {**(cluster.get("common") or {}), **(cluster.get(role) or {})} for role in roles}
    if each["producers"] == each["consumers"] == each["admin"]:
        return [_kafka("confluent-kafka", f"KAFKA_CLUSTERS.{name}", each["producers"])]
    return [_kafka("confluent-kafka", f"KAFKA_CLUSTERS.{name} {role}", options) for role, options in each.items()]


def _filestore(use: str, options: Options, env: Mapping[str, str]) -> list[Connection]:
    """`filestore.backend` and `.options`, `filestore.profiles-backend` and `-options`: the second half hangs on differently."""
    join = "-" if use == "filestore.profiles" else "."
    backend, given = options.get(f"{use}{join}backend"), options.get(f"{use}{join}options") or {}
    if backend != "s3":
        return []
    # The class's own default, sentry/filestore/s3.py, is public-read.
    facts = {
        "bucket": given.get("bucket_name"),
        "acl": given.get("default_acl", "public-read"),
        "region": given.get("region_name"),
    }
    facts |= {"addressing": given.get("addressing_style"), "signature": given.get("signature_version")}
    ca = _first(("AWS_CA_BUNDLE", env.get("AWS_CA_BUNDLE")), ("REQUESTS_CA_BUNDLE", env.get("REQUESTS_CA_BUNDLE")))
    return [
        _s3(f"{use}{join}options", given.get("endpoint_url"), given.get("access_key"), given.get("secret_key"), True, ca, facts)
    ]


def _nodestore(backend: str, given: Options, env: Mapping[str, str]) -> list[Connection]:
    if backend.startswith("sentry.nodestore."):  # Sentry's own: Postgres, or Google's Bigtable
        return []
    variables = ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"]
    if backend.startswith("sentry_nodestore_s3."):
        variables.insert(0, "DEFAULT_CA_BUNDLE")  # that package's own variable; botocore does not know it
    named = [(name, given.get(name)) for name in ("ca_bundle", "ca_certs")]
    ca = _first(*named, *((name, env.get(name)) for name in variables))
    acl = given.get("default_acl") or given.get("acl")
    facts = {"class": backend, "bucket": given.get("bucket_name") or given.get("bucket"), "acl": acl}
    facts |= {"region": given.get("region_name") or given.get("region"), "path": given.get("bucket_path")}
    facts |= {"addressing": given.get("addressing_style"), "signature": given.get("signature_version")}
    keys = (
        given.get("aws_access_key_id") or given.get("access_key"),
        given.get("aws_secret_access_key") or given.get("secret_key"),
    )
    if backend.startswith("kit_nodestore."):  # kind/nodestore: its key pair stands in no settings
        keys = env.get("KIT_NODESTORE_ACCESS_KEY"), env.get("KIT_NODESTORE_SECRET_KEY")
    endpoint = given.get("endpoint_url") or given.get("endpoint")
    return [_s3("SENTRY_NODESTORE_OPTIONS", endpoint, *keys, not given.get("skip_tls_verify"), ca, facts)]


def _s3(use: str, endpoint: Any, user: Any, password: Any, verifies: bool, ca: tuple[Any, Any], facts: Options) -> Connection:
    parts = urlsplit(str(endpoint)) if endpoint else None  # without one boto3 goes to Amazon, over https
    on = parts is None or parts.scheme == "https"
    tls = {"on": on, "verify": "full" if on and verifies else "none", "ca": ca[0], "ca_from": ca[1]}
    return _connection("s3", "boto3", use, _address(parts) if parts else [], user, password, tls, {**facts, "endpoint": endpoint})


# ── Snuba ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _snuba(source: str, env: Mapping[str, str], version: tuple[int, ...]) -> tuple[Options, list[Connection]]:
    found = _run(source, env, {"snuba.settings": _snuba_defaults(env)})
    connections = []
    for number, cluster in enumerate(found["CLUSTERS"]):
        connections += _clickhouse(number, cluster, env)
    own = {name: cluster for name, cluster in found["REDIS_CLUSTERS"].items() if cluster}
    default = {key: found[f"REDIS_{key.upper()}"] for key in ("host", "port", "password", "db", "ssl")}
    if len(own) < len(found["REDIS_CLUSTERS"]) or not own:
        own["default"] = default
    for name, cluster in own.items():
        tls = _redis_tls(bool(cluster.get("ssl")), True, None, env)  # snuba/redis.py passes no path on
        addresses = [[cluster["host"], _number(cluster["port"], 6379)]]
        options = {"db": _number(cluster.get("db"), 0)}
        connections.append(
            _connection("redis", "redis-py", f"REDIS {name}", addresses, None, cluster.get("password"), tls, options)
        )
    connections.append(_kafka("confluent-kafka", "BROKER_CONFIG", found["BROKER_CONFIG"]))
    connections += [_kafka("confluent-kafka", f"KAFKA_BROKER_CONFIG.{t}", o) for t, o in found["KAFKA_BROKER_CONFIG"].items()]
    return {"debug": bool(found["DEBUG"])}, connections


def _snuba_defaults(env: Mapping[str, str]) -> dict[str, Any]:
    """`snuba/settings/__init__.py` as far as it names a store, with its own variables and fallbacks."""
    cluster = {
        "host": env.get("CLICKHOUSE_HOST", "127.0.0.1"),
        "port": int(env.get("CLICKHOUSE_PORT") or 9000),
        "user": env.get("CLICKHOUSE_USER", "default"),
        "password": env.get("CLICKHOUSE_PASSWORD", ""),
        "database": env.get("CLICKHOUSE_DATABASE", "default"),
        "http_port": int(env.get("CLICKHOUSE_HTTP_PORT") or 8123),
        "secure": env.get("CLICKHOUSE_SECURE", "False").lower() in ("true", "1"),
        "ca_certs": env.get("CLICKHOUSE_CA_CERTS"),
        "verify": env.get("CLICKHOUSE_VERIFY"),
        "storage_sets": set(),
        "single_node": True,
    }
    broker = {
        "bootstrap.servers": env.get("DEFAULT_BROKERS", "127.0.0.1:9092"),
        "security.protocol": env.get("KAFKA_SECURITY_PROTOCOL", "plaintext"),
        "ssl.ca.location": env.get("KAFKA_SSL_CA_PATH", ""),
        "ssl.certificate.location": env.get("KAFKA_SSL_CERT_PATH", ""),
        "ssl.key.location": env.get("KAFKA_SSL_KEY_PATH", ""),
        "sasl.mechanism": env.get("KAFKA_SASL_MECHANISM"),
        "sasl.username": env.get("KAFKA_SASL_USERNAME"),
        "sasl.password": env.get("KAFKA_SASL_PASSWORD"),
    }
    uses = ("cache", "rate_limiter", "subscription_store", "replacements_store", "config", "dlq", "optimize", "admin_auth")
    return {
        "os": os,
        "DEBUG": False,
        "CLUSTERS": [cluster],
        "REDIS_HOST": env.get("REDIS_HOST", "127.0.0.1"),
        "REDIS_PORT": int(env.get("REDIS_PORT") or 6379),
        "REDIS_PASSWORD": env.get("REDIS_PASSWORD"),
        "REDIS_DB": int(env.get("REDIS_DB") or 1),
        "REDIS_SSL": bool(env.get("REDIS_SSL")),
        "REDIS_CLUSTERS": dict.fromkeys(uses),
        "BROKER_CONFIG": broker,
        "KAFKA_BROKER_CONFIG": {},
        "KAFKA_TOPIC_MAP": {},
        "TOPIC_PARTITION_COUNTS": {},
        "SENTRY_DSN": None,
        "SKIPPED_MIGRATION_GROUPS": set(),
    }


def _clickhouse(number: int, cluster: Options, env: Mapping[str, str]) -> list[Connection]:
    """Up to 26.8 a native port and an HTTP port; at 26.9 `port` is the HTTP port and there is no other."""
    on, verifies = bool(cluster.get("secure")), bool(cluster.get("verify"))  # raw values: "False" is true, "" is not
    ca, source = _first(("ca_certs", cluster.get("ca_certs")), ("SSL_CERT_FILE", env.get("SSL_CERT_FILE")))
    tls = {"on": on, "verify": "full" if on and verifies else "none", "ca": ca, "ca_from": source}
    options = {key: cluster.get(key) for key in ("database", "single_node", "cluster_name", "distributed_cluster_name")}
    ports = [("clickhouse-driver", "port"), ("clickhouse-http", "http_port")]
    if "http_port" not in cluster:
        ports = [("clickhouse-http", "port")]
    return [
        _connection(
            "clickhouse",
            client,
            f"CLUSTERS.{number}.{key}",
            [[cluster.get("host", ""), _number(cluster.get(key), 0)]],
            cluster.get("user"),
            cluster.get("password"),
            dict(tls),
            dict(options),
        )
        for client, key in ports
    ]


# ── programs that are not Python ───────────────────────────────────────────────────────────────────────────────────────────


def _relay(source: str, env: Mapping[str, str], version: tuple[int, ...]) -> tuple[Options, list[Connection]]:
    """Relay's config.yml, then its variables, which win (relay/src/cli.rs). redis-rs and librdkafka verify chain and name."""
    document = _expanded(_load(source), env if not version or version >= RELAY_EXPANDS else {})
    processing = document.get("processing") or {}
    connections = []
    lists = {"kafka_config": processing.get("kafka_config") or []}
    lists |= {f"secondary_kafka_configs.{k}": v for k, v in (processing.get("secondary_kafka_configs") or {}).items()}
    for use, entries in lists.items():
        options = {entry["name"]: entry["value"] for entry in entries}
        if use == "kafka_config" and env.get("RELAY_KAFKA_BROKER_URL"):
            options["bootstrap.servers"] = env["RELAY_KAFKA_BROKER_URL"]
        connections.append(_kafka("rdkafka", f"processing.{use}", options))
    for use, url in _relay_redis(processing.get("redis"), env.get("RELAY_REDIS_URL")):
        connections.append(_redis_rs(use, url, env.get("SSL_CERT_FILE")))
    return {"processing": processing.get("enabled", False)}, connections


def _relay_redis(given: Any, override: str | None) -> list[tuple[str, str]]:
    """One URL, one mapping with `server`, or one of these for each use."""
    if override:
        return [("RELAY_REDIS_URL", override)]
    if not isinstance(given, Mapping):
        return [("processing.redis", str(given or ""))]
    if "server" in given:
        return [("processing.redis", str(given["server"]))]
    return [
        (f"processing.redis.{use}", str(part.get("server") if isinstance(part, Mapping) else part)) for use, part in given.items()
    ]


def _redis_rs(use: str, url: str, ca: str | None) -> Connection:
    parts = urlsplit(url)
    on = parts.scheme == "rediss"
    verify = "full" if on and parts.fragment != "insecure" else "none"
    tls = {"on": on, "verify": verify, "ca": ca, "ca_from": "SSL_CERT_FILE" if ca else None}
    return _connection("redis", "redis-rs", use, _address(parts), *_login(parts), tls, {"db": _number(parts.path.strip("/"), 0)})


def _taskbroker(source: str, env: Mapping[str, str], version: tuple[int, ...]) -> tuple[Options, list[Connection]]:
    """A YAML file, then TASKBROKER_* variables; `__` nests, keys in lower case (figment). Before 0.18 flat names, twice over."""
    document = _load(source) if source.strip() else {}
    tree = _nested(document, {k.removeprefix("TASKBROKER_"): v for k, v in env.items() if k.startswith("TASKBROKER_")})
    connections = [
        _taskbroker_kafka(f"kafka_clusters.{n}", c, "address", "") for n, c in (tree.get("kafka_clusters") or {}).items()
    ]
    if not connections:
        connections = [_taskbroker_kafka("kafka_cluster", tree, "kafka_cluster", "kafka_")]
        dead = {"kafka_deadletter_cluster": tree.get("kafka_cluster"), **tree}
        connections.append(_taskbroker_kafka("kafka_deadletter_cluster", dead, "kafka_deadletter_cluster", "kafka_deadletter_"))
    return {}, connections + _taskbroker_postgres(tree, env)


def _taskbroker_postgres(tree: Options, env: Mapping[str, str]) -> list[Connection]:
    """Activations in Postgres instead of SQLite: a URL at first, parts from chart 33.7 on. sqlx reads libpq's variables."""
    pg = (tree.get("store") or {}).get("pg") if (tree.get("store") or {}).get("adapter") == "postgres" else None
    if pg is not None:
        query = {key: values[-1] for key, values in parse_qs(pg.get("query_params") or "").items()}
        address = [[pg.get("host", ""), _number(pg.get("port"), 5432)]]
        options = {"database": pg.get("database_name"), **query}
        login = pg.get("username"), pg.get("password", "password")
        return [_connection("postgres", "sqlx", "store.pg", address, *login, _libpq_tls(query, env), options)]
    if not tree.get("pg_url"):
        return []
    parts = urlsplit(str(tree["pg_url"]))
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    options = {"database": parts.path.strip("/") or tree.get("pg_database_name"), **query}
    return [_connection("postgres", "sqlx", "pg_url", _address(parts), *_login(parts), _libpq_tls(query, env), options)]


def _taskbroker_kafka(use: str, tree: Options, address: str, prefix: str) -> Connection:
    keys = {"security_protocol": "security.protocol", "sasl_mechanism": "sasl.mechanism", "sasl_username": "sasl.username"}
    keys |= {"sasl_password": "sasl.password", "ssl_ca_location": "ssl.ca.location"}
    options = {name: tree[prefix + key] for key, name in keys.items() if tree.get(prefix + key) is not None}
    return _kafka("rdkafka", use, {"bootstrap.servers": tree.get(address) or "127.0.0.1:9092", **options})


def _nested(document: Any, flat: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(json.dumps(document or {}))
    for name, value in flat.items():
        *path, last = name.lower().split("__")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return tree


def _vroom(source: str, env: Mapping[str, str], version: tuple[int, ...]) -> tuple[Options, list[Connection]]:
    """vroom turns TLS on only when a client certificate and its key are given; with a CA alone it speaks plaintext."""
    names = sorted(name for name in env if name.startswith("SENTRY_KAFKA_BROKERS_")) or ["SENTRY_KAFKA_BROKERS_PROFILING"]
    on = bool(env.get("SENTRY_KAFKA_SSL_CERT_PATH") and env.get("SENTRY_KAFKA_SSL_KEY_PATH"))
    ca = env.get("SENTRY_KAFKA_SSL_CA_PATH") or env.get("SSL_CERT_FILE")
    source_of_ca = "SENTRY_KAFKA_SSL_CA_PATH" if env.get("SENTRY_KAFKA_SSL_CA_PATH") else "SSL_CERT_FILE" if ca else None
    user, password = env.get("SENTRY_KAFKA_SASL_USERNAME"), env.get("SENTRY_KAFKA_SASL_PASSWORD")
    mechanism = env.get("SENTRY_KAFKA_SASL_MECHANISM", "")
    options: dict[str, Any] = {
        "security.protocol": ("SASL_" if mechanism else "") + ("SSL" if on else "PLAINTEXT"),
        "sasl.mechanism": mechanism,
    }
    options |= {
        "ssl.certificate.location": env.get("SENTRY_KAFKA_SSL_CERT_PATH"),
        "ssl.key.location": env.get("SENTRY_KAFKA_SSL_KEY_PATH"),
    }
    connections = []
    for name in names:
        tls = {"on": on, "verify": "full" if on else "none", "ca": ca, "ca_from": source_of_ca}
        addresses = _brokers(env.get(name, "localhost:9092"))
        connections.append(_connection("kafka", "segmentio-kafka", name, addresses, user, password, tls, dict(options)))
    bucket = urlsplit(env.get("SENTRY_BUCKET_PROFILES", ""))
    if bucket.scheme == "s3":
        query = {key: values[-1] for key, values in parse_qs(bucket.query).items()}
        endpoint = query.get("endpoint")
        trust = _first(("SSL_CERT_FILE", env.get("SSL_CERT_FILE")))
        facts = {"bucket": bucket.hostname, "acl": None, "region": query.get("region"), "addressing": None, "signature": None}
        keys = env.get("AWS_ACCESS_KEY_ID"), env.get("AWS_SECRET_ACCESS_KEY")
        connections.append({**_s3("SENTRY_BUCKET_PROFILES", endpoint, *keys, True, trust, facts), "client": "gocloud"})
    return {}, connections


def _uptime(source: str, env: Mapping[str, str], version: tuple[int, ...]) -> tuple[Options, list[Connection]]:
    """uptime-checker: its Redis client knows the web's public roots only, whatever the variables say."""
    prefix = "UPTIME_CHECKER_KAFKA_"
    options = {
        "bootstrap.servers": env.get("UPTIME_CHECKER_RESULTS_KAFKA_CLUSTER", "127.0.0.1:9092"),
        "security.protocol": env.get(f"{prefix}SECURITY_PROTOCOL"),
        "ssl.ca.location": env.get(f"{prefix}SSL_CA_LOCATION"),
        "sasl.mechanism": env.get(f"{prefix}SASL_MECHANISM"),
        "sasl.username": env.get(f"{prefix}SASL_USERNAME"),
        "sasl.password": env.get(f"{prefix}SASL_PASSWORD"),
    }
    redis = _redis_rs("UPTIME_CHECKER_REDIS_HOST", env.get("UPTIME_CHECKER_REDIS_HOST", "redis://127.0.0.1:6379"), None)
    return {}, [_kafka("rdkafka", "kafka", options), redis]


READERS: Mapping[str, Callable[[str, Mapping[str, str], tuple[int, ...]], tuple[Options, list[Connection]]]] = {
    "sentry": _sentry,
    "snuba": _snuba,
    "relay": _relay,
    "taskbroker": _taskbroker,
    "vroom": _vroom,
    "uptime-checker": _uptime,
}


# ── what they share ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _kafka(client: str, use: str, given: Options) -> Connection:
    """librdkafka: SSL_CERT_FILE is not read, an empty `ssl.ca.location` counts as unset, names are checked from 2.0 on."""
    options = {key: value for key, value in given.items() if value not in (None, "")}
    on = str(options.get("security.protocol", "plaintext")).lower() in ("ssl", "sasl_ssl")
    verify = "chain" if str(options.get("ssl.endpoint.identification.algorithm", "https")).lower() == "none" else "full"
    if not on or str(options.get("enable.ssl.certificate.verification", "true")).lower() == "false":
        verify = "none"
    ca = options.get("ssl.ca.location")
    tls = {"on": on, "verify": verify, "ca": ca, "ca_from": "ssl.ca.location" if ca else None}
    addresses = _brokers(options.get("bootstrap.servers", ""))
    return _connection("kafka", client, use, addresses, options.get("sasl.username"), options.get("sasl.password"), tls, options)


def _connection(
    store: str, client: str, use: str, addresses: list[list[Any]], user: Any, password: Any, tls: Options, options: Options
) -> Connection:
    return {
        "store": store,
        "client": client,
        "use": use,
        "addresses": addresses,
        "user": user or None,
        "password": password or None,
        "tls": dict(tls),
        "options": dict(options),
    }


def _brokers(given: Any) -> list[list[Any]]:
    names = given if isinstance(given, list | tuple) else str(given).split(",")
    found = []
    for name in names:
        host, _, port = str(name).strip().rpartition("://")[2].rpartition(":")
        if host:
            found.append([host, _number(port, 9092)])
    return found


def _address(parts: Any) -> list[list[Any]]:
    return [[parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme, 0)]] if parts.hostname else []


def _login(parts: Any) -> tuple[str | None, str | None]:
    return (unquote(parts.username) if parts.username else None, unquote(parts.password) if parts.password else None)


def _first(*candidates: tuple[str, Any]) -> tuple[Any, str | None]:
    """The first that is given: (its value, its name)."""
    for name, value in candidates:
        if value:
            return value, name
    return None, None


def _number(given: Any, default: int) -> int:
    try:
        return int(given)
    except (TypeError, ValueError):
        return default


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _strtobool(text: str) -> int:
    """As in distutils, which newer Pythons have not."""
    word = text.lower()
    if word in ("y", "yes", "t", "true", "on", "1"):
        return 1
    if word in ("n", "no", "f", "false", "off", "0"):
        return 0
    raise ValueError(f"invalid truth value {text!r}")


def _load(source: str) -> Any:
    try:
        return json.loads(source)
    except ValueError:
        import yaml  # type: ignore[import-untyped,unused-ignore]

        return yaml.load(source, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _expanded(node: Any, env: Mapping[str, str]) -> Any:
    """`${VAR}` and `${VAR:default}` in every text, unknown ones left as they stand."""
    if isinstance(node, Mapping):
        return {key: _expanded(value, env) for key, value in node.items()}
    if isinstance(node, list):
        return [_expanded(value, env) for value in node]
    if isinstance(node, str):
        return re.sub(r"\$\{(\w+)(?::([^}]*))?\}", lambda m: env.get(m[1], m[2] if m[2] is not None else m[0]), node)
    return node


def _plain(node: Any) -> Any:
    """JSON's own types: sets in order, keys as text, what else there is by its name."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    if isinstance(node, set | frozenset):
        return sorted(str(value) for value in node)
    return node if isinstance(node, str | int | float | bool) or node is None else str(node)


def _said(error: BaseException) -> str:
    line = getattr(error, "lineno", None)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == SETTINGS:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{type(error).__name__}: {error}" + (f" (line {line})" if line else "")


# ── running Python that expects an image around it ─────────────────────────────────────────────────────────────────────────

SETTINGS = "<settings>"


def _run(source: str, env: Mapping[str, str], modules: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The names that the settings leave behind. Environment, modules and stdout are given back as they were."""
    found: dict[str, Any] = {"__name__": "settings", "__file__": SETTINGS, "__builtins__": __builtins__}
    with _environment(env), _stand_ins(modules), contextlib.redirect_stdout(sys.stderr):
        exec(compile(source, SETTINGS, "exec"), found)
    return found


@contextlib.contextmanager
def _environment(env: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _stand_ins(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    hidden = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in STOOD_IN}
    for name in hidden:
        del sys.modules[name]
    finder = _Finder(modules)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] in STOOD_IN]:
            del sys.modules[name]
        sys.modules.update(hidden)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers for the packages of the images: with the names given, and with something harmless for any other."""

    def __init__(self, modules: Mapping[str, Mapping[str, Any]]) -> None:
        self.modules = modules

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in STOOD_IN:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        vars(module).update(self.modules.get(spec.name, {}))
        vars(module)["__getattr__"] = _anything
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        return None


def _anything(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Anything()


class _Anything:
    """Stands for a class or function of an image: it can be called, walked (empty) and asked for more of its kind."""

    def __call__(self, *arguments: Any, **named: Any) -> _Anything:
        return self

    def __getattr__(self, name: str) -> Any:
        return _anything(name)

    def __iter__(self) -> Iterator[Any]:
        return iter(())


FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename", "shutil.")


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: what settings have no business doing on the computer that only looks at them."""
    writes = event == "open" and isinstance(arguments[1], str) and bool(set(arguments[1]) & set("wax+"))
    if writes or event.startswith(FORBIDDEN):
        raise PermissionError(f"the settings tried {event}, which a check does not allow")


def main() -> None:
    request = json.load(sys.stdin)
    with contextlib.suppress(ImportError):
        import yaml  # noqa: F401
    sys.dont_write_bytecode = True
    sys.addaudithook(_guard)
    results = {
        name: execute(r["kind"], r["source"], r["env"], r.get("version", ""), r.get("options", ""))
        for name, r in request["runs"].items()
    }
    json.dump({"results": results}, sys.stdout)


if __name__ == "__main__":
    main()
