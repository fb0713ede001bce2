"""`kit images verify`: files against a real HTTPS server, images against what a registry would say."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kit.adapters.docker.client import Docker
from kit.adapters.docker.errors import EngineNotRunning
from kit.cli.images.command import images
from kit.status import SOMETHING_WRONG
from kit.supply import lock_file
from kit.supply.download import Files
from kit.supply.errors import DownloadFailed, RegistryPrefixInvalid
from kit.supply.supply import Supply
from kit.supply.verify import Compared, compared, sum_in
from tests.support.file_server import FileServer, Redirect, Refused, Stalled, file_server

ONE, OTHER = b"the program for amd64", b"the program for arm64"
SUMS = {content: hashlib.sha256(content).hexdigest() for content in (ONE, OTHER)}
A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
AMD, ARM = "/upstream.example/tiny-linux-amd64", "/upstream.example/tiny-linux-arm64"
LOCK = f"""
version: 1
tools:
  tiny:
    sources:
      - pulled:
          version: "1.2"
          sums: SUMS
          files:
            linux-amd64: {{url: "https://upstream.example/tiny-linux-amd64", sha256: {SUMS[ONE]}}}
            linux-arm64: {{url: "https://upstream.example/tiny-linux-arm64", sha256: {SUMS[OTHER]}}}
artifacts:
  jars:
    unpublished: "in the image only"
    sources: [{{built: {{version: "1", maven: jars}}}}]
images:
  base: {{sources: [{{pulled: {{reference: "debian:13", digest: "{A}"}}}}]}}
  node:
    sources:
      - pulled: {{reference: "kindest/node:v1.34.11", digest: "{A}", unless: cgroup-v1}}
      - pulled: {{reference: "kindest/node:v1.34.3", digest: "{B}"}}
"""


class Registry:
    """What is behind which reference."""

    def __init__(self, known: dict[str, str]) -> None:
        self.known = known

    def digest(self, reference: str) -> str | None:
        return self.known.get(reference)


EVERYTHING = {"debian:13": A, "kindest/node:v1.34.11": A, "kindest/node:v1.34.3": B}


class Away:
    def digest(self, reference: str) -> str | None:
        raise EngineNotRunning(address="unix:///run/docker.sock", said="nobody")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Everything there, and each sum beside its file."""
    with file_server(tmp_path) as served:
        monkeypatch.setenv("SSL_CERT_FILE", str(served.ca))
        served.paths |= {AMD: ONE, ARM: OTHER}
        served.paths[f"{AMD}.sha256"] = f"{SUMS[ONE]}\n".encode()
        served.paths[f"{ARM}.sha256"] = f"{SUMS[OTHER]} *tiny-linux-arm64\n".encode()
        yield served


def found(server: FileServer, registry: Any = None, sums: str = ".sha256", **options: Any) -> list[Compared]:
    lock = lock_file.parse(LOCK.replace("SUMS", f"'{sums}'"), Path("lock.yaml"))
    files = Files(server.url, ask_s=1, patient_s=1)
    return list(compared(lock.entries.values(), files, lambda: registry or Registry(EVERYTHING), **options))


def of_files(server: FileServer, **options: Any) -> list[Compared]:
    return [each for each in found(server, **options) if each.part]


def told(each: Compared) -> tuple[str, str]:
    return each.verdict, each.note


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A" * 64, "a" * 64),
        (f"{'a' * 64}\n", "a" * 64),
        (f"{'a' * 64}  kind-linux-amd64\n", "a" * 64),
        (f"{'a' * 64} *kind-linux-amd64\n", "a" * 64),
        (f"{'a' * 64}  ./dist/kind-linux-amd64\r\n", "a" * 64),
        (f"{'b' * 64}  kind-linux-arm64\n{'a' * 64}  kind-linux-amd64\n", "a" * 64),
        (f"{'b' * 64}  kind-linux-amd64.sig\n{'a' * 64}  kind-linux-amd64\n", "a" * 64),
        (f"{'b' * 64}  kind-linux-arm64\n", None),
        (f"{'b' * 64}\n{'a' * 64}\n", None),
        ("a" * 40, None),
        ("<html>Not Found</html>", None),
        ("", None),
    ],
)
def test_the_published_forms_of_a_sum_are_read(text: str, wanted: str | None) -> None:
    assert sum_in(text, "kind-linux-amd64") == wanted


def test_all_is_the_same_and_no_file_is_fetched_whole(server: FileServer) -> None:
    every = found(server)
    assert [(each.key, each.version, each.part, each.verdict) for each in every] == [
        ("tool/tiny", "1.2", "linux-amd64", "same"),
        ("tool/tiny", "1.2", "linux-arm64", "same"),
        ("image/base", "13", "", "same"),
        ("image/node", "1.34.11", "", "same"),
        ("image/node", "1.34.3", "", "same"),
    ]
    assert [each.upstream for each in every] == [SUMS[ONE], SUMS[OTHER], A, A, B]


def test_one_list_of_all_sums_is_fetched_once(server: FileServer) -> None:
    server.paths["/upstream.example/v1/SHA256SUMS"] = "".join(
        f"{SUMS[content]}  tiny-linux-{name}\n" for content, name in ((ONE, "amd64"), (OTHER, "arm64"))
    ).encode()
    sums = "https://upstream.example/v1/SHA256SUMS"
    assert [each.verdict for each in of_files(server, sums=sums)] == ["same", "same"]
    assert server.asked("/upstream.example/v1/SHA256SUMS") == 1
    server.paths["/upstream.example/v1/SHA256SUMS"] = f"{SUMS[ONE]}  tiny-linux-amd64\n".encode()
    same, none = of_files(server, sums=sums)
    assert same.verdict == "same"
    assert told(none) == ("not asked", "no sum of it stands in SHA256SUMS")


def test_another_published_sum_differs(server: FileServer) -> None:
    server.paths[f"{AMD}.sha256"] = f"{'c' * 64}\n".encode()
    first, second = of_files(server)
    assert told(first) == ("differs", "another sum is published")
    assert first.upstream == "c" * 64
    assert second.verdict == "same"


def test_a_file_that_is_gone_is_told_so_whatever_sum_is_still_published(server: FileServer) -> None:
    server.paths[AMD] = Refused(404)
    server.paths[ARM] = Redirect(f"{server.url}/nowhere")
    assert [told(each) for each in of_files(server)] == [
        ("gone", "no such file is there (HTTP 404)"),
        ("gone", f"127.0.0.1:{server.port}, to which it redirects: no such file is there (HTTP 404)"),
    ]


@pytest.mark.parametrize(("status", "word"), [(403, "it is not allowed"), (429, "too many requests"), (503, "an error")])
def test_a_refusal_is_no_verdict_on_the_file(server: FileServer, status: int, word: str) -> None:
    server.paths[AMD] = Refused(status)
    first, second = of_files(server)
    assert first.verdict == "not asked"
    assert word in first.note
    assert second.verdict == "same"


def test_without_a_published_sum_only_the_file_itself_can_tell(server: FileServer) -> None:
    del server.paths[f"{AMD}.sha256"]
    first, _ = of_files(server)
    assert told(first) == ("not asked", "its published sum cannot be read: no such file is there (HTTP 404)")
    first, second = of_files(server, download=True)
    assert first.verdict == "same"
    assert first.upstream == SUMS[ONE]
    assert told(second) == ("same", "fetched and hashed")
    assert {told(each) for each in of_files(server, sums="")} == {
        ("not asked", "the lock does not know where its sum is published")
    }


def test_a_file_that_is_not_what_its_own_sum_says_is_found_by_fetching_it(server: FileServer) -> None:
    server.paths[AMD] = b"something else"
    assert of_files(server)[0].verdict == "same"
    first = of_files(server, download=True)[0]
    assert told(first) == ("differs", "the file itself has another sum")
    assert first.upstream == hashlib.sha256(b"something else").hexdigest()


def test_a_host_that_cannot_be_reached_is_asked_once_for_all_its_files() -> None:
    nowhere = FileServer(1, Path())
    assert {told(each) for each in of_files(nowhere)} == {("not asked", "127.0.0.1:1 cannot be reached: Connection refused")}


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ({"debian:13": A}, ("same", "")),
        ({"debian:13": B, f"debian@{A}": A}, ("moved", "the tag names another image now; the locked digest is still there")),
        ({f"debian@{A}": A}, ("moved", "the tag is there no more; the locked digest is still there")),
        ({"debian:13": B}, ("gone", "the tag names another image now, and the locked digest is gone")),
        ({}, ("gone", "neither tag nor digest is there")),
    ],
)
def test_a_tag_may_move_as_long_as_the_digest_stays(server: FileServer, known: dict[str, str], wanted: tuple[str, str]) -> None:
    assert told(next(each for each in found(server, Registry(known)) if each.key == "image/base")) == wanted


def test_whoever_stops_listening_does_not_wait_for_a_silent_transfer(server: FileServer) -> None:
    server.paths[AMD] = stalled = Stalled(ONE, 5)
    lock = lock_file.parse(LOCK.replace("SUMS", ".sha256"), Path("lock.yaml"))
    entries = [lock.entries["image/base"], lock.entries["tool/tiny"]]
    told = compared(entries, Files(server.url, patient_s=60), lambda: Registry(EVERYTHING), download=True)
    assert next(told).key == "image/base"
    assert stalled.reached.wait(10)
    began = time.monotonic()
    told.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 30


def test_without_an_engine_images_are_not_asked_and_files_are(server: FileServer) -> None:
    every = found(server, Away())
    assert {each.verdict for each in every if each.part} == {"same"}
    assert {each.verdict for each in every if not each.part} == {"not asked"}


def ran(server: FileServer, registry: Any, *arguments: str, output: str = "table") -> Result:
    lock = lock_file.parse(LOCK.replace("SUMS", ".sha256"), Path("lock.yaml"))

    def wanted(names: tuple[str, ...]) -> list[Any]:
        return [lock.find(name) for name in names]

    supply = SimpleNamespace(
        lock=lock, files=Files(server.url), registry=registry, environment={"KIT_FILES_PREFIX": server.url}, wanted=wanted
    )
    session = SimpleNamespace(supply=lambda: supply, output=output)
    return CliRunner().invoke(images, ["verify", *arguments], obj=session, catch_exceptions=False, standalone_mode=False)


def test_the_command_ends_well_when_all_is_the_same_or_moved(server: FileServer) -> None:
    moved = Registry({**EVERYTHING, "debian:13": B, f"debian@{A}": A})
    result = ran(server, moved)
    assert result.return_value == 0
    assert "4 the same, 1 moved" in result.stdout
    assert "KIT_FILES_PREFIX is set" in result.stderr
    assert f"debian:13, now {'b' * 12}" in result.stdout


def test_the_command_tells_what_is_wrong_by_its_exit_code(server: FileServer) -> None:
    assert ran(server, Away()).return_value == DownloadFailed.exit_code
    server.paths[f"{AMD}.sha256"] = f"{'c' * 64}\n".encode()
    result = ran(server, Away(), output="json")
    assert result.return_value == SOMETHING_WRONG
    rows = json.loads(result.stdout)
    assert [(row["key"], row["part"], row["verdict"], row["holds"]) for row in rows[:2]] == [
        ("tool/tiny", "linux-amd64", "differs", False),
        ("tool/tiny", "linux-arm64", "same", True),
    ]
    assert rows[0]["locked"] == SUMS[ONE]
    assert rows[0]["upstream"] == "c" * 64


def test_names_choose_what_is_compared(server: FileServer) -> None:
    result = ran(server, Registry(EVERYTHING), "node", "jars")
    assert result.return_value == 0
    assert "2 the same" in result.stdout
    assert "artifact/jars  is not pulled: in the image only" in result.stderr
    assert server.requests == []


def test_a_mirror_that_is_none_is_said_once_and_not_of_each_image(tmp_path: Path) -> None:
    (tmp_path / "lock.yaml").write_text(
        f"version: 1\nimages: {{a: {{sources: [{{pulled: {{reference: 'a:1', digest: '{A}'}}}}]}}}}\n"
    )
    environment = {"KIT_REGISTRY_PREFIX": "http://mirror.example/"}
    supply = Supply(tmp_path / "lock.yaml", tmp_path, tmp_path, Docker("tcp://127.0.0.1:1"), environment=environment)
    session = SimpleNamespace(supply=lambda: supply, output="table")
    with pytest.raises(RegistryPrefixInvalid):
        CliRunner().invoke(images, ["verify"], obj=session, catch_exceptions=False, standalone_mode=False)
