"""Reads the parts of Sentry's settings that name a store, each as its client library takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kit.sentry.check.executor.contract import Connection
from kit.sentry.check.executor.documents import truth
from kit.sentry.check.executor.shapes import (
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


def postgres(name: str, database: Options, env: Mapping[str, str]) -> Connection:
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


def redis_cluster(name: str, cluster: Any, env: Mapping[str, str]) -> list[Connection]:
    """rb and redis-py: certificates are required by default, the name is not looked at (measured with 3.4.1 and 4.5.4)."""
    hosts = cluster.get("hosts", {}) if isinstance(cluster, Mapping) else {}
    found = []
    for place, host in hosts.items() if isinstance(hosts, Mapping) else enumerate(hosts):
        given = host.get("ssl_options") or {}
        requires = str(given.get("cert_reqs", host.get("ssl_cert_reqs", "required"))).lower()
        use = f"redis.clusters.{name}.{place}"
        on = truth(host.get("ssl"), f"{use} ssl")
        tls = redis_tls(on, "none" not in requires, given.get("ca_certs") or host.get("ssl_ca_certs"), env)
        addresses = [[host.get("host", "localhost"), integer(host.get("port"), 6379)]]
        options = {"db": integer(host.get("db"), 0), "cluster": bool(cluster.get("is_redis_cluster"))}
        found.append(connection("redis", "redis-py", use, addresses, host.get("username"), host.get("password"), tls, options))
    return found


def celery_broker(url: str, use_ssl: Any, env: Mapping[str, str]) -> Connection:
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


def kafka_cluster(name: str, cluster: Options) -> list[Connection]:
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


def filestore(use: str, options: Options, env: Mapping[str, str]) -> list[Connection]:
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
    keys = given.get("access_key"), given.get("secret_key")
    return [s3(f"{use}{join}options", given.get("endpoint_url"), *keys, True, ca, facts, env)]


def nodestore(backend: str, given: Options, env: Mapping[str, str]) -> list[Connection]:
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
    return [s3("SENTRY_NODESTORE_OPTIONS", endpoint, *keys, not given.get("skip_tls_verify"), ca, facts, env)]
