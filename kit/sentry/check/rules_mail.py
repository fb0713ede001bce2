"""Rules about mail, by Sentry's options as they are after everything has been executed: a login and every alert go this way."""

from __future__ import annotations

from collections.abc import Iterator

from kit.sentry.check.connections import Executed
from kit.sentry.check.executor import mail
from kit.sentry.check.executor.contract import Connection
from kit.sentry.check.rule import Release, Rule, Seen

NOBODY = ("", "root@localhost")  # the latter is Sentry's own default


def _each(release: Release) -> Iterator[tuple[Executed, Connection]]:
    for executed in release.executed:
        for connection in mail.connections(executed.settings.get("mail") or {}, {}):
            yield executed, connection


def _over_tls(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        if connection["tls"]["on"]:
            continue
        both = "mail.use-tls and mail.use-ssl are both set, and Sentry sends nothing then"
        (host, port), *_ = connection["addresses"]
        yield Seen(both if connection["options"]["starttls"] else f"mail to {host}:{port} without TLS", executed.containers)


def _given(release: Release) -> Iterator[Seen]:
    for executed, connection in _each(release):
        (host, port), *_ = connection["addresses"]
        if host in ("", "localhost", "127.0.0.1") or not port:
            yield Seen(f"mail.host is {host or 'empty'}, mail.port {port or 'empty'}", executed.containers)
        if connection["options"]["from"] in NOBODY:
            yield Seen(f"mail.from is {connection['options']['from'] or 'empty'}", executed.containers)


RULES = (
    Rule(
        "MAIL-TLS",
        "Mail leaves over TLS: by STARTTLS, or from the first byte on, and not by both.",
        "say `mail: {tls: starttls}` or `{tls: tls}` in kit.yaml; in own values exactly one of mail.useTls and mail.useSsl",
        _over_tls,
    ),
    Rule(
        "MAIL-GIVEN",
        "Mail that is to leave has a server and a sender.",
        "say `mail: {host: …, from: …}` in kit.yaml",
        _given,
    ),
)
