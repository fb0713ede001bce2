"""What leads to Sentry in the emulated cloud: certificates, load balancers, and the tunnel from a name to a node's port."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest

from kit.pki import authority, content
from kit.targets.cloud.rehearsal import PUBLIC_AUTHORITY
from kit.yandex.contract import BalancedService, NoBacking, ServicePort
from kit.yandex.services import certificates
from tests.support import yandex
from tests.support.yandex import FOLDER, Cloud, emulated

CERTIFICATES = "certificatemanager.v1.CertificateService"
CONTENT = "certificatemanager.v1.CertificateContentService"
BALANCERS = "loadbalancer.v1.NetworkLoadBalancerService"
DOMAIN = "sentry.example.com"
FULL, ISSUED, VALIDATING, RENEWING = 1, 3, 1, 5
HTTPS, NODE_PORT, HEALTH_PORT = 443, 30443, 30081


@dataclass
class Cluster(NoBacking):
    """A cluster with these Services; `told` is what each was told last."""

    services: tuple[BalancedService, ...] = ()
    nodes: dict[int, tuple[str, int]] = field(default_factory=dict)
    told: dict[str, tuple[str | None, str]] = field(default_factory=dict)

    def balanced_services(self) -> tuple[BalancedService, ...]:
        return self.services

    def settle_service(self, service: BalancedService, address: str | None, complaint: str) -> None:
        self.told[service.name] = address, complaint

    def node_address(self, node_port: int) -> tuple[str, int] | None:
        return self.nodes.get(node_port)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    return yandex.certificate_of(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def cloud(served: tuple[bytes, bytes, bytes], cluster: Cluster) -> Iterator[Cloud]:
    with emulated(served, backing=cluster) as made:
        yield made


def zone(cloud: Cloud, name: str = f"{DOMAIN}.", *, public: bool = True) -> str:
    visibility: dict[str, Any] = {"public_visibility": {}} if public else {"private_visibility": {}}
    made = cloud.done("dns.v1.DnsZoneService/Create", folder_id=FOLDER, zone=name, **visibility)
    return str(made.id)


def record(cloud: Cloud, zone_id: str, name: str, kind: str, *data: str) -> None:
    added = {"name": name, "type": kind, "ttl": 60, "data": list(data)}
    cloud.done("dns.v1.DnsZoneService/UpdateRecordSets", dns_zone_id=zone_id, additions=[added])


def requested(cloud: Cloud, *domains: str) -> Any:
    fields: dict[str, Any] = {"folder_id": FOLDER, "name": "door", "domains": domains or (DOMAIN,), "challenge_type": 1}
    return cloud.done(f"{CERTIFICATES}/RequestNew", **fields)


def seen(cloud: Cloud, identity: str) -> Any:
    return cloud(f"{CERTIFICATES}/Get", certificate_id=identity, view=FULL)


def prove(cloud: Cloud, identity: str, zone_id: str) -> None:
    record(cloud, zone_id, f"_acme-challenge.{DOMAIN}.", "CNAME", f"{identity}.cm.yandexcloud.net.")


# -- certificates


def test_a_certificate_is_issued_once_its_record_is_public(cloud: Cloud) -> None:
    identity = requested(cloud).id
    waiting = seen(cloud, identity)
    by_type = {each.dns_challenge.type: each.dns_challenge for each in waiting.challenges}
    assert waiting.status == VALIDATING
    assert set(by_type) == {"CNAME", "TXT"}
    assert by_type["CNAME"].name == f"_acme-challenge.{DOMAIN}."
    refused = cloud.refused(f"{CONTENT}/Get", certificate_id=identity)
    assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION
    prove(cloud, identity, zone(cloud))
    issued = seen(cloud, identity)
    assert (issued.status, list(issued.domains)) == (ISSUED, [DOMAIN])
    got = cloud(f"{CONTENT}/Get", certificate_id=identity)
    leaf = content.given("".join(got.certificate_chain), got.private_key)  # the key is the leaf's, or this raises
    assert content.leaf(leaf).serial == issued.serial
    assert content.leaf(leaf).names == (DOMAIN,)


def test_a_private_zone_proves_nothing(cloud: Cloud) -> None:
    identity = requested(cloud).id
    prove(cloud, identity, zone(cloud, public=False))
    assert seen(cloud, identity).status == VALIDATING


def test_a_record_for_another_certificate_proves_nothing(cloud: Cloud) -> None:
    first = requested(cloud).id
    second = cloud.done(f"{CERTIFICATES}/RequestNew", folder_id=FOLDER, domains=[DOMAIN], challenge_type=1).id
    prove(cloud, first, zone(cloud))
    assert (seen(cloud, first).status, seen(cloud, second).status) == (ISSUED, VALIDATING)


def test_the_nearest_public_zone_alone_has_a_say(cloud: Cloud) -> None:
    identity = requested(cloud).id
    above = zone(cloud, "example.com.")
    zone(cloud)  # whoever asks for a name below it is answered here, where the record is not
    prove(cloud, identity, above)
    assert seen(cloud, identity).status == VALIDATING


def test_a_text_proves_it_as_well(cloud: Cloud) -> None:
    identity = requested(cloud).id
    text = next(each.dns_challenge for each in seen(cloud, identity).challenges if each.dns_challenge.type == "TXT")
    record(cloud, zone(cloud), text.name, "TXT", f'"{text.value}"')
    assert seen(cloud, identity).status == ISSUED


def test_challenges_are_told_to_whom_asks_for_them(cloud: Cloud) -> None:
    identity = requested(cloud).id
    assert not cloud(f"{CERTIFICATES}/Get", certificate_id=identity).challenges
    assert not cloud(f"{CERTIFICATES}/List", folder_id=FOLDER).certificates[0].challenges


def test_it_is_renewed_before_its_end_while_the_record_is_there(cloud: Cloud) -> None:
    identity, zone_id = requested(cloud).id, zone(cloud)
    prove(cloud, identity, zone_id)
    first = seen(cloud, identity)
    certificates.settle(cloud.emulator.state, datetime.now(UTC) + timedelta(days=59))
    assert seen(cloud, identity).serial == first.serial
    later = datetime.now(UTC) + timedelta(days=61)
    deleted = {"name": f"_acme-challenge.{DOMAIN}.", "type": "CNAME", "ttl": 60, "data": [f"{identity}.cm.yandexcloud.net."]}
    cloud.done("dns.v1.DnsZoneService/UpdateRecordSets", dns_zone_id=zone_id, deletions=[deleted])
    certificates.settle(cloud.emulator.state, later)
    assert (seen(cloud, identity).status, seen(cloud, identity).serial) == (RENEWING, first.serial)
    prove(cloud, identity, zone_id)
    certificates.settle(cloud.emulator.state, later)
    renewed = cloud.emulator.state.journal.get(certificates.CERTIFICATE, identity)
    assert renewed is not None
    assert (renewed.message.status, renewed.message.serial != first.serial) == (ISSUED, True)
    versions = cloud(f"{CERTIFICATES}/ListVersions", certificate_id=identity).versions
    assert len(versions) == 2
    old = cloud(f"{CONTENT}/GetEx", certificate_id=identity, version_id=versions[0].id)
    assert content.described(old.certificate_chain[0]).serial == first.serial


def test_certificates_and_their_authority_outlive_a_restart(served: tuple[bytes, bytes, bytes], tmp_path: Path) -> None:
    with emulated(served, tmp_path / "yandex") as cloud:
        identity = requested(cloud).id
        prove(cloud, identity, zone(cloud))
        before = cloud(f"{CONTENT}/Get", certificate_id=identity)
        root = (tmp_path / "yandex" / PUBLIC_AUTHORITY / "ca.crt").read_text()
    with emulated(served, tmp_path / "yandex") as cloud:
        after = cloud(f"{CONTENT}/Get", certificate_id=identity)
    assert (before.private_key, list(before.certificate_chain)) == (after.private_key, list(after.certificate_chain))
    assert (tmp_path / "yandex" / PUBLIC_AUTHORITY / "ca.crt").read_text() == root


def test_the_users_own_certificate_must_have_its_own_key(cloud: Cloud) -> None:
    now = datetime.now(UTC)
    made = authority.create("mine", now)
    mine, other = content.issued(made, (DOMAIN,), now), content.issued(made, (DOMAIN,), now)
    fields: dict[str, Any] = {"folder_id": FOLDER, "certificate": mine.chain[0], "chain": mine.chain[1]}
    assert cloud.done(f"{CERTIFICATES}/Create", **fields, private_key=mine.key).status == ISSUED
    refused = cloud.refused(f"{CERTIFICATES}/Create", **fields, private_key=other.key)
    assert yandex.violations(refused) == ["certificate"]


def test_a_key_comes_in_the_form_that_is_asked_for(cloud: Cloud) -> None:
    identity = requested(cloud).id
    prove(cloud, identity, zone(cloud))
    kinds = [cloud(f"{CONTENT}/Get", certificate_id=identity, private_key_format=form).private_key for form in (0, 1, 2)]
    assert [each.splitlines()[0].strip("-") for each in kinds] == [
        "BEGIN PRIVATE KEY",
        "BEGIN EC PRIVATE KEY",
        "BEGIN PRIVATE KEY",
    ]


# -- load balancers


@dataclass
class Door:
    """All that must be there for a name to lead to a node."""

    cloud: Cloud
    cluster: Cluster
    address: str = ""
    group: str = ""
    zone: str = ""

    def build(self, *rules: dict[str, Any]) -> None:
        network = yandex.network(self.cloud)
        subnet, account = yandex.subnet(self.cloud, network), yandex.cluster_account(self.cloud)
        cluster = yandex.kubernetes(self.cloud, network, account)
        fields: dict[str, Any] = {"folder_id": FOLDER, "network_id": network, "name": "nodes"}
        self.group = self.cloud.done("vpc.v1.SecurityGroupService/Create", **fields, rule_specs=rules or RULES).id
        interface = {"subnet_ids": [subnet], "security_group_ids": [self.group], "primary_v4_address_spec": {}}
        template = {"network_interface_specs": [interface], "resources_spec": {"memory": 4 << 30, "cores": 2}}
        template["boot_disk_spec"] = {"disk_type_id": "network-ssd", "disk_size": 96 << 30}
        nodes = {"cluster_id": cluster, "name": "nodes", "node_template": template}
        self.cloud.done("k8s.v1.NodeGroupService/Create", **nodes, scale_policy={"fixed_scale": {"size": 1}})
        self.address, self.zone = self.reserve(), zone(self.cloud)
        record(self.cloud, self.zone, f"{DOMAIN}.", "A", self.address)
        self.cluster.services = (self.service(),)

    def reserve(self) -> str:
        spec = {"zone_id": "ru-central1-a"}
        made = self.cloud.done("vpc.v1.AddressService/Create", folder_id=FOLDER, external_ipv4_address_spec=spec)
        return str(made.external_ipv4_address.address)

    def service(self, **more: Any) -> BalancedService:
        fields: dict[str, Any] = {"address": self.address, "ports": (ServicePort(HTTPS, NODE_PORT),), "health_port": HEALTH_PORT}
        return BalancedService("sentry", "front", "uid-of-the-front", **{**fields, **more})


CALLERS = {"direction": 1, "protocol_name": "TCP", "ports": {"from_port": NODE_PORT, "to_port": NODE_PORT}}
CALLERS |= {"cidr_blocks": {"v4_cidr_blocks": ["0.0.0.0/0"]}}
CHECKS = {"direction": 1, "protocol_name": "TCP", "ports": {"from_port": 0, "to_port": 65535}}
CHECKS |= {"predefined_target": "loadbalancer_healthchecks"}
RULES = (CALLERS, CHECKS)


@pytest.fixture
def door(cloud: Cloud, cluster: Cluster) -> Door:
    return Door(cloud, cluster)


def test_a_service_gets_its_balancer_on_the_reserved_address(door: Door) -> None:
    door.build()
    (balancer,) = door.cloud(f"{BALANCERS}/List", folder_id=FOLDER).network_load_balancers
    (listener,) = balancer.listeners
    assert (listener.address, listener.port, listener.target_port) == (door.address, HTTPS, NODE_PORT)
    assert balancer.attached_target_groups[0].health_checks[0].http_options.port == HEALTH_PORT
    assert door.cluster.told == {"front": (door.address, "")}
    door.cluster.services = ()
    assert not door.cloud(f"{BALANCERS}/List", folder_id=FOLDER).network_load_balancers


def test_an_address_that_is_not_reserved_leaves_the_service_pending(door: Door) -> None:
    door.build()
    door.cluster.services = (door.service(address="203.0.113.200"),)
    assert not door.cloud(f"{BALANCERS}/List", folder_id=FOLDER).network_load_balancers
    address, why = door.cluster.told["front"]
    assert address is None
    assert why == f"203.0.113.200 is not a reserved address of folder {FOLDER}"


def test_one_address_has_one_balancer(door: Door) -> None:
    door.build()
    door.cluster.services += (replace(door.service(), name="second", uid="another"),)
    assert len(door.cloud(f"{BALANCERS}/List", folder_id=FOLDER).network_load_balancers) == 1
    assert door.cluster.told["second"] == (None, f"{door.address} has another load balancer")


def test_a_balancer_over_the_quota_of_a_cloud_leaves_its_service_pending(door: Door) -> None:
    door.build()
    door.cloud.emulator.state.options.quotas["vpc.externalStaticAddresses.count"] = 3.0  # type: ignore[index]
    others = [door.service(address=door.reserve()) for _ in range(2)]
    door.cluster.services += tuple(replace(each, name=f"n{index}", uid=f"u{index}") for index, each in enumerate(others))
    assert len(door.cloud(f"{BALANCERS}/List", folder_id=FOLDER).network_load_balancers) == 2
    assert door.cluster.told["n1"] == (None, "Quota limit ylb.networkLoadBalancers.count exceeded")


def test_an_address_in_use_is_not_released(door: Door) -> None:
    door.build()
    (address,) = door.cloud("vpc.v1.AddressService/List", folder_id=FOLDER).addresses
    refused = door.cloud.refused("vpc.v1.AddressService/Delete", address_id=address.id)
    assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION
    door.cluster.services = ()
    door.cloud.done("vpc.v1.AddressService/Delete", address_id=address.id)


# -- the tunnel


@contextmanager
def node(cluster: Cluster, served: tuple[bytes, bytes]) -> Iterator[None]:
    """Somebody who answers over TLS where the node's port is, with this chain and key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"it is Sentry")

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*(str(path) for path in served))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    cluster.nodes[NODE_PORT] = "127.0.0.1", server.server_address[1]
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def get(cloud: Cloud, host: str, port: int, context: ssl.SSLContext) -> bytes:
    connection = http.client.HTTPSConnection("127.0.0.1", cloud.emulator.s3_port, context=context, timeout=10)
    connection.set_tunnel(host, port)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


def trusting(pem: bytes) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=pem.decode())


@pytest.fixture
def issued(door: Door, tmp_path: Path) -> tuple[Path, Path]:
    """The certificate of the domain, as Certificate Manager hands it out."""
    door.build()
    identity = requested(door.cloud).id
    prove(door.cloud, identity, door.zone)
    got = door.cloud(f"{CONTENT}/Get", certificate_id=identity)
    chain, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    chain.write_text("".join(got.certificate_chain))
    key.write_text(got.private_key)
    return chain, key


def root(cloud: Cloud) -> bytes:
    issue = cloud.emulator.state.issue
    return issue.__self__.authority.root.certificate_pem()  # type: ignore[attr-defined, no-any-return]


def test_the_name_leads_to_the_node_over_tls_that_verifies(door: Door, issued: tuple[Path, Path]) -> None:
    with node(door.cluster, issued):
        assert get(door.cloud, DOMAIN, HTTPS, trusting(root(door.cloud))) == b"it is Sentry"


def test_another_authority_does_not_verify(door: Door, issued: tuple[Path, Path], served: tuple[bytes, bytes, bytes]) -> None:
    with node(door.cluster, issued), pytest.raises(ssl.SSLCertVerificationError):
        get(door.cloud, DOMAIN, HTTPS, trusting(served[2]))


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("elsewhere.example.com", HTTPS, "no public zone of this cloud has an address for elsewhere.example.com"),
        ("yandex.cloud", HTTPS, "no public zone of this cloud has an address for yandex.cloud"),
        ("127.0.0.1", HTTPS, "no public zone of this cloud has an address for 127.0.0.1"),
        (DOMAIN, 22, "no load balancer listens at"),
    ],
)
def test_nothing_else_is_led_anywhere(door: Door, issued: tuple[Path, Path], host: str, port: int, why: str) -> None:
    with node(door.cluster, issued), pytest.raises(OSError, match=why):
        get(door.cloud, host, port, trusting(root(door.cloud)))


def test_a_record_that_names_another_address_leads_nowhere(door: Door, issued: tuple[Path, Path]) -> None:
    replaced = {"name": f"{DOMAIN}.", "type": "A", "ttl": 60, "data": ["203.0.113.200"]}
    door.cloud.done("dns.v1.DnsZoneService/UpsertRecordSets", dns_zone_id=door.zone, replacements=[replaced])
    with node(door.cluster, issued), pytest.raises(OSError, match=r"no load balancer listens at 203\.0\.113\.200:443"):
        get(door.cloud, DOMAIN, HTTPS, trusting(root(door.cloud)))


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ((CHECKS,), "lets callers in at port 30443"),
        ((CALLERS,), "lets the load balancer's health checks in at port 30081"),
        (({**CALLERS, "ports": {"from_port": 80, "to_port": 80}}, CHECKS), "lets callers in at port 30443"),
    ],
)
def test_a_security_group_that_does_not_let_it_in_ends_the_way(door: Door, rules: Any, why: str) -> None:
    door.build(*rules)
    with pytest.raises(OSError, match=why):
        get(door.cloud, DOMAIN, HTTPS, trusting(root(door.cloud)))
