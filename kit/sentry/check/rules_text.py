"""Rules about words: what must stand in no variable, argument, ConfigMap or rendered Secret.

Most are a pattern with the store that it betrays. Lines of comment are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kit.sentry.chart.families import facts, family_of
from kit.sentry.chart.manifests import Container
from kit.sentry.check.pods import secret_data
from kit.sentry.check.rule import Release, Rule, Seen, name_of


@dataclass(frozen=True, slots=True)
class Text:
    """Some words of the release and where they stand."""

    label: str  # "variable BROKER_URL", "argument", "settings.py"
    text: str
    container: Container | None = None
    object: str = ""

    def seen(self, found: str, store: str | None, fix: str = "") -> Seen:
        return Seen(f"{self.label}: {found}", self.container, self.object, store, fix)


@dataclass(frozen=True, slots=True)
class Pattern:
    pattern: re.Pattern[str]
    store: str | None = None


def texts(release: Release) -> Iterator[Text]:
    for container in release.containers:
        for name, entry in container.env.items():
            if entry.get("value"):
                yield Text(f"variable {name}", str(entry["value"]), container)
        for word in [*(container.spec.get("command") or ()), *(container.spec.get("args") or ())]:
            yield Text("argument", str(word), container)
    for document in release.documents:
        if document["kind"] not in ("ConfigMap", "Secret"):
            continue
        data = secret_data(document) if document["kind"] == "Secret" else document.get("data") or {}
        for name, text in data.items():
            yield Text(name, _without_comments(str(text)), object=name_of(document))


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def _holds_none(*patterns: Pattern) -> Callable[[Release], Iterator[Seen]]:
    def test(release: Release) -> Iterator[Seen]:
        for text in texts(release):
            for each in patterns:
                if match := each.pattern.search(text.text):
                    yield text.seen(" ".join(match[0].split()), each.store)

    return test


_SSLMODE = re.compile(r"sslmode[\"']?\s*[:=]\s*[\"']?([a-z-]+)", re.IGNORECASE)
_POSTGRES_URL = re.compile(r"postgres(?:ql)?://[^\s\"']+")


def _sslmode(release: Release) -> Iterator[Seen]:
    for text in texts(release):
        for match in _SSLMODE.finditer(text.text):
            if match[1].lower() != "verify-full":
                yield text.seen(match[0], "postgres")
        if text.label == "variable PGSSLMODE" and text.text != "verify-full":
            yield text.seen(text.text, "postgres")
        if text.container is not None and _POSTGRES_URL.search(text.text) and "sslmode" not in text.text:
            mode = text.container.env.get("PGSSLMODE", {}).get("value")
            if mode != "verify-full":
                yield text.seen(f"a URL without sslmode, and PGSSLMODE is {mode or 'not set'}", "postgres")


_UNVERIFIED = (
    Pattern(re.compile(r"\bCERT_(?:NONE|OPTIONAL)\b")),
    Pattern(re.compile(r"ssl_cert_reqs=(?:none|optional)", re.IGNORECASE), "redis"),
    Pattern(re.compile(r"\bskip_?(?:tls_?)?verify[\"']?\s*[:=]\s*[\"']?true", re.IGNORECASE)),
    Pattern(re.compile(r"[\"']verify[\"']\s*:\s*(?:False|0)\b|\bverify\s*=\s*False\b")),
    Pattern(re.compile(r"enable\.ssl\.certificate\.verification[\"']?\s*[:=,]\s*[\"']?false", re.IGNORECASE), "kafka"),
    Pattern(re.compile(r"ssl\.endpoint\.identification\.algorithm[\"']?\s*[:=,]\s*[\"']?none", re.IGNORECASE), "kafka"),
    Pattern(re.compile(r"rediss://\S*#insecure"), "redis"),
    Pattern(re.compile(r"\bdisableSSL=true", re.IGNORECASE), "s3"),
)

_PLAIN_PROTOCOLS = (
    Pattern(re.compile(r"\b(?:SASL_)?PLAINTEXT\b", re.IGNORECASE), "kafka"),
    Pattern(re.compile(r"(?<![a-z])redis://[^\s\"']+"), "redis"),
    Pattern(re.compile(r"(?<![a-z])amqp://[^\s\"'@]+"), "redis"),
    Pattern(re.compile(r"(?<![a-z])clickhouse://[^\s\"']+"), "clickhouse"),
)


def _verified_rediss(release: Release) -> Iterator[Seen]:
    """Celery's URL. Relay's client verifies by itself, and settings in Python are executed, not read."""
    verified = {
        (container.object, container.name)
        for each in release.executed
        for container in each.containers
        if any(c.use == "BROKER_URL" and c.tls.on and c.tls.verify != "none" for c in each.connections)
    }
    for text in texts(release):
        if text.container is None or (text.container.object, text.container.name) in verified:
            continue
        family = family_of(text.container)
        if family is not None and family.name in ("sentry", "snuba"):
            for match in re.finditer(r"rediss://[^\s\"']+", text.text):
                if not re.search(r"ssl_cert_reqs=(?:CERT_)?required", match[0], re.IGNORECASE):
                    yield text.seen("a rediss URL without ssl_cert_reqs=required", "redis")


_URL = re.compile(r"http://([A-Za-z0-9][\w.-]*)")
_STORE_HOSTS = {
    "clickhouse": re.compile(r"click-?house", re.IGNORECASE),
    "s3": re.compile(r"minio|(?:^|[.-])s3(?:[.-]|$)|storage|seaweed|garage", re.IGNORECASE),
}


def _no_http(release: Release) -> Iterator[Seen]:
    known = {host: c.store for each in release.executed for c in each.connections for host, _ in c.addresses}
    for text in texts(release):
        for match in _URL.finditer(text.text):
            host = match[1]
            store = known.get(host) or next((name for name, hosts in _STORE_HOSTS.items() if hosts.search(host)), None)
            if store is not None and host not in release.services:
                yield text.seen(match[0], store)


_PORT_VARIABLE = re.compile(r"(POSTGRES|PG|REDIS|CLICKHOUSE|KAFKA)\w*_?PORT$")
_VARIABLE_STORES = {"POSTGRES": "postgres", "PG": "postgres", "REDIS": "redis", "CLICKHOUSE": "clickhouse", "KAFKA": "kafka"}


def _no_plain_port(release: Release) -> Iterator[Seen]:
    stores = {port: store for store, ports in facts().plaintext_ports.items() for port in ports if port != 80}
    numbers = "|".join(str(port) for port in stores)
    address = re.compile(rf"(?<![\w.-])(?<!https://)(?<!http://)(?<!rediss://)([A-Za-z][\w.-]*|\d+(?:\.\d+){{3}}):({numbers})\b")
    waits = re.compile(rf"\bnc\b[^\n]*\s({numbers})\b")
    for text in texts(release):
        for match in address.finditer(text.text):
            if match[1] not in release.services:
                yield text.seen(match[0], stores[int(match[2])])
        for match in waits.finditer(text.text):
            yield text.seen(match[0].strip(), stores[int(match[1])])
        variable = _PORT_VARIABLE.search(text.label)
        if variable and text.text.isdigit() and int(text.text) in stores:
            yield text.seen(text.text, _VARIABLE_STORES[variable[1]])


def _no_known_secret(release: Release) -> Iterator[Seen]:
    words = [secret.reveal() for secret in release.known_secrets if len(secret.reveal()) >= SHORTEST_SECRET]
    for text in texts(release):
        if any(word in text.text for word in words):
            yield text.seen("holds a secret in clear", None)
    for path, value in _leaves(release.values or {}):
        if any(word in value for word in words):
            yield Seen(f"{path}: holds a secret in clear", object="values")
    for document in release.documents:
        annotations = document["metadata"].get("annotations") or {}
        for name, value in annotations.items():
            if any(word in str(value) for word in words):
                yield Seen(f"annotation {name}: holds a secret in clear", object=name_of(document))


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every word of the values by its path: "externalKafka.sasl.password"."""
    if isinstance(node, Mapping | list):
        for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, str(node)


SHORTEST_SECRET = 6  # shorter words occur everywhere

_SECRET_VARIABLE = re.compile(r"(?:PASSWORD|PASSWD|SECRET|SECRET_KEY|TOKEN|ACCESS_KEY|PRIVATE_KEY|API_KEY)(?:_ID)?$")
_NO_SECRET = re.compile(r"^(?:\$\(\w+\)|\$\{\w+\}|/\S*|true|false|none|)$", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+]*://[^\s:/@\"']*:(?!//)([^\s@/\"']+)@")
_SETTING = r"(?:sasl\.)?password|secret[_.-]?(?:access[_.-]?)?key|(?:aws_)?access[_.-]?key(?:[_.-]id)?"
_LITERAL_SETTINGS = (
    # "password": "word"  and  password = "word"
    re.compile(rf"[\"']?\b(?:{_SETTING})[\"']?\]?\s*[:=]\s*[\"']([^\"'\n]+)[\"']", re.IGNORECASE),
    # env("REDIS_PASSWORD", "word"): a fallback that works is a secret
    re.compile(r"\(\s*[\"']\w*(?:PASSWORD|SECRET\w*|ACCESS_KEY\w*)[\"']\s*,\s*[\"']([^\"'\n]+)[\"']\s*\)"),
    # - name: "sasl.password"  /  value: "word"
    re.compile(r"name:\s*[\"']?sasl\.password[\"']?\s*\n\s*value:\s*[\"']?([^\s\"']+)"),
)


def _no_literal_secret(release: Release) -> Iterator[Seen]:
    for text in texts(release):
        name = text.label.partition("variable ")[2]
        if name and _SECRET_VARIABLE.search(name) and not _NO_SECRET.match(text.text):
            yield text.seen(f"a literal of {len(text.text)} characters", _store_of(name))
        for match in _URL_PASSWORD.finditer(text.text):
            if not re.fullmatch(r"\$\(\w+\)|\$\{\w+\}|\{[\w.\[\]\"'()]+\}|%s|\*+", match[1]):
                yield text.seen("a URL with its password in clear", _store_of(match[0]))
        if text.object.startswith("ConfigMap/"):
            for pattern in _LITERAL_SETTINGS:
                for match in pattern.finditer(text.text):
                    if not _NO_SECRET.match(match[1]):
                        yield text.seen(f"a literal of {len(match[1])} characters as {_head(match[0])}", _store_of(match[0]))


def _head(text: str) -> str:
    """What the literal is given to, without the literal."""
    return re.split(r"[:=,\n]", text.strip(" \"'("))[0].strip(" \"']")


def _store_of(text: str) -> str | None:
    hints = {"POSTGRES": "postgres", "PGPASS": "postgres", "REDIS": "redis", "CLICKHOUSE": "clickhouse"}
    hints |= {"SASL": "kafka", "KAFKA": "kafka", "S3": "s3", "AWS": "s3", "ACCESS": "s3"}
    return next((store for hint, store in hints.items() if hint in text.upper()), None)


RULES = (
    Rule(
        "PG-VERIFY-FULL",
        "Postgres is reached with sslmode verify-full; every other mode leaves chain or name unchecked.",
        "set externalPostgresql.sslMode: verify-full (lower-case sslmode is ignored)",
        _sslmode,
    ),
    Rule(
        "TLS-VERIFIED",
        "Nothing turns verification off.",
        "remove it: the authority is mounted, verification works",
        _holds_none(*_UNVERIFIED),
    ),
    Rule("NO-PLAINTEXT", "No protocol without TLS.", "use SASL_SSL, rediss:// and https://", _holds_none(*_PLAIN_PROTOCOLS)),
    Rule(
        "REDISS-VERIFIED",
        "A rediss URL for Celery asks for a verified certificate; without ssl_cert_reqs kombu accepts any.",
        "set BROKER_URL in config.sentryConfPy with ?ssl_cert_reqs=required&ssl_ca_certs=…",
        _verified_rediss,
    ),
    Rule("NO-HTTP", "ClickHouse and S3 are reached over https.", "write https:// and the TLS port", _no_http),
    Rule("NO-PLAIN-PORT", "No address with a store's port without TLS.", "use 9091, 9440, 8443, 6380 or 6432", _no_plain_port),
    Rule(
        "SECRET-KNOWN",
        "None of the installation's secrets stands in a manifest.",
        "refer to it by existingSecret or secretKeyRef",
        _no_known_secret,
    ),
    Rule(
        "SECRET-LITERAL",
        "Nothing that looks like a secret is written out.",
        "put it into a Secret and refer to it by existingSecret or secretKeyRef",
        _no_literal_secret,
    ),
)
