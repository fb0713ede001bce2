"""The mirror as the node's containerd is told of it: the same places from which kit itself pulls."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from kit.supply.https import is_loopback
from kit.supply.registry import mirrored
from kit.targets.local import registries
from kit.targets.local.registries import Mirror, Way

PEM = "-----BEGIN CERTIFICATE-----\n"


def hosts(mirror: Mirror, way: Way, upstream: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(registries.hosts_files(mirror, way)[f"{upstream}/hosts.toml"].decode())["host"]
    return found


@pytest.mark.parametrize("prefix", ["mirror.example", "mirror.example:5000/hub", "mirror.example/a/b"])
@pytest.mark.parametrize("image", ["postgres", "minio/minio", "quay.io/minio/minio", "ghcr.io/getsentry/relay"])
def test_the_node_asks_where_kit_asks(prefix: str, image: str) -> None:
    upstream, _, repository = image.partition("/") if "." in image else ("docker.io", "", image)
    repository = repository if "/" in repository else f"library/{repository}"
    mirror = Mirror(prefix)
    (url,) = hosts(mirror, Way(mirror.host, verified=True), upstream)
    asked = f"{url}/{repository}" if "/v2/" in url else f"{url}/v2/{repository}"
    assert asked.removeprefix("https://").replace("/v2/", "/", 1) == mirrored(image, prefix)


def test_a_path_is_told_as_it_is_and_a_bare_host_needs_no_word_of_it() -> None:
    assert hosts(Mirror("m.example/hub"), Way("m.example", True), "docker.io") == {
        "https://m.example/v2/hub": {"capabilities": ["pull", "resolve"], "override_path": True}
    }
    assert hosts(Mirror("m.example"), Way("m.example", True), "docker.io") == {
        "https://m.example": {"capabilities": ["pull", "resolve"]}
    }


def test_the_authority_goes_with_it_where_it_is_verified() -> None:
    mirror, way = Mirror("m.example", "-----BEGIN CERTIFICATE-----\n"), Way("m.example", verified=True)
    (told,) = hosts(mirror, way, "quay.io").values()
    assert told["ca"] == "/etc/containerd/certs.d/quay.io/ca.crt"
    assert registries.hosts_files(mirror, way)["quay.io/ca.crt"] == b"-----BEGIN CERTIFICATE-----\n"


def test_what_the_engine_takes_unverified_the_node_takes_so() -> None:
    found = hosts(Mirror("10.1.2.3:5000"), Way("10.1.2.3:5000", verified=False), "docker.io")
    assert list(found) == ["https://10.1.2.3:5000", "http://10.1.2.3:5000"]
    assert found["https://10.1.2.3:5000"]["skip_verify"] is True
    assert "skip_verify" not in found["http://10.1.2.3:5000"]


INFO = {
    "RegistryConfig": {
        "InsecureRegistryCIDRs": ["127.0.0.0/8", "::1/128", "10.0.0.0/8"],
        "IndexConfigs": {"docker.io": {"Secure": True}, "old.example:5000": {"Secure": False}, "10.9.9.9:5000": {"Secure": True}},
    }
}


@pytest.mark.parametrize(
    ("host", "insecure"),
    [
        ("old.example:5000", True),
        ("new.example:5000", False),
        ("127.0.0.1:5000", True),
        ("[::1]:5000", True),
        ("10.1.2.3:5000", True),
        ("10.9.9.9:5000", False),
        ("192.168.1.1", False),
    ],
)
def test_the_engines_word_on_a_registry_counts(host: str, insecure: bool) -> None:
    assert registries.is_insecure(host, INFO) is insecure


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1:5000", True), ("localhost:5000", True), ("[::1]:5000", True), ("10.0.0.1", False), ("m.example", False)],
)
def test_a_loopback_is_known(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_without_a_prefix_there_is_nothing_to_tell() -> None:
    assert registries.wanted({}).fingerprint == ""
    assert registries.wanted({"KIT_REGISTRY_PREFIX": "m.example/"}) == Mirror("m.example")
    assert Mirror("m.example").fingerprint != Mirror("m.example", "ca").fingerprint


def test_of_the_engine_s_authorities_those_are_taken_that_can_be_read_as_pem(tmp_path: Path) -> None:
    folder = tmp_path / "m.example:5000"
    folder.mkdir()
    (folder / "one.crt").write_text(PEM)
    (folder / "two.crt").write_bytes(bytes.fromhex("3082ff"))  # DER
    (folder / "three.crt").symlink_to("not-there")
    assert registries._authorities("m.example:5000", [str(tmp_path / "absent"), str(tmp_path)]) == PEM
