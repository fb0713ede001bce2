"""What leads to Sentry in the cloud: refused before anything is paid for, made from these objects, found through a proxy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.adapters import proxies
from kit.endpoints import Secret
from kit.plan.steps import Step
from kit.sentry.chart.manifests import containers, of_kind
from kit.sentry.credentials import Certificate
from kit.sentry.demo import tunnel
from kit.sentry.site import Balanced
from kit.sentry.stand_in import front
from kit.status import Component, TlsSeen
from kit.stores.wire.tls import ProtocolBroken
from kit.targets.cloud import door
from kit.targets.cloud.errors import DoorMissing
from tests.support.program import ROOT

DOMAIN = "sentry.example.com"
OPEN = {"ingress_cidrs": ["0.0.0.0/0"]}
FRONT = Balanced("203.0.113.7", "nginx:1", Certificate("chain", Secret("key")))
SOURCES = {path: (ROOT / path).read_text() for path in (front.TEMPLATE, front.START, front.REDIRECT, front.VERIFIED_UPSTREAM)}


# -- before anything is paid for


@pytest.mark.parametrize(
    ("kind", "given", "has_image", "why", "fix"),
    [
        ("none", OPEN, True, "nothing is put before Sentry", "door: front"),
        ("front", {}, True, "ingress_cidrs is empty", "ingress_cidrs"),
        ("front", OPEN, False, "nowhere to pull the front's image from", "KIT_FRONT_IMAGE"),
        ("ingress", OPEN, True, "no ingress is named", "ingress: {class_name: nginx, tls_secret: sentry-tls}"),
        ("gateway", OPEN, True, "no gateway is named", "gateway: {name: …, namespace: …}"),
        ("ingress", {"ingress": {"class_name": "nginx"}}, True, "ingress_cidrs is empty", "ingress_cidrs"),
    ],
)
def test_a_door_that_nobody_would_come_through_is_refused(
    kind: str, given: dict[str, Any], has_image: bool, why: str, fix: str
) -> None:
    with pytest.raises(DoorMissing) as refused:
        door.require(kind, DOMAIN, given.get, has_image=has_image)
    assert why in refused.value.why
    assert fix in refused.value.fix
    assert DOMAIN in refused.value.what


@pytest.mark.parametrize("kind", ["front", "ingress", "gateway"])
def test_a_door_with_all_that_it_needs_is_taken(kind: str) -> None:
    given: dict[str, Any] = {**OPEN, "ingress": {"class_name": "nginx"}, "gateway": {"name": "main"}}
    door.require(kind, DOMAIN, given.get, has_image=True)


# -- the objects


def test_a_plan_that_makes_the_domain_s_zone_says_where_it_must_be_delegated_to() -> None:
    servers = ("ns1.yandexcloud.net.", "ns2.yandexcloud.net.")
    zone = Step("create", "yandex_dns_zone.public[0]", "not there yet")
    private = Step("create", "yandex_dns_zone.private", "not there yet")
    (said,) = door.delegation_unasked((private, zone), "sentry.example.com", servers)
    assert said.startswith(
        "whether sentry.example.com is delegated to ns1.yandexcloud.net and ns2.yandexcloud.net was not checked"
    )
    assert door.delegation_unasked((private,), "sentry.example.com", servers) == ()
    assert door.delegation_unasked((replace(zone, verb="update"),), "sentry.example.com", servers) == ()


def test_two_fronts_stand_apart_behind_the_reserved_address() -> None:
    made = front.balanced("kit", SOURCES, FRONT, revision="r1", is_stand_in=False)
    service, deployment = (of_kind(made, kind)[front.NAME]["spec"] for kind in ("Service", "Deployment"))
    ports = {each["name"]: (each["port"], each["nodePort"]) for each in service["ports"]}
    assert (service["type"], service["loadBalancerIP"]) == ("LoadBalancer", FRONT.address)
    assert ports == {"https": (443, 30443), "http": (80, 30080)}
    assert (service["externalTrafficPolicy"], service["healthCheckNodePort"]) == ("Local", 30256)
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    spread = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert of_kind(made, "PodDisruptionBudget")[front.NAME]["spec"]["maxUnavailable"] == 1
    (container,) = containers(of_kind(made, "Deployment")[front.NAME])
    assert container.image == FRONT.image


def test_the_node_ports_are_those_that_the_configuration_lets_in() -> None:
    text = (ROOT / "terraform" / "security_groups.tf").read_text()
    assert f"door_node_ports = {{ https = {front.NODE_PORT}, http = {front.PLAIN_NODE_PORT} }}" in text
    assert f"door_health_port = {front.HEALTH_NODE_PORT}" in text


def test_what_stands_behind_is_spoken_to_as_it_speaks() -> None:
    chart = of_kind(front.balanced("kit", SOURCES, FRONT, revision="r", is_stand_in=False), "ConfigMap")[front.NAME]["data"]
    stand_in = of_kind(front.balanced("kit", SOURCES, FRONT, revision="r", is_stand_in=True), "ConfigMap")[front.NAME]["data"]
    assert "set $relay http://sentry-relay.sentry.svc.cluster.local:3000;" in chart["nginx.conf"]
    assert "set $relay https://sentry.sentry.svc.cluster.local:443;" in stand_in["nginx.conf"]
    assert "proxy_ssl_verify on;" in stand_in["also-verified-upstream.conf"]
    assert set(stand_in) - set(chart) == {"also-verified-upstream.conf"}
    assert "return 308 https://$host$request_uri;" in chart["also-redirect.conf"]


class Cluster:
    """Answers with one Service, and these events of it."""

    def __init__(self, ingress: list[dict[str, str]], *events: dict[str, str]) -> None:
        self._service, self._events = {"status": {"loadBalancer": {"ingress": ingress} if ingress else {}}}, events

    def get(self, kind: str, name: str, namespace: str) -> Any:
        assert (kind, name) == ("Service", front.NAME)
        return self._service

    def list(self, kind: str, namespace: str, selector: str = "", fields: str = "") -> Any:
        assert "involvedObject.name=kit-front" in fields
        return self._events


def test_a_load_balancer_that_does_not_come_is_complained_of_in_its_controller_s_words() -> None:
    refused: Any = Cluster(
        [],
        {"message": "the newer", "lastTimestamp": "2026-11-28T10:00:02Z"},
        {"message": "the older", "lastTimestamp": "2026-11-28T10:00:01Z"},
    )
    coming: Any = Cluster([])
    there: Any = Cluster([{"ip": FRONT.address}], {"message": "of before", "lastTimestamp": ""})
    assert front.complaint(refused) == "the newer"
    assert front.complaint(coming) == "its load balancer is being made"
    assert front.complaint(there) is None


# -- what a status says


def shown(days: int, now: datetime) -> Component:
    tls = TlsSeen("TLSv1.3", True, "an authority", now + timedelta(days=days, hours=1))
    return Component("sentry", "application", "ready", tls=tls, reason="said before")


def test_a_status_says_how_long_the_certificate_serves() -> None:
    now = datetime.now(UTC)
    assert door.with_days(shown(61, now), "", now).reason == "said before; its certificate ends in 61 days"
    late = door.with_days(shown(20, now), " --rehearse", now).reason
    assert late == (
        "said before; its certificate ends in 20 days: the cloud has a newer one by now, kit up --cloud --rehearse brings it in"
    )
    bare = Component("sentry", "application", "absent")
    assert door.with_days(bare, "", now) == bare


# -- through a proxy


@contextmanager
def proxy(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                heard.append(client.recv(4096))
                client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            thread.join()


def spoken(port: int) -> None:
    way = tunnel.way(DOMAIN, 443, proxies.named("a test", f"http://user:word@127.0.0.1:{port}"))
    assert way.preamble is not None
    with socket.create_connection((way.host, way.port), 10) as plain:
        way.preamble(plain)


def test_a_proxy_is_asked_for_the_name_with_its_login() -> None:
    with proxy(b"HTTP/1.1 200 Connection established\r\n\r\n") as (port, heard):
        spoken(port)
    assert heard[0].startswith(b"CONNECT sentry.example.com:443 HTTP/1.1\r\nHost: sentry.example.com:443\r\n")
    assert b"Proxy-Authorization: Basic " in heard[0]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 403 Forbidden: no load balancer listens\r\n\r\n", "says 403 Forbidden: no load balancer listens"),
        (b"", "does not answer as one"),
    ],
)
def test_a_proxy_that_refuses_is_quoted_without_its_login(answer: bytes, why: str) -> None:
    with proxy(answer) as (port, _), pytest.raises(ProtocolBroken, match=why) as refused:
        spoken(port)
    assert "word" not in str(refused.value)
