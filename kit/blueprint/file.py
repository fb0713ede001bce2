"""kit.yaml: the user's description, read once, with the file and the line in every complaint."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from kit import yaml_file
from kit.blueprint import load as loads
from kit.blueprint import own_values
from kit.blueprint.load import Load
from kit.blueprint.own_values import BadBlueprint, SecretInClear
from kit.blueprint.stack import DEFAULT_NAME, FLAVOURS, MAIL_PORTS, PROFILES, SIZES, STORES, Mail, OwnValues, SentryWanted, Stack
from kit.errors import KitError
from kit.yaml_file import Document, KeyPath, suggestion

FILE_NAME = "kit.yaml"
OLD_KIND = "flavour"  # the name of `sentry.kind` until 2026-11-28: still read, with a word of warning
TOPIC_PATTERN = re.compile(r"(?!__|\.{1,2}$)[a-zA-Z0-9._-]{1,249}")  # Kafka's own rule; two underscores are the broker's
NAME_PATTERN = re.compile(r"[a-z][a-z0-9-]{0,28}[a-z0-9]|[a-z]")

MAIL_PASSWORD = "kit secrets set mail, or the variable KIT_MAIL_PASSWORD for `kit up`"

HOST_PATTERN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
ADDRESS_PATTERN = re.compile(r"[^@\s\"$`\\]+@[^@\s\"$`\\]+")
PORT_NAMES = ("kafka.sasl", "postgres.sql", "redis.tls", "clickhouse.https", "clickhouse.native", "s3.api", "sentry.https")


class BadName(KitError):
    """The stack's name cannot be that of containers, networks and clusters."""

    code = "KIT-STACK-NAME"
    exit_code = 10
    what = "{name!r} cannot be a stack's name"
    why = "it names containers, a network and a cluster: lower-case letters, digits, hyphens, at most 30, a letter first"
    fix = "choose another: kit up --local --stack my-stack"


class MailPlaintext(KitError):
    """kit.yaml names a mail server without TLS."""

    code = "KIT-MAIL-PLAINTEXT"
    exit_code = 10
    what = "{where} asks for mail without TLS"
    why = "the login and every alert would cross the network in clear; kit opens no connection without TLS"
    fix = "tls: starttls (port 587) or tls: tls (port 465); a server that knows neither needs a relay in front of it"


def checked_name(name: str) -> str:
    if not NAME_PATTERN.fullmatch(name):
        raise BadName(name=name)
    return name


def load(path: Path | None, *, name: str | None) -> Stack:
    """The stack described by `path` (default: ./kit.yaml if there is one), under `name` if the user gave one."""
    if path is None and not os.path.lexists(FILE_NAME):
        return Stack(name=checked_name(name or DEFAULT_NAME))
    return described(yaml_file.read(path or Path(FILE_NAME), BadBlueprint), name=name)


def parse(text: str, where: str, *, name: str | None = None) -> Stack:
    return described(yaml_file.parse(text, where, BadBlueprint), name=name)


def described(document: Document, *, name: str | None = None) -> Stack:
    if document.data is not None:
        _fields(document, (), ("name", "ports", "memory_mb", "sentry", "mail", "load", "cloud"))
    memory = _fields(document, ("memory_mb",), STORES)
    return Stack(
        name=checked_name(name or (document.written(("name",)) if document.has(("name",)) else DEFAULT_NAME)),
        ports=_ports(document),
        memory_mb={key: _number(document, ("memory_mb", key), 128, 1_048_576) for key in memory},
        sentry=_sentry(document),
        warnings=_warnings(document),
        mail=_mail(document) if document.has(("mail",)) else None,
        load=_load(document) if document.has(("load",)) else None,
        cloud=dict(document.plain(("cloud",))) if _mapping(document, ("cloud",), "names of variables and their values") else {},
    )


def _warnings(document: Document) -> tuple[str, ...]:
    if not document.has(("sentry", OLD_KIND)):
        return ()
    return (f"{document.place(('sentry', OLD_KIND))}: `sentry.{OLD_KIND}` is called `sentry.kind` now",)


def _ports(document: Document) -> dict[str, int]:
    found: dict[str, int] = {}
    for key in _fields(document, ("ports",), PORT_NAMES):
        port = _number(document, ("ports", key), 1, 65535)
        if other := next((other for other, taken in found.items() if taken == port), None):
            raise document.wrong(
                ("ports", key), f"{key} and {other} are given the same port, {port}", "give each a port of its own"
            )
        found[key] = port
    return found


def _sentry(document: Document) -> SentryWanted:
    known = ("kind", "profile", "size", "chart", "retention_days", "network_policies", "topics", "values")
    fields = _fields(document, ("sentry",), (*known, OLD_KIND) if document.has(("sentry", OLD_KIND)) else known)
    if "kind" in fields and OLD_KIND in fields:
        raise document.wrong(("sentry", OLD_KIND), f"`kind` says the same as `{OLD_KIND}`, its older name", "keep `kind` alone")
    choices = {"kind": FLAVOURS, OLD_KIND: FLAVOURS, "profile": PROFILES, "size": SIZES}
    chosen = {key: _choice(document, ("sentry", key), choices[key]) for key in choices if key in fields}
    found: dict[str, Any] = {"flavour" if key == "kind" else key: value for key, value in chosen.items()}
    if "chart" in fields:
        found["chart"] = document.written(("sentry", "chart"))
    if "retention_days" in fields:
        found["retention_days"] = _number(document, ("sentry", "retention_days"), 1, 3650)
    if "network_policies" in fields:
        found["network_policies"] = _choice(document, ("sentry", "network_policies"), ("true", "false")) == "true"
    return SentryWanted(**found, topics=_topics(document), values=_values(document))


def _topics(document: Document) -> dict[str, dict[str, str]]:
    """name → settings by Kafka's names; `{}` or nothing for the broker's own."""
    found: dict[str, dict[str, str]] = {}
    for name in _mapping(document, ("sentry", "topics"), "names of topics"):
        here = ("sentry", "topics", name)
        if not TOPIC_PATTERN.fullmatch(name):
            fix = "letters, digits, dots, hyphens, underscores, at most 249, no two underscores in front"
            raise document.wrong(here, f"{name!r} cannot be a topic's name", fix)
        settings = _mapping(document, here, "settings of the topic, such as max.message.bytes")
        found[name] = {key: document.written((*here, key)) for key in settings}
    return found


def _values(document: Document) -> OwnValues:
    """Written there, or in the file of that name: a path that is not absolute begins where kit.yaml lies."""
    here = ("sentry", "values")
    if not isinstance(document.value(here), str):
        return own_values.read(document, here)
    path = Path(document.where).parent / document.written(here)
    if not path.is_file():
        why = f"it takes the chart's values from {path}, and there is no such file"
        raise document.wrong(here, why, "correct the path, or write the values below `values:`")
    return own_values.read(yaml_file.read(path, BadBlueprint))


def _mail(document: Document) -> Mail:
    if document.has(("mail", "password")):
        raise SecretInClear(where=document.place(("mail", "password")), key="mail.password", fix=MAIL_PASSWORD)
    fields = _fields(document, ("mail",), ("host", "port", "user", "from", "tls"))
    for needed in ("host", "from"):
        if needed not in fields:
            fix = "mail: {host: smtp.example.org, from: sentry@example.org, …}"
            raise document.wrong(("mail",), f"mail says no `{needed}`", fix)
    if "tls" in fields and document.written(("mail", "tls")).lower() in ("none", "no", "off", "false", "plain", "plaintext"):
        raise MailPlaintext(where=document.place(("mail", "tls")))
    tls: Any = _choice(document, ("mail", "tls"), tuple(MAIL_PORTS)) if "tls" in fields else "starttls"
    return Mail(
        host=_like(document, ("mail", "host"), HOST_PATTERN, "a host name without scheme and port"),
        sender=_like(document, ("mail", "from"), ADDRESS_PATTERN, "an e-mail address"),
        port=_number(document, ("mail", "port"), 1, 65535) if "port" in fields else MAIL_PORTS[tls],
        user=document.written(("mail", "user")) if "user" in fields else "",
        tls=tls,
    )


def _load(document: Document) -> Load:
    fields = _fields(document, ("load",), ("events", "event_kb", "transactions", "peak"))
    found: dict[str, float] = {}
    for key in fields:
        word, known = document.written(("load", key)), loads.FIELDS[key]
        number = known.read(word)
        if number is None:
            raise document.wrong(("load", key), f"{word!r} is not {known.wanted}", f"write {known.wanted}")
        found[key] = number
    return Load(**found)


# -- what may stand at a path; each refusal has file, line, and what would be right


def _fields(document: Document, path: KeyPath, known: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of a mapping that may be left out. Raises `BadBlueprint` for one that is not known."""
    keys = _mapping(document, path, f"one or more of: {', '.join(known)}")
    for key in keys:
        if key not in known:
            raise document.wrong((*path, key), f"unknown key {key!r}", suggestion(key, known))
    return keys


def _mapping(document: Document, path: KeyPath, expected: str) -> tuple[str, ...]:
    found = document.value(path)
    if found is not None and not isinstance(found, dict):
        raise document.wrong(path, "a mapping is expected here", f"write {expected}")
    return tuple(found or ())


def _like(document: Document, path: KeyPath, pattern: re.Pattern[str], wanted: str) -> str:
    word = document.written(path)
    if not pattern.fullmatch(word):
        raise document.wrong(path, f"{word!r} is not {wanted}", f"write {wanted}")
    return word


def _choice(document: Document, path: KeyPath, known: tuple[str, ...]) -> str:
    word = document.written(path)
    if word not in known:
        raise document.wrong(path, f"{word!r} is none of {', '.join(known)}", suggestion(word, known))
    return word


def _number(document: Document, path: KeyPath, least: int, most: int) -> int:
    word = document.written(path)
    if not re.fullmatch(r"\d+", word) or not least <= int(word) <= most:
        raise document.wrong(path, f"{word!r} is not a whole number from {least} to {most}", f"write {least}…{most}")
    return int(word)
