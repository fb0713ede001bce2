"""One suite over the five real stores. A sixth store is covered unasked: the cases come from `kit.stores`."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from kit import verify as checks
from kit.adapters.docker.client import Docker
from kit.blueprint.stack import STORES
from kit.endpoints import Trust
from kit.stores import catalog, refusals
from kit.stores.contract import NotYet, Preamble, Ready
from kit.stores.wire import tls
from kit.targets.local.target import LocalTarget
from tests.support.program import Program
from tests.support.reach import local_target

PORTS = [f"{store}.{port.name}" for store in STORES for port in catalog.module(store).PORTS]
NAMES = [
    (f"{store}.{port.name}", name)
    for store in STORES
    for port in catalog.module(store).PORTS
    for name in catalog.module(store).names()
]


@pytest.fixture(scope="session")
def local(stores: Program) -> LocalTarget:
    return local_target(stores)


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory, local: LocalTarget) -> Trust:
    return checks.foreign_trust(tmp_path_factory.mktemp("foreign"), local.stack.name)


def preamble(port: str) -> Preamble | None:
    return catalog.module(port.partition(".")[0]).PREAMBLE


def server(local: LocalTarget, port: str) -> refusals.Server:
    return refusals.Server("127.0.0.1", local.ports()[port], local.trust(), preamble(port))


@pytest.mark.parametrize("store", STORES)
def test_is_ready_over_verified_tls(local: LocalTarget, store: str) -> None:
    answer = catalog.module(store).probe(local.endpoints().store(store), local.trust())
    assert isinstance(answer, Ready), answer
    assert answer.tls.issuer == f"kit {local.stack.name} intermediate"


@pytest.mark.parametrize(("port", "name"), NAMES)
def test_every_name_in_use_verifies(local: LocalTarget, port: str, name: str) -> None:
    with tls.handshake("127.0.0.1", local.ports()[port], local.trust(), server_name=name, preamble=preamble(port)):
        pass


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("port", PORTS)
def test_tls_12_and_13_are_accepted(local: LocalTarget, port: str, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(local.trust().ca_file))
    context.minimum_version = context.maximum_version = version
    with tls.connected("127.0.0.1", local.ports()[port], tls.Deadline(5)) as plain:
        if speak := preamble(port):
            speak(plain)
        with context.wrap_socket(plain, server_hostname="localhost") as secured:
            assert secured.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]


@pytest.mark.parametrize("port", PORTS)
def test_tls_11_is_refused(local: LocalTarget, port: str) -> None:
    refusal = refusals.refuses_tls11(server(local, port))
    assert refusal.verdict == "refused", refusal


@pytest.mark.parametrize("port", PORTS)
def test_another_authority_of_the_same_name_is_refused(local: LocalTarget, foreign: Trust, port: str) -> None:
    refusal = refusals.refuses_foreign_authority(server(local, port), foreign)
    assert refusal.verdict == "refused", refusal


@pytest.mark.parametrize("port", PORTS)
def test_the_system_s_own_roots_are_not_enough(local: LocalTarget, port: str) -> None:
    system = Path(ssl.get_default_verify_paths().openssl_cafile)
    roots = system if system.is_file() else Path("/etc/ssl/certs/ca-certificates.crt")
    refusal = refusals.refuses_foreign_authority(server(local, port), Trust(roots))
    assert refusal.verdict == "refused", refusal


@pytest.mark.parametrize("port", PORTS)
def test_a_wrong_name_is_refused(local: LocalTarget, port: str) -> None:
    refusal = refusals.refuses_wrong_name(server(local, port))
    assert refusal.verdict == "refused", refusal


@pytest.mark.parametrize("port", PORTS)
def test_plaintext_is_refused(local: LocalTarget, port: str) -> None:
    refusal = refusals.refuses_plaintext(server(local, port), catalog.module(port.partition(".")[0]).IN_CLEAR)
    assert refusal.verdict == "refused", refusal


@pytest.mark.parametrize("store", STORES)
def test_a_wrong_password_is_refused_as_such(local: LocalTarget, store: str) -> None:
    module = catalog.module(store)
    answer = module.probe(module.with_password(local.endpoints().store(store), checks.WRONG_PASSWORD), local.trust())
    assert isinstance(answer, NotYet)
    assert answer.cause == "refused", answer


@pytest.mark.parametrize("store", STORES)
def test_what_is_written_is_read_back(local: LocalTarget, store: str) -> None:
    assert catalog.module(store).smoke(local.endpoints().store(store), local.trust()).what


@pytest.mark.parametrize("store", STORES)
def test_a_second_set_up_makes_nothing(local: LocalTarget, store: str) -> None:
    assert catalog.module(store).bootstrap(local.endpoints().store(store), local.credentials(), local.trust()) == ()


@pytest.mark.parametrize("store", STORES)
def test_nobody_listening_is_said_in_words(local: LocalTarget, store: str) -> None:
    module = catalog.module(store)
    nowhere = module.endpoint("127.0.0.1", {port.name: 1 for port in module.PORTS}, local.credentials())
    answer = module.probe(nowhere, local.trust())
    assert isinstance(answer, NotYet)
    assert answer.cause == "unreachable"
    assert answer.reason


@pytest.fixture(scope="session")
def docker() -> Docker:
    return Docker()


class TestContainer:
    """What the engine says about the container that each store runs in."""

    @pytest.mark.parametrize("store", STORES)
    def test_is_least_privileged(self, local: LocalTarget, docker: Docker, store: str) -> None:
        seen = docker.api.inspect_container(f"{local.stack.name}-{store}")
        host = seen["HostConfig"]
        assert not host["Privileged"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["Memory"] > 0

    @pytest.mark.parametrize("store", STORES)
    def test_no_process_is_root(self, local: LocalTarget, docker: Docker, store: str) -> None:
        top = docker.api.top(f"{local.stack.name}-{store}", ps_args="-eo uid,pid,args")
        assert top["Processes"]
        assert all(int(row[0]) not in (0,) for row in top["Processes"]), top

    @pytest.mark.parametrize("store", STORES)
    def test_publishes_tls_ports_on_loopback_only(self, local: LocalTarget, docker: Docker, store: str) -> None:
        (container,) = [seen for seen in docker.containers() if seen.name == f"{local.stack.name}-{store}"]
        wanted = {local.ports()[f"{store}.{port.name}"] for port in catalog.module(store).PORTS}
        assert {port.host for port in container.ports} == wanted
        assert {port.address for port in container.ports} == {"127.0.0.1"}

    @pytest.mark.parametrize("store", STORES)
    def test_no_secret_is_in_its_description_arguments_or_log(self, local: LocalTarget, docker: Docker, store: str) -> None:
        name = f"{local.stack.name}-{store}"
        said = str(docker.api.inspect_container(name)) + str(docker.api.top(name, ps_args="-eo pid,args")) + docker.logs(name)
        found = [key for key, secret in local.secrets().items() if secret.reveal() in said]
        assert found == []

    @pytest.mark.parametrize("store", STORES)
    def test_is_ready_again_after_a_restart(self, local: LocalTarget, docker: Docker, store: str) -> None:
        docker.api.restart(f"{local.stack.name}-{store}", timeout=20)
        deadline = tls.Deadline(60)
        while not isinstance(catalog.module(store).probe(local.endpoints().store(store), local.trust()), Ready):
            deadline.remaining_s()
        assert catalog.module(store).smoke(local.endpoints().store(store), local.trust()).what


def test_keys_on_disk_are_private(local: LocalTarget) -> None:
    keys = [*local.workspace.certs.rglob("*.key"), local.secrets_file]
    assert len(keys) > len(STORES)
    assert all(os.stat(key).st_mode & 0o077 == 0 for key in keys)
