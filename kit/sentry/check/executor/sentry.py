"""Reads Sentry's settings: sentry.conf.py executed, with the options of config.yml over it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kit.sentry.check.executor.documents import load
from kit.sentry.check.executor.python_settings import run
from kit.sentry.check.executor.shapes import (
    Connection,
    Options,
    address_of,
    connection,
    first_given,
    integer,
    kafka,
    libpq_tls,
    login_of,
    redis_tls,
    s3,
)

CELERY_GONE = (25, 12)  # chart 28.0.0, Sentry 25.12.1: taskbroker in place of Celery


def read(source: str, env: Mapping[str, str], version: tuple[int, ...], given: str = "") -> tuple[Options, list[Connection]]:
    base = _sentry_defaults(version)
    found = run(source, env, {"sentry.conf.server": base, "distutils.util": {"strtobool": _strtobool}})
    # What config.yml says is stored over what the Python says (bootstrap_options in sentry/runner/initializer.py).
    options = {**found["SENTRY_OPTIONS"], **(load(given) or {} if given.strip() else {})}
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
        "mail": {name.removeprefix("mail."): value for name, value in options.items() if str(name).startswith("mail.")},
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


def _strtobool(text: str) -> int:
    """As in distutils, which newer Pythons have not."""
    word = text.lower()
    if word in ("y", "yes", "t", "true", "on", "1"):
        return 1
    if word in ("n", "no", "f", "false", "off", "0"):
        return 0
    raise ValueError(f"invalid truth value {text!r}")


def _postgres(name: str, database: Options, env: Mapping[str, str]) -> Connection:
    """psycopg2, and so libpq: its own variables hold where Django gives no option."""
    options = dict(database.get("OPTIONS") or {})
    return connection(
        "postgres",
        "psycopg2",
        f"DATABASES.{name}",
        [[database.get("HOST") or env.get("PGHOST") or "", integer(database.get("PORT") or env.get("PGPORT"), 5432)]],
        database.get("USER") or env.get("PGUSER"),
        database.get("PASSWORD") or env.get("PGPASSWORD"),
        libpq_tls(options, env),
        {"database": database.get("NAME"), **options},
    )


def _redis_cluster(name: str, cluster: Any, env: Mapping[str, str]) -> list[Connection]:
    """rb and redis-py: certificates are required by default, the name is not looked at (measured with 3.4.1 and 4.5.4)."""
    hosts = cluster.get("hosts", {}) if isinstance(cluster, Mapping) else {}
    found = []
    for place, host in hosts.items() if isinstance(hosts, Mapping) else enumerate(hosts):
        given = host.get("ssl_options") or {}
        requires = str(given.get("cert_reqs", host.get("ssl_cert_reqs", "required"))).lower()
        tls = redis_tls(bool(host.get("ssl")), "none" not in requires, given.get("ca_certs") or host.get("ssl_ca_certs"), env)
        addresses = [[host.get("host", "localhost"), integer(host.get("port"), 6379)]]
        use = f"redis.clusters.{name}.{place}"
        options = {"db": integer(host.get("db"), 0)}
        found.append(connection("redis", "redis-py", use, addresses, host.get("username"), host.get("password"), tls, options))
    return found


def _broker(url: str, use_ssl: Any, env: Mapping[str, str]) -> Connection:
    """kombu: a plain rediss:// accepts any certificate; only `ssl_cert_reqs` in the URL or BROKER_USE_SSL makes it verify."""
    parts = urlsplit(str(url))
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    given = use_ssl if isinstance(use_ssl, Mapping) else {}
    requires = str(query.get("ssl_cert_reqs", given.get("ssl_cert_reqs", "none"))).upper()
    verifies = requires.rpartition(".")[2].removeprefix("CERT_") in ("REQUIRED", "2")
    on = parts.scheme in ("rediss", "amqps") or bool(use_ssl)
    tls = redis_tls(on, verifies, query.get("ssl_ca_certs") or given.get("ssl_ca_certs"), env)
    store = {"redis": "redis", "rediss": "redis", "memory": "memory"}.get(parts.scheme, "rabbitmq")
    options = {"db": integer(parts.path.strip("/"), 0)} if store == "redis" else {}
    return connection(store, "kombu", "BROKER_URL", address_of(parts), *login_of(parts), tls, options)


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
        return [kafka("confluent-kafka", f"KAFKA_CLUSTERS.{name}", each["producers"])]
    return [kafka("confluent-kafka", f"KAFKA_CLUSTERS.{name} {role}", options) for role, options in each.items()]


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
    ca = first_given(("AWS_CA_BUNDLE", env.get("AWS_CA_BUNDLE")), ("REQUESTS_CA_BUNDLE", env.get("REQUESTS_CA_BUNDLE")))
    return [
        s3(f"{use}{join}options", given.get("endpoint_url"), given.get("access_key"), given.get("secret_key"), True, ca, facts)
    ]


def _nodestore(backend: str, given: Options, env: Mapping[str, str]) -> list[Connection]:
    if backend.startswith("sentry.nodestore."):  # Sentry's own: Postgres, or Google's Bigtable
        return []
    variables = ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"]
    if backend.startswith("sentry_nodestore_s3."):
        variables.insert(0, "DEFAULT_CA_BUNDLE")  # that package's own variable; botocore does not know it
    named = [(name, given.get(name)) for name in ("ca_bundle", "ca_certs")]
    ca = first_given(*named, *((name, env.get(name)) for name in variables))
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
    return [s3("SENTRY_NODESTORE_OPTIONS", endpoint, *keys, not given.get("skip_tls_verify"), ca, facts)]
