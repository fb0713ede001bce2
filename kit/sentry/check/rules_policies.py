"""A rule about network policies: what the executed settings connect to is let out, from every pod that runs with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kit.sentry.chart.manifests import TEMPLATES, Container, pod_of
from kit.sentry.check.connections import Executed
from kit.sentry.check.executor import mail
from kit.sentry.check.rule import Release, Rule, Seen
from kit.sentry.network_policies import KIND, lets_out
from kit.sentry.objects import Document


def _let_out(release: Release) -> Iterator[Seen]:
    policies = [each for each in (*release.applied, *release.documents) if each["kind"] == KIND]
    if not policies:
        return
    labels = {(each["kind"], each["metadata"]["name"]): _labels(each) for each in release.documents if pod_of(each) is not None}
    for executed in release.executed:
        for store, use, host, port in _opened(executed):
            if port == 0 or host.partition(".")[0] in release.services:
                continue
            shut = [each for each in executed.containers if not lets_out(policies, labels[_owner(each)], port)]
            if shut:
                yield Seen(f"{use}: no network policy lets it out to port {port}", tuple(shut), store=store)


def _opened(executed: Executed) -> Iterator[tuple[str | None, str, str, int]]:
    """Store, use, host and port of all that the settings connect to."""
    for connection in executed.connections:
        for host, port in connection.addresses:
            yield connection.store, f"{connection.use} of {connection.client}", host, port
    for sent in mail.connections(executed.settings.get("mail") or {}, {}):
        for host, port in sent["addresses"]:
            yield None, f"{sent['use']} of {sent['client']}", str(host), int(port)


def _owner(container: Container) -> tuple[str, str]:
    return container.kind, container.object


def _labels(document: Document) -> Mapping[str, str]:
    place = document
    for key in TEMPLATES[document["kind"]]:
        place = place[key]
    return (place.get("metadata") or {}).get("labels") or {}


RULES = (
    Rule(
        "NETWORK-LETS-OUT",
        "Network policies let pass what the components connect to.",
        "say the port where kit reads it (a mail server's: `mail: {port: …}` in kit.yaml), add a NetworkPolicy of your own to "
        "the release that lets it out, or do without all of them: `sentry: {network_policies: false}`",
        _let_out,
    ),
)
