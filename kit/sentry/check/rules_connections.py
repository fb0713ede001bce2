"""Rules about what the clients really get, after the settings have been executed."""

from __future__ import annotations

from collections.abc import Iterator

from kit.sentry.chart.families import facts, family_of
from kit.sentry.check.connections import Connection, Executed
from kit.sentry.check.pods import placeholder
from kit.sentry.check.rule import Release, Rule, Seen
from kit.sentry.check.rules_pods import trust_file

# redis-py does not compare the name with the certificate before 6.0, whatever it is told; the rest must.
CHAIN_IS_ALL = ("redis-py", "kombu")
MECHANISM = "SCRAM-SHA-512"


def _each(release: Release) -> Iterator[tuple[Executed, Connection]]:
    for executed in release.executed:
        for connection in executed.connections:
            yield executed, connection


def _seen(executed: Executed, connection: Connection, found: str, fix: str = "") -> Seen:
    return Seen(f"{connection.use} of {connection.client}: {found}", executed.containers, store=connection.store, fix=fix)


def _runs(release: Release) -> Iterator[Seen]:
    for executed in release.executed:
        if executed.error is not None:
            yield Seen(executed.error, executed.containers)


def _tls_on(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        if not connection.tls.on:
            yield _seen(executed, connection, "speaks plaintext", _TLS_FIX.get(connection.client, ""))


_TLS_FIX = {
    "clickhouse-driver": 'set "secure": True in CLUSTERS[0], or CLICKHOUSE_SECURE=True where the settings read it',
    "clickhouse-http": 'set "secure": True in CLUSTERS[0], or CLICKHOUSE_SECURE=True where the settings read it',
    "segmentio-kafka": "give vroom a client certificate and key: with an authority alone it speaks plaintext",
    "kombu": "set BROKER_URL to rediss:// in config.sentryConfPy",
    "redis-py": "set externalRedis.ssl: true",
    "redis-rs": "set externalRedis.ssl: true",
    "boto3": "write the endpoint with https://",
}


def _verifies(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        enough = ("full", "chain") if connection.client in CHAIN_IS_ALL else ("full",)
        if connection.tls.on and connection.tls.verify not in enough:
            said = "verifies nothing" if connection.tls.verify == "none" else "does not compare the host name"
            yield _seen(executed, connection, said)


def _ca_there(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        if not connection.tls.on or connection.tls.verify == "none":
            continue
        fix, path = _telling(executed, connection), connection.tls.ca
        if path is None:
            yield _seen(executed, connection, "is told of no authority, and takes the image's own", fix)
            continue
        for container in executed.containers:
            if trust_file(container, path) is None:
                yield Seen(f"{connection.use}: {path} is no mounted file", container, store=connection.store, fix=fix)


def _telling(executed: Executed, connection: Connection) -> str:
    known = facts().authorities
    return known.get(f"{executed.kind} {connection.client}") or known.get(connection.client, "")


def _address_given(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        hosts = [host for host, _ in connection.addresses]
        if (not hosts and connection.store != "s3") or any(host in ("", "localhost", "127.0.0.1") for host in hosts):
            yield _seen(executed, connection, f"no address but the software's own {', '.join(hosts) or '(none)'}")


def _stores_named(release: Release) -> Iterator[Seen]:
    for executed in release.executed:
        family = family_of(executed.containers[0])
        named = {connection.store for connection in executed.connections}
        for store in family.stores if family and executed.error is None else ():
            if store not in named:
                yield Seen(f"its settings name no {store}", executed.containers, store=store)


def _plain_port(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        for host, port in connection.addresses:
            if port in facts().plaintext_ports.get(connection.store, ()) and connection.store != "s3":
                yield _seen(executed, connection, f"{host}:{port} is the port without TLS")


def _address_known(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        known = release.addresses.get(connection.store)
        for host, port in connection.addresses if known else ():
            if (host, port) not in (known or ()):
                is_ours = " or ".join(f"{h}:{p}" for h, p in sorted(known or ()))
                yield _seen(executed, connection, f"{host}:{port}, and the store is {is_ours}")


def _kafka_protocol(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        if connection.store != "kafka":
            continue
        protocol = str(connection.options.get("security.protocol") or "PLAINTEXT").upper()
        if protocol != "SASL_SSL":
            yield _seen(executed, connection, f"security.protocol {protocol}")


def _kafka_mechanism(release: Release) -> Iterator[Seen]:
    ours = (MECHANISM, placeholder("kit-kafka", "mechanism"))
    for executed, connection in _each(release):
        mechanism = connection.options.get("sasl.mechanism", connection.options.get("sasl.mechanisms"))
        if connection.store == "kafka" and str(mechanism).upper() not in (ours[0], ours[1].upper()):
            yield _seen(executed, connection, f"sasl.mechanism {mechanism}")


def _one_redis_db(release: Release) -> Iterator[Seen]:
    found = [(e, c, c.options.get("db")) for e, c in _each(release) if c.store == "redis"]
    first = next((db for executed, _, db in found if executed.kind == "sentry"), found[0][2] if found else None)
    for executed, connection, db in found:
        if db != first:
            yield _seen(executed, connection, f"database {db}, while Sentry uses {first}")


def _private(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        acl = connection.options.get("acl")
        if connection.store == "s3" and acl not in (None, "private"):
            yield _seen(executed, connection, f"default_acl {acl}")


def _filestore(release: Release) -> Iterator[Seen]:
    for executed in release.executed:
        has = any(connection.use == "filestore.options" for connection in executed.connections)
        if executed.kind == "sentry" and executed.error is None and not has:
            yield Seen("filestore.backend is not s3", executed.containers, store="s3")


def _nodestore(release: Release) -> Iterator[Seen]:
    for executed in release.executed:
        has = any(connection.use == "SENTRY_NODESTORE_OPTIONS" for connection in executed.connections)
        if executed.kind == "sentry" and executed.error is None and not has:
            yield Seen(f"SENTRY_NODESTORE is {executed.settings.get('nodestore')}", executed.containers, store="s3")


def _own_keys(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        secret = _secret_of(connection)
        if secret is None:
            continue
        given = [connection.user, connection.password] if connection.store == "s3" else [connection.password]
        for value in given:
            if value is None:
                yield _seen(executed, connection, f"has no credential; it stands in the Secret {secret}")
            elif not value.startswith(placeholder(secret, "")):
                yield _seen(executed, connection, f"takes {_source(value)}, and not its own of the Secret {secret}")


def _secret_of(connection: Connection) -> str | None:
    """By the setting where one store has two keys; what is not the nodestore's is the files'."""
    keys = facts().keys
    return keys.get(connection.use, keys["filestore"]) if connection.store == "s3" else keys.get(connection.store)


def _django_key(release: Release) -> Iterator[Seen]:
    for executed in release.executed:
        key = str(executed.settings.get("secret_key") or "")
        if executed.kind == "sentry" and executed.error is None and not key.startswith(placeholder("kit-sentry", "")):
            yield Seen(f"system.secret-key is {'a literal' if key else 'empty'}", executed.containers)


def _source(value: str) -> str:
    """Never the value itself, which may be a secret in clear."""
    word, _, rest = value.partition(".")
    return f"its credential from {rest}" if word == "SECRET" else "a literal"


RULES = (
    Rule(
        "SETTINGS-RUN",
        "The rendered settings are mounted, execute, and name every client's options.",
        "see the line that is named",
        _runs,
    ),
    Rule(
        "CLIENT-TLS", "Every client speaks TLS, whatever the text of its settings says.", "turn TLS on in its settings", _tls_on
    ),
    Rule(
        "CLIENT-VERIFIES",
        "Every client verifies chain and host name (redis-py: the chain).",
        "sslmode verify-full; verify True; ssl_cert_reqs=required; no `none` in Kafka's options",
        _verifies,
    ),
    Rule(
        "CLIENT-CA",
        "Every client is told a mounted file of the stores' authority, by its settings or by a variable that it reads.",
        "name it in the client's own settings",
        _ca_there,
    ),
    Rule("STORE-GIVEN", "Every client has the address of its store.", "set its external… values", _address_given),
    Rule(
        "STORES-NAMED",
        "The settings of each component name every store that it works with.",
        "set the values of that store",
        _stores_named,
    ),
    Rule("STORE-PORT", "No client goes to a port without TLS.", "use 9091, 9440, 8443, 6380 or 6432", _plain_port),
    Rule(
        "STORE-KNOWN", "Every client goes to the store of this installation.", "take host and port from `kit env`", _address_known
    ),
    Rule(
        "KAFKA-PROTOCOL",
        "Kafka's clients speak SASL_SSL.",
        "set externalKafka.security.protocol: SASL_SSL, and the `common` form of DEFAULT_KAFKA_OPTIONS",
        _kafka_protocol,
    ),
    Rule(
        "KAFKA-MECHANISM",
        f"Kafka's clients log in by {MECHANISM}.",
        "take the mechanism from the Secret kit-kafka",
        _kafka_mechanism,
    ),
    Rule(
        "REDIS-DB",
        "Sentry, Snuba and Relay use the same Redis database.",
        "set REDIS_DB for Snuba: externalRedis.db 0 means 1 there",
        _one_redis_db,
    ),
    Rule(
        "S3-PRIVATE",
        "Objects in S3 are private; the filestore's class says public-read by default.",
        "set filestore.s3.default_acl: private",
        _private,
    ),
    Rule("FILESTORE-S3", "Files are in S3, or they are on one pod's disk.", "set filestore.backend: s3", _filestore),
    Rule(
        "NODESTORE-S3",
        "The nodestore is in S3, or Postgres grows with every event.",
        "set the nodestore keys of the profile",
        _nodestore,
    ),
    Rule("KEYS-OWN", "Every client holds the key of its own store.", "correct existingSecret and its keys", _own_keys),
    Rule(
        "DJANGO-KEY",
        "Sentry's secret key comes from kit's Secret: the chart would make another at every rendering, and end all sessions.",
        "set sentry.existingSecret: kit-sentry, existingSecretKey: key",
        _django_key,
    ),
)
