"""Custom images, built for real on stand-ins for upstream's: they trust the authority against a real store and import the module.

The stand-in for Sentry and Snuba is the probe image with a system trust store and a certifi of its own; the one for a distroless
Relay is one static program (kubectl, which trusts what Go finds) and nothing else.
"""

from __future__ import annotations

import shutil
import sysconfig
import tarfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kit.adapters.docker.client import Docker
from kit.sentry.chart import custom_images
from kit.sentry.chart.custom_images import BaseUnknown, Custom, Trusted
from kit.supply.lock import PulledImage
from kit.targets.local.target import LocalTarget
from tests.support.program import Program
from tests.support.reach import local_target

STAND_IN = """ARG BASE
FROM ${BASE}
USER root
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl openssl && rm -rf /var/lib/apt/lists/*
COPY packages /opt/probe/lib/python3.13/site-packages
USER 10001:10001
"""
SENTRY = {
    "sentry/__init__.py": "",
    "sentry/exceptions.py": "class InvalidConfiguration(Exception): pass\n",
    "sentry/nodestore/__init__.py": "",
    "sentry/nodestore/base.py": "class NodeStorage: pass\n",
}
BY_CERTIFI = """
import certifi, ssl, urllib.request
urllib.request.urlopen({url!r}, context=ssl.create_default_context(cafile=certifi.where()))
"""


@dataclass
class Bench:
    local: LocalTarget
    folder: Path
    made: list[str] = field(default_factory=list)

    @property
    def docker(self) -> Docker:
        return self.local.docker

    @property
    def trusted(self) -> Trusted:
        space = self.local.workspace
        return Trusted(space.ca_file.read_bytes(), space.bundle_file.read_bytes())

    @property
    def url(self) -> str:
        return "https://s3:9000/minio/health/live"

    def stand_in(self, dockerfile: str, *, arguments: dict[str, str], files: Path | None = None) -> str:
        """The id of an image that stands for upstream's."""
        tag = f"kit.custom/test-{uuid.uuid4().hex[:8]}:1"
        place = self.folder / f"{uuid.uuid4().hex}.tar"
        (self.folder / "Dockerfile").write_text(dockerfile)
        with tarfile.open(place, "w") as tar:
            tar.add(self.folder / "Dockerfile", "Dockerfile")
            if files:
                tar.add(files, files.name)
        with place.open("rb") as stream:
            self.docker.images.build(stream, tag=tag, labels={}, arguments=arguments, log=self.folder / "stand-in.log")
        self.made.append(tag)
        found = self.docker.images.find(tag)
        assert found is not None
        return found.id

    def build(self, name: str, base: str) -> Custom:
        made = custom_images.build(
            self.docker,
            self.local.workspace.assets,
            name,
            custom_images.base_of(name, "seed", base, self.local.workspace.assets),
            self.trusted,
            fetch=nothing_to_fetch,
            log=self.folder / f"{name}.log",
        )
        self.made.append(made.reference)
        return made

    def run(self, image: str, *argv: str) -> tuple[int, str]:
        ended = self.docker.run_once(image, argv, network=self.local.stack.name, check=False)
        return ended.exit_code, ended.output


def nothing_to_fetch(base: PulledImage, local: str) -> None:
    raise AssertionError(f"{base} is here already")


@pytest.fixture(scope="module")
def bench(stores: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(local_target(stores), tmp_path_factory.mktemp("custom"))
    bench.local.supply.ensure(["probe", "kubectl"])
    yield bench
    for reference in bench.made:
        bench.docker.images.untag(reference)


@pytest.fixture(scope="module")
def debian(bench: Bench) -> str:
    packages = bench.folder / "packages"
    for name, text in SENTRY.items():
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(text)
    shutil.copytree(Path(sysconfig.get_paths()["purelib"]) / "certifi", packages / "certifi")
    return bench.stand_in(STAND_IN, arguments={"BASE": bench.local.supply.image("probe").reference}, files=packages)


@pytest.fixture(scope="module")
def distroless(bench: Bench) -> str:
    shutil.copy(bench.local.supply.tool("kubectl"), bench.folder / "client")
    return bench.stand_in("FROM scratch\nCOPY client /client\nUSER 65532\n", arguments={}, files=bench.folder / "client")


CLIENTS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "curl": lambda url: ("curl", "--silent", "--show-error", "--fail", url),
    "openssl": lambda url: (
        "sh",
        "-c",
        "openssl s_client -connect s3:9000 -servername s3 -verify_return_error -brief </dev/null",
    ),
    "python": lambda url: ("python3", "-c", f"import urllib.request as u; u.urlopen({url!r})"),
    "certifi": lambda url: ("python3", "-c", BY_CERTIFI.format(url=url)),
}


@pytest.mark.parametrize("name", ["sentry", "snuba"])
def test_every_client_in_it_trusts_the_authority(bench: Bench, debian: str, name: str) -> None:
    made = bench.build(name, debian)
    assert not made.is_distroless
    for client, argv in CLIENTS.items():
        code, said = bench.run(debian, *argv(bench.url))
        assert code != 0, f"{client} trusted before: this would prove nothing"
        assert "verif" in said.lower(), said
        code, said = bench.run(made.reference, *argv(bench.url))
        assert code == 0, f"{client}: {said}"


def test_relay_on_debian_trusts_the_authority_in_the_system_s_store(bench: Bench, debian: str) -> None:
    made = bench.build("relay", debian)
    assert not made.is_distroless
    for client in ("curl", "openssl"):
        code, said = bench.run(made.reference, *CLIENTS[client](bench.url))
        assert code == 0, said


def test_relay_without_a_shell_trusts_the_authority(bench: Bench, distroless: str) -> None:
    argv = ("/client", "--server=https://s3:9000", "--token=none", "get", "--raw=/minio/health/live")
    code, said = bench.run(distroless, *argv)
    assert code != 0
    assert "certificate" in said, said
    made = bench.build("relay", distroless)
    assert made.is_distroless
    code, said = bench.run(made.reference, *argv)
    assert code == 0, said


def test_sentry_imports_the_node_store_s_module(bench: Bench, debian: str) -> None:
    made = bench.build("sentry", debian)
    code, said = bench.run(made.reference, "python3", "-c", "import kit_nodestore; print(kit_nodestore.S3NodeStorage.__mro__[1])")
    assert code == 0, said
    assert "sentry.nodestore.base.NodeStorage" in said
    snuba = bench.build("snuba", debian)
    assert bench.run(snuba.reference, "python3", "-c", "import kit_nodestore")[0] != 0


def test_it_runs_as_the_base_did_and_holds_public_authorities_too(bench: Bench, debian: str) -> None:
    made = bench.build("sentry", debian)
    assert bench.docker.images.user(made.reference) == "10001:10001"
    assert bench.run(made.reference, "id", "-u")[1].strip() == "10001"
    _, count = bench.run(made.reference, "sh", "-c", "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt")
    assert int(count) > 50


def test_the_same_parts_are_built_once_and_another_authority_makes_another(bench: Bench, debian: str) -> None:
    first = bench.build("sentry", debian)
    again = bench.build("sentry", debian)
    assert (again.reference, again.is_new) == (first.reference, False)
    other = custom_images.context(bench.local.workspace.assets, "sentry", Trusted(b"other", b""), is_distroless=False)
    same = custom_images.context(bench.local.workspace.assets, "sentry", bench.trusted, is_distroless=False)
    assert other != same


@pytest.mark.parametrize("base", ["getsentry/sentry:25.2.0", "getsentry/sentry:latest", "getsentry/sentry", "sentry@sha256:12"])
def test_a_base_without_a_digest_is_refused(stores: Program, base: str) -> None:
    ran = stores("images", "build", "--custom", "sentry", "--base", base)
    assert ran.exit_code == BaseUnknown.exit_code
    assert "KIT-CUSTOM-BASE" in ran.stderr
    assert "--base" in ran.stderr


def test_without_a_digest_in_the_lock_it_says_how_to_name_one(stores: Program) -> None:
    ran = stores("images", "build", "--custom", "--profile", "seed")
    assert ran.exit_code == BaseUnknown.exit_code
    assert "getsentry/sentry:25.2.0" in ran.stderr
    assert "--base" in ran.stderr


def test_the_command_builds_and_names_the_image(stores: Program, bench: Bench, debian: str) -> None:
    ran = stores.must("images", "build", "--custom", "snuba", "--base", debian, "-o", "json")
    assert ran.json[0]["name"] == "snuba"
    assert ran.json[0]["reference"].startswith("kit.custom/snuba:")
    bench.made.append(ran.json[0]["reference"])
    code, said = bench.run(ran.json[0]["reference"], *CLIENTS["curl"](bench.url))
    assert code == 0, said
