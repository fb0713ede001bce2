"""Rules about the way to what lies outside the cluster: the right protocol at a port, no proxy in between, single nodes, mail."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kit.sentry.chart.families import facts, family_of, version
from kit.sentry.chart.manifests import Container
from kit.sentry.check.connections import Connection, Executed
from kit.sentry.check.pods import environment, file_at
from kit.sentry.check.rule import Release, Rule, Seen

# From here on Snuba takes the other nodes' names from system.clusters and their port, 8123, from nowhere (run with its head of
# 2026-08-22; snuba#3235 for the native port before). A managed service has no TLS at 8123.
ASKS_FOR_NODES = (26, 9)


def _protocol(release: Release) -> Iterator[Seen]:
    for executed in release.executed:
        for connection in executed.connections:
            spoken = facts().protocols.get(connection.client)
            for host, port in connection.addresses if spoken and connection.store == "clickhouse" else ():
                listens = _listening(release, host, port)
                if listens not in (None, spoken):
                    found = f"{connection.use} of {connection.client}: {host}:{port} speaks {listens}, and this client {spoken}"
                    yield Seen(found, executed.containers, store="clickhouse")


def _listening(release: Release, host: str, port: int) -> str | None:
    """What is spoken at an address of ClickHouse; None where it is neither of its ports (STORE-KNOWN speaks of that)."""
    known = {protocol: release.addresses.get(f"clickhouse {protocol}") for protocol in facts().protocol_ports}
    if not any(known.values()):
        return next((protocol for protocol, usual in facts().protocol_ports.items() if port == usual), None)
    return next((protocol for protocol, addresses in known.items() if (host, port) in (addresses or ())), None)


# ── proxies

_PROXIES = {scheme: (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY") for scheme in ("http", "https")}
_SPARING = ("no_proxy", "NO_PROXY")
_URL = re.compile(r"^(https?)://(?:[^/@]*@)?([^\s:/]+)")
_UPSTREAM = re.compile(r"\bupstream:\s*[\"']?(https?)://([^\s\"':/]+)")


def _proxied(release: Release) -> Iterator[Seen]:
    for executed in release.executed:
        env = environment(executed.containers[0], release.files)  # the same for all of them, or they were no one configuration
        for scheme, host, store, what in _by_http(release, executed, env):
            proxy = next((name for name in _PROXIES[scheme] if env.get(name)), None)
            if proxy is not None and not _spared(host, env):
                fix = f"add {host} to NO_PROXY (and no_proxy) wherever {proxy} is set, or take {proxy} out"
                yield Seen(f"{proxy} is set, and {what} at {host} would go to it", executed.containers, store=store, fix=fix)


def _by_http(release: Release, executed: Executed, env: Mapping[str, str]) -> Iterator[tuple[str, str, str | None, str]]:
    """What the configuration reaches by clients that follow a proxy: scheme, host, store, and what to call it."""
    for connection in executed.connections:
        if connection.client in facts().proxied:
            for host, _ in connection.addresses:
                yield "https" if connection.tls.on else "http", host, connection.store, f"{connection.use} of {connection.client}"
    for name, value in env.items():
        url = _URL.match(value)
        if url and name not in _PROXIES["http"] + _PROXIES["https"] and url[2].partition(".")[0] in release.services:
            yield url[1], url[2], None, f"what {name} names"
    if executed.kind == "relay" and (upstream := _UPSTREAM.search(_settings(executed.containers[0], release))):
        yield upstream[1], upstream[2], None, "Relay's upstream"


def _settings(container: Container, release: Release) -> str:
    family = family_of(container)
    return (file_at(container, family.settings.file, release.files) if family and family.settings else "") or ""


def _spared(host: str, env: Mapping[str, str]) -> bool:
    """Whether every list that is set says so: Python reads the one in lower case first, Go the other."""
    given = [env[name] for name in _SPARING if env.get(name)]
    return bool(given) and all(any(_covers(entry.strip(), host) for entry in listed.split(",")) for listed in given)


def _covers(entry: str, host: str) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        name = entry.removeprefix("*").lstrip(".").partition(":")[0].lower()
        return bool(name) and (host.lower() == name or host.lower().endswith(f".{name}"))


# ── single nodes


def _one_redis(release: Release) -> Iterator[Seen]:
    for executed in release.executed:
        together: dict[str, list[Connection]] = {}
        for connection in executed.connections:
            if connection.store == "redis":
                together.setdefault(_cluster_of(connection), []).append(connection)
        for use, connections in together.items():
            hosts = sorted({host for connection in connections for host, _ in connection.addresses})
            if any(connection.options.get("cluster") for connection in connections):
                yield Seen(f"{use}: Redis in cluster mode", executed.containers, store="redis")
            elif len(hosts) > 1:
                yield Seen(f"{use}: several hosts, {', '.join(hosts)}", executed.containers, store="redis")


def _cluster_of(connection: Connection) -> str:
    """redis.clusters.default.0 and .1 are hosts of one cluster."""
    return re.sub(r"^(redis\.clusters\.[^.]+)\.\d+$", r"\1", connection.use)


def _one_clickhouse(release: Release) -> Iterator[Seen]:
    for executed in release.executed:
        numbers = version(executed.containers[0].image) or _numbers(release.profile.app_version)
        for connection in executed.connections:
            alone = connection.options.get("single_node", True)
            is_refused = release.profile.maximum_clickhouse_hosts == 1 or numbers >= ASKS_FOR_NODES
            if connection.store == "clickhouse" and alone is not None and not alone and is_refused:
                said = f"{connection.use}: single_node is {alone}, with Snuba {'.'.join(map(str, numbers))}"
                yield Seen(said, executed.containers, store="clickhouse")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


# ── mail

_NO_MAIL = ("dummy", "console", "")


def _mail_sent(release: Release) -> Iterator[Seen]:
    """The chart's default is `dummy`, which takes every mail and sends none (values of 26.18.0 and 33.8.0)."""
    executed = [each for each in release.executed if each.kind == "sentry" and "backend" in each.settings.get("mail", {})]
    for each in executed:
        mail = each.settings["mail"]
        if mail.get("host") and _backend(mail["backend"]) in _NO_MAIL:
            yield Seen(f"mail.host is {mail['host']}, and mail.backend {mail['backend']} sends nothing", each.containers)
    given = (release.values or {}).get("mail")
    if not executed and isinstance(given, Mapping) and given.get("host") and (given.get("backend") or "dummy") in _NO_MAIL:
        backend = given.get("backend") or "the chart's own, dummy"
        yield Seen(f"mail.host is {given['host']}, and mail.backend is {backend}", object="values")


def _backend(named: Any) -> str:
    """ "dummy" for django.core.mail.backends.dummy.EmailBackend, which has both names."""
    return next((name for name in ("dummy", "console") if name in str(named).split(".")), str(named or ""))


RULES = (
    Rule(
        "STORE-PROTOCOL",
        "What speaks ClickHouse's native protocol goes to its native port, and what speaks HTTP to its HTTPS port.",
        "write both into CLUSTERS[0]: `port` the native one (9440), `http_port` the HTTPS one (8443); each Snuba takes its own",
        _protocol,
    ),
    Rule(
        "PROXY-SPARES",
        "No proxy stands between Sentry and its stores or its own services.",
        "name them in NO_PROXY (and no_proxy)",
        _proxied,
    ),
    Rule(
        "REDIS-ONE-NODE",
        "Redis is one node: Snuba speaks no TLS to a cluster, and half of what Sentry keeps there does not speak to one at all.",
        "take is_redis_cluster out and name one host; a managed Redis must not be sharded",
        _one_redis,
    ),
    Rule(
        "CLICKHOUSE-ONE-NODE",
        "ClickHouse is one node where the profile says so, and from Snuba 26.9 on: of several, that takes the names from "
        "system.clusters and port 8123, where a managed service has no TLS.",
        "set externalClickhouse.singleNode: true with one host",
        _one_clickhouse,
    ),
    Rule("MAIL-SENT", "Where a mail server is given, mail is sent to it.", "set mail.backend: smtp", _mail_sent),
)
