"""Each registry is asked once, and its reason kept; what is true of one image is not held against another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.docker.images import LocalImage
from kit.adapters.docker.registries import ImagePullFailed, RegistryDenied, RegistryLimited, RegistrySilent, refused
from kit.supply.errors import RegistryPrefixInvalid
from kit.supply.lock import PulledImage
from kit.supply.registry import Registry, prefix_from

DIGEST = "sha256:" + "ab" * 32
SAID: Mapping[str, str] = {
    "limited": "toomanyrequests: later",
    "denied": "denied",
    "silent": "i/o timeout",
    "failing": "503 Service Unavailable",
    "unreachable": "no such host",
    "untrusted": "x509: unknown authority",
}


class Door:
    """By host, what the registry says: a digest, None, or one of `SAID`."""

    def __init__(self, **hosts: str | None) -> None:
        self.hosts = {name.replace("_", "."): says for name, says in hosts.items()}
        self.asked: list[tuple[str, float]] = []
        self.tags: list[tuple[str, str]] = []

    def digest_at_registry(self, reference: str, *, timeout_s: float) -> str | None:
        self.asked.append((reference, timeout_s))
        return self.say(reference)

    def say(self, reference: str) -> str | None:
        says = self.hosts[reference.partition("/")[0]]
        if says in SAID:
            raise refused(reference, SAID[says])
        return says

    def pull(self, repository: str, digest: str, *, log: Path, note: Callable[[str], None]) -> str:
        self.say(f"{repository}@{digest}")
        return f"{repository}@{digest}"

    def find(self, reference: str) -> LocalImage | None:
        return None

    def tag(self, image: str, reference: str) -> None:
        self.tags.append((image, reference))


def image(reference: str) -> PulledImage:
    return PulledImage(reference, DIGEST)


def pull(registry: Registry, reference: str, **more: Any) -> None:
    registry.pull(image(reference), "kit.local/x:1", log=Path("/dev/null"), **more)


@pytest.mark.parametrize("says", ["limited", "silent", "failing", "unreachable", "untrusted"])
def test_what_is_true_of_a_registry_is_asked_once(says: str) -> None:
    door = Door(a_example=says, b_example=DIGEST)
    registry = Registry(door, "")
    first = registry.why_not(image("a.example/x:1"))
    assert first is not None
    assert "a.example" in first
    assert registry.why_not(image("a.example/y:1")) == first
    assert registry.why_not(image("b.example/x:1")) is None
    assert registry.why_not(image("b.example/y:1")) is None
    assert [asked for asked, _ in door.asked] == [f"a.example/x@{DIGEST}", f"b.example/x@{DIGEST}"]
    with pytest.raises(ImagePullFailed):
        registry.digest("a.example/z:1")
    assert len(door.asked) == 2


@pytest.mark.parametrize(("says", "told"), [("denied", "does not allow x@"), (None, "has no x@")])
def test_what_is_true_of_an_image_is_asked_once_and_not_held_against_another(says: str | None, told: str) -> None:
    door = Door(a_example=says)
    registry = Registry(door, "")
    for _ in range(2):
        assert told in str(registry.why_not(image("a.example/x:1")))
    assert len(door.asked) == 1
    door.hosts["a.example"] = DIGEST
    assert registry.why_not(image("a.example/y:1")) is None
    assert told in str(registry.why_not(image("a.example/x:1")))


def test_a_slow_registry_is_asked_again_by_whoever_has_patience() -> None:
    door = Door(a_example="silent")
    registry = Registry(door, "", probe_s=5, patient_s=30)
    assert "does not answer" in str(registry.why_not(image("a.example/x:1")))
    door.hosts["a.example"] = DIGEST
    assert "does not answer" in str(registry.why_not(image("a.example/x:1")))
    assert registry.why_not(image("a.example/x:1"), patient=True) is None
    assert registry.why_not(image("a.example/y:1")) is None
    assert [timeout for _, timeout in door.asked] == [5, 30]


def test_patience_is_had_once_with_each_registry_and_not_with_each_of_its_images() -> None:
    door = Door(a_example="silent")
    registry = Registry(door, "", probe_s=5, patient_s=30)
    for name in ("x", "y", "z"):
        assert "does not answer" in str(registry.why_not(image(f"a.example/{name}:1")))
        assert "does not answer" in str(registry.why_not(image(f"a.example/{name}:1"), patient=True))
    assert [timeout for _, timeout in door.asked] == [5, 30]


def test_all_registries_are_asked_at_the_same_time() -> None:
    together = threading.Barrier(2)

    class Slow(Door):
        def say(self, reference: str) -> str | None:
            together.wait(30)
            return super().say(reference)

    registry = Registry(Slow(a_example="silent", b_example=DIGEST), "")
    assert not registry.is_slow
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(registry.why_not, (image("a.example/x:1"), image("b.example/x:1"))))
    assert [each is None for each in told] == [False, True]
    assert registry.is_slow


def test_what_a_pull_finds_out_is_kept() -> None:
    door = Door(a_example=DIGEST)
    registry = Registry(door, "")
    assert registry.why_not(image("a.example/x:1")) is None
    door.hosts["a.example"] = "limited"
    with pytest.raises(RegistryLimited):
        pull(registry, "a.example/x:1")
    assert "gives no more images" in str(registry.why_not(image("a.example/y:1")))
    door.hosts["a.example"] = DIGEST
    assert len(door.asked) == 1


def test_the_mirror_is_the_registry_that_counts() -> None:
    door = Door(mirror_example="denied")
    registry = Registry(door, "mirror.example/hub/")
    assert "the registry mirror.example does not allow hub/library/postgres" in str(registry.why_not(image("postgres:1")))
    with pytest.raises(RegistryDenied):
        registry.digest("postgres:17")
    assert {asked.partition("/")[0] for asked, _ in door.asked} == {"mirror.example"}


def test_an_absent_tag_is_no_digest_and_a_refusal_no_absent_tag() -> None:
    assert Registry(Door(a_example=None), "").digest("a.example/x:1") is None
    for says in SAID:
        with pytest.raises(ImagePullFailed):
            Registry(Door(a_example=says), "").digest("a.example/x:1")
    with pytest.raises(RegistrySilent):
        Registry(Door(a_example="silent"), "").digest("a.example/x:1")


def test_a_missing_helper_is_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text('{"credsStore": "desktop"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    registry = Registry(Door(a_example=DIGEST), "")
    pull(registry, "a.example/x:1", note=said.append)
    pull(registry, "a.example/y:1", note=said.append)
    assert said == [registry.warning]
    assert said[0].startswith(f"{tmp_path / 'config.json'} names docker-credential-desktop, which is not installed")


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "mirror.example",
        "mirror.example/",
        "Mirror.example:5000/hub/",
        "127.0.0.1:5000/",
        "[::1]:5000/a/b_c",
        "localhost/",
        "registry:5000",
    ],
)
def test_a_prefix_is_a_registry_and_folders(prefix: str) -> None:
    assert prefix_from({"KIT_REGISTRY_PREFIX": prefix}) == prefix


@pytest.mark.parametrize(
    "wrong",
    [
        "http://mirror.example/",
        "mirror",
        "hub/",
        "mirror.example/Hub/",
        "mirror.example//hub",
        "mirror.example:port/",
        "mirror.example /hub",
        'a"b.example/',
        "/mirror.example",
        "mirror.example\n",
        "me:hush@mirror.example/",
        "https://me:hu/sh@mirror.example/",
    ],
)
def test_what_no_image_can_be_named_after_is_refused_by_its_variable(wrong: str) -> None:
    with pytest.raises(RegistryPrefixInvalid) as refused:
        prefix_from({"KIT_REGISTRY_PREFIX": wrong})
    assert "KIT_REGISTRY_PREFIX" in refused.value.what
    assert "hu" not in refused.value.why.replace("hub", "")
