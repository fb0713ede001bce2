"""kit.yaml: the user's description, read once, with the file and the line in every complaint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from kit.blueprint import own_values
from kit.blueprint.nodes import TAG, BadBlueprint, Data, composed, place
from kit.blueprint.own_values import SecretInClear
from kit.blueprint.stack import DEFAULT_NAME, FLAVOURS, MAIL_PORTS, PROFILES, SIZES, STORES, Mail, OwnValues, SentryWanted, Stack
from kit.errors import KitError

FILE_NAME = "kit.yaml"
TOPIC_PATTERN = re.compile(r"(?!__|\.{1,2}$)[a-zA-Z0-9._-]{1,249}")  # Kafka's own rule; two underscores are the broker's
NAME_PATTERN = re.compile(r"[a-z][a-z0-9-]{0,28}[a-z0-9]|[a-z]")

MAIL_PASSWORD = "kit secrets set mail, or the variable KIT_MAIL_PASSWORD for `kit up`"

# key → what a value may be, as data; the reader below walks it beside the YAML nodes.
HOST_PATTERN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
ADDRESS_PATTERN = re.compile(r"[^@\s\"$`\\]+@[^@\s\"$`\\]+")
PORT_NAMES = ("kafka.sasl", "postgres.sql", "redis.tls", "clickhouse.https", "clickhouse.native", "s3.api", "sentry.https")


class BadName(KitError):
    """A stack name that containers, networks and clusters cannot bear."""

    code = "KIT-STACK-NAME"
    exit_code = 10
    what = "{name!r} cannot be a stack's name"
    why = "it names containers, a network and a cluster: lower-case letters, digits, hyphens, at most 30, a letter first"
    fix = "choose another: kit up --local --stack my-stack"


class MailPlaintext(KitError):
    """A mail server that is to be spoken to without TLS."""

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
    explicit = path is not None
    path = path or Path(FILE_NAME)
    if not path.exists():
        if explicit:
            raise BadBlueprint(where=str(path), why="there is no such file", fix="check the path after --config")
        return Stack(name=checked_name(name or DEFAULT_NAME))
    return parse(read(path), str(path), name=name)


def read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = "its bytes are not text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
        raise BadBlueprint(where=str(path), why=why, fix="check the file") from error


def parse(text: str, where: str, *, name: str | None = None) -> Stack:
    root = composed(text, where)
    reader = _Reader(where)
    fields = reader.mapping(root, ("name", "ports", "memory_mb", "sentry", "mail", "cloud")) if root else {}
    stack_name = reader.text(fields["name"]) if "name" in fields else DEFAULT_NAME
    ports = reader.mapping(fields["ports"], PORT_NAMES) if "ports" in fields else {}
    memory = reader.mapping(fields["memory_mb"], STORES) if "memory_mb" in fields else {}
    return Stack(
        name=checked_name(name or stack_name),
        ports={key: reader.number(node, 1, 65535) for key, node in ports.items()},
        memory_mb={key: reader.number(node, 128, 1_048_576) for key, node in memory.items()},
        sentry=_sentry(reader, fields["sentry"]) if "sentry" in fields else SentryWanted(),
        mail=_mail(reader, fields["mail"]) if "mail" in fields else None,
        cloud=reader.plain(fields["cloud"]) if "cloud" in fields else {},
    )


def _sentry(reader: _Reader, node: Any) -> SentryWanted:
    fields = reader.mapping(node, ("flavour", "profile", "size", "chart", "retention_days", "topics", "values"))
    choices = {"flavour": FLAVOURS, "profile": PROFILES, "size": SIZES}
    found: dict[str, Any] = {key: reader.choice(fields[key], known) for key, known in choices.items() if key in fields}
    if "chart" in fields:
        found["chart"] = reader.text(fields["chart"])
    if "retention_days" in fields:
        found["retention_days"] = reader.number(fields["retention_days"], 1, 3650)
    if "topics" in fields:
        found["topics"] = _topics(reader, fields["topics"])
    if "values" in fields:
        found["values"] = _values(reader.where, fields["values"])
    return SentryWanted(**found)


def _topics(reader: _Reader, node: Any) -> dict[str, dict[str, str]]:
    """name → settings by Kafka's names; `{}` or nothing for the broker's own."""
    found: dict[str, dict[str, str]] = {}
    for key, given in reader.pairs(node, "names of topics"):
        if not TOPIC_PATTERN.fullmatch(key.value):
            why = f"{key.value!r} cannot be a topic's name"
            raise reader.refuse(key, why, "letters, digits, dots, hyphens, underscores, at most 249, no two underscores in front")
        is_empty = given.id == "scalar" and given.value in ("", "~", "null")
        settings = () if is_empty else reader.pairs(given, "settings of the topic, such as max.message.bytes")
        found[key.value] = {name.value: reader.text(value) for name, value in settings}
    return found


def _values(where: str, node: Any) -> OwnValues:
    """Written there, or in the file of that name: a path that is not absolute begins where kit.yaml lies."""
    if node.id != "scalar" or node.tag == f"{TAG}null":
        return own_values.read(node, where)
    path = Path(where).parent / node.value
    if not path.is_file():
        why = f"it takes the chart's values from {path}, and there is no such file"
        raise BadBlueprint(where=place(where, node), why=why, fix="correct the path, or write the values below `values:`")
    return own_values.read(composed(read(path), str(path)), str(path))


def _mail(reader: _Reader, node: Any) -> Mail:
    for key, _ in node.value if node.id == "mapping" else ():
        if key.value == "password":
            raise SecretInClear(where=place(reader.where, key), key="mail.password", fix=MAIL_PASSWORD)
    fields = reader.mapping(node, ("host", "port", "user", "from", "tls"))
    for needed in ("host", "from"):
        if needed not in fields:
            raise reader.refuse(node, f"mail says no `{needed}`", "mail: {host: smtp.example.org, from: sentry@example.org, …}")
    said = reader.text(fields["tls"]) if "tls" in fields else "starttls"
    if said.lower() in ("none", "no", "off", "false", "plain", "plaintext"):
        raise MailPlaintext(where=place(reader.where, fields["tls"]))
    tls: Any = reader.choice(fields["tls"], tuple(MAIL_PORTS)) if "tls" in fields else said
    return Mail(
        host=reader.like(fields["host"], HOST_PATTERN, "a host name without scheme and port"),
        sender=reader.like(fields["from"], ADDRESS_PATTERN, "an e-mail address"),
        port=reader.number(fields["port"], 1, 65535) if "port" in fields else MAIL_PORTS[tls],
        user=reader.text(fields["user"]) if "user" in fields else "",
        tls=tls,
    )


class _Reader:
    """Takes YAML nodes apart; every refusal carries file:line and what would be right."""

    def __init__(self, where: str) -> None:
        self.where = where

    def refuse(self, node: Any, why: str, fix: str) -> BadBlueprint:
        return BadBlueprint(where=place(self.where, node), why=why, fix=fix)

    def mapping(self, node: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for key, value in self.pairs(node, f"one or more of: {', '.join(allowed)}"):
            if key.value not in allowed:
                raise self.refuse(key, f"unknown key {key.value!r}", _suggestion(str(key.value), allowed))
            fields[key.value] = value
        return fields

    def pairs(self, node: Any, expected: str) -> list[tuple[Any, Any]]:
        """The keys, each once, and the values, as nodes."""
        if node.id != "mapping":
            raise self.refuse(node, "a mapping is expected here", f"write {expected}")
        seen: set[str] = set()
        for key, _ in node.value:
            if key.id != "scalar":
                raise self.refuse(key, "a word is expected as the key", f"write {expected}")
            if key.value in seen:
                raise self.refuse(key, f"{key.value!r} stands here twice", "keep one of them")
            seen.add(key.value)
        return list(node.value)

    def plain(self, node: Any) -> dict[str, Any]:
        """A mapping whose values are somebody else's to judge."""
        if node.id != "mapping":
            raise self.refuse(node, "a mapping is expected here", "write names of variables and their values")
        found: dict[str, Any] = Data(self.where).of(node)
        return found

    def text(self, node: Any) -> str:
        if node.id != "scalar":
            raise self.refuse(node, "a word is expected here", "write one word")
        return str(node.value)

    def like(self, node: Any, pattern: re.Pattern[str], wanted: str) -> str:
        word = self.text(node)
        if not pattern.fullmatch(word):
            raise self.refuse(node, f"{word!r} is not {wanted}", f"write {wanted}")
        return word

    def choice(self, node: Any, known: tuple[str, ...]) -> str:
        word = self.text(node)
        if word not in known:
            raise self.refuse(node, f"{word!r} is none of {', '.join(known)}", _suggestion(word, known))
        return word

    def number(self, node: Any, least: int, most: int) -> int:
        if node.id != "scalar" or not re.fullmatch(r"\d+", node.value) or not least <= int(node.value) <= most:
            raise self.refuse(node, f"{node.value!r} is not a whole number from {least} to {most}", f"write {least}…{most}")
        return int(node.value)


def _suggestion(word: str, allowed: tuple[str, ...]) -> str:
    import difflib

    close = difflib.get_close_matches(word, allowed, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(allowed)}"
