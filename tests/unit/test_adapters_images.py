"""By data, what the engine of this computer does not do: newer APIs, the containerd store, failures in the new field alone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.adapters.docker.client import Docker
from kit.adapters.docker.connection import NEWEST_API
from kit.adapters.docker.errors import EngineRefused, ImageBuildFailed
from kit.adapters.docker.observed import Platform
from kit.adapters.docker.registries import ImagePullFailed, RegistryLimited
from tests.support.fake_engine import FakeEngine, Told, engine

DIGEST = "sha256:" + "ab" * 32
CONTAINERD = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]], "DockerRootDir": "/"}
GRAPH = {"DriverStatus": [["Backing Filesystem", "extfs"]], "DockerRootDir": "/"}
IMAGE = {"Id": "sha256:1", "RepoTags": [], "RepoDigests": [f"x@{DIGEST}"], "Size": 1, "Config": {}}


@contextmanager
def fake(folder: Path, api: str = "1.52", **answers: Any) -> Iterator[tuple[Docker, FakeEngine]]:
    """`info` and whatever else is given as "GET /path"."""
    told = {tuple(key.split(" ", 1)): answer for key, answer in answers.items()}
    with engine(folder / "engine.sock", told, api=api) as made:  # type: ignore[arg-type]
        yield Docker(f"unix://{folder / 'engine.sock'}"), made


def saved(docker: Docker, made: FakeEngine, platform: Platform | None = None) -> Any:
    """The platform that was asked for."""
    assert b"".join(docker.images.save(["a:1", "b:1"], platform)) == b"tar"
    asked = next(each for each in made.asked if each.path == "/images/get")
    assert asked.query["names"] == ["a:1", "b:1"]
    return json.loads(asked.query["platform"][0]) if "platform" in asked.query else None


AMD64 = {"os": "linux", "architecture": "amd64"}
ARM64 = {"os": "linux", "architecture": "arm64"}


@pytest.mark.parametrize(
    ("api", "info", "platform", "asked"),
    [
        ("1.52", CONTAINERD, None, AMD64),
        ("1.48", CONTAINERD, None, AMD64),
        ("1.47", CONTAINERD, None, None),
        ("1.52", GRAPH, None, None),
        ("1.52", GRAPH, Platform("linux", "arm64"), ARM64),
        ("1.52", CONTAINERD, Platform("linux", "arm64"), ARM64),
    ],
)
def test_a_store_of_many_platforms_is_asked_for_one(
    api: str, info: Any, platform: Platform | None, asked: Any, tmp_path: Path
) -> None:
    answers = {"GET /info": Told(info), "GET /images/get": Told(b"tar")}
    with fake(tmp_path, api, **answers) as (docker, made):
        assert saved(docker, made, platform) == asked
        assert docker.images.is_containerd is (info is CONTAINERD)


def test_a_save_that_is_refused_says_why(tmp_path: Path) -> None:
    answers = {"GET /info": Told(GRAPH), "GET /images/get": Told({"message": "no such image: a:1"}, 404)}
    with fake(tmp_path, **answers) as (docker, _), pytest.raises(EngineRefused) as refused:
        list(docker.images.save(["a:1"]))
    assert refused.value.why == "no such image: a:1"


@pytest.mark.parametrize(("theirs", "spoken"), [("1.41", "1.41"), ("1.99", ".".join(map(str, NEWEST_API)))])
def test_no_newer_api_is_spoken_than_was_tried(theirs: str, spoken: str, tmp_path: Path) -> None:
    with fake(tmp_path, theirs, **{"GET /info": Told(GRAPH)}) as (docker, made):
        docker.info()
    assert [each.api for each in made.asked] == ["", spoken]


def test_the_engine_tells_about_itself_once(tmp_path: Path) -> None:
    with fake(tmp_path, **{"GET /info": Told(GRAPH)}) as (docker, made):
        assert docker.info() == docker.info() == GRAPH
        assert docker.images.is_containerd is False
    assert [each.path for each in made.asked].count("/info") == 1


def stream(*pieces: Any) -> Told:
    return Told(pieces=pieces)


def test_a_pull_whose_failure_stands_in_the_new_field_alone_has_failed(tmp_path: Path) -> None:
    failing = stream({"status": "Pulling from x", "id": "1"}, {"errorDetail": {"message": "toomanyrequests: later"}})
    with (
        fake(tmp_path, **{"GET /info": Told(GRAPH), "POST /images/create": failing}) as (docker, _),
        pytest.raises(RegistryLimited),
    ):
        docker.images.pull("x", DIGEST, log=tmp_path / "log")
    assert "toomanyrequests: later" in (tmp_path / "log").read_text()


def test_a_pull_after_which_the_image_is_not_there_has_failed(tmp_path: Path) -> None:
    quiet = stream({"status": "Status: Downloaded newer image"})
    with fake(tmp_path, **{"GET /info": Told(GRAPH), "POST /images/create": quiet}) as (docker, made):
        with pytest.raises(ImagePullFailed, match=DIGEST):
            docker.images.pull("x", DIGEST, log=tmp_path / "log")
        made.answers["GET", f"/images/x@{DIGEST}/json"] = Told(IMAGE)
        assert docker.images.pull("x", DIGEST, log=tmp_path / "log") == f"x@{DIGEST}"


def test_a_build_and_a_load_read_the_new_field(tmp_path: Path) -> None:
    build = stream({"stream": "Step 1/1 : FROM scratch\n"}, {"errorDetail": {"code": 1, "message": "it broke"}})
    load = stream({"errorDetail": {"message": "unexpected EOF"}})
    said: list[str] = []
    answers = {"GET /info": Told(GRAPH), "POST /build": build, "POST /images/load": load}
    with fake(tmp_path, **answers) as (docker, made):
        with pytest.raises(ImageBuildFailed) as failed:
            docker.images.build(io.BytesIO(b""), tag="x:1", labels={}, arguments={}, log=tmp_path / "log", note=said.append)
        assert failed.value.what.endswith("Step 1/1 : FROM scratch")
        assert failed.value.why == "it broke"
        assert said == ["Step 1/1 : FROM scratch"]
        with pytest.raises(EngineRefused, match="load images"):
            docker.images.load(io.BytesIO(b"tar"))
        assert not any(header.lower() == "x-registry-auth" for each in made.asked for header in each.headers)


@pytest.fixture
def helperless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker CLI whose configuration names a helper that is not there, and holds one login itself."""
    folder = tmp_path / "cli"
    folder.mkdir()
    config = {
        "credsStore": "desktop",
        "credHelpers": {"gone.example": "gone", "here.example": "here"},
        "auths": {"own.example": {"auth": "bWU6c2VjcmV0"}},
    }
    (folder / "config.json").write_text(json.dumps(config))
    helper = folder / "docker-credential-here"
    helper.write_text('#!/bin/sh\necho \'{"Username": "they", "Secret": "hidden"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def logins(made: FakeEngine, path: str) -> list[Any]:
    import base64

    found = [each.headers.get("X-Registry-Auth") for each in made.asked if each.path == path]
    return [json.loads(base64.urlsafe_b64decode(each)) if each else None for each in found]


@pytest.mark.usefixtures("helperless")
def test_a_missing_helper_costs_the_logins_that_it_keeps_and_no_other(tmp_path: Path) -> None:
    quiet = stream({"status": "done"})
    with fake(tmp_path, **{"GET /info": Told(GRAPH), "POST /images/create": quiet, "POST /build": quiet}) as (docker, made):
        for host in ("docker.io", "gone.example", "own.example", "here.example"):
            made.answers["GET", f"/images/{host}/x@{DIGEST}/json"] = Told(IMAGE)
            docker.images.pull(f"{host}/x", DIGEST, log=tmp_path / "log")
        docker.images.build(io.BytesIO(b""), tag="x:1", labels={}, arguments={}, log=tmp_path / "log")
        users = [(each or {}).get("username") or (each or {}).get("Username") for each in logins(made, "/images/create")]
        assert users == [None, None, "me", "they"]
        (build,) = (each for each in made.asked if each.path == "/build")
        assert "secret" not in str(build.headers)
        assert "docker-credential-desktop" in (tmp_path / "log").read_text()


def test_a_helper_that_fails_is_not_an_engine_that_does_not_run(helperless: Path, tmp_path: Path) -> None:
    helper = helperless / "docker-credential-here"
    helper.write_text("#!/bin/sh\necho 'the keychain is locked'\nexit 1\n")
    with fake(tmp_path, **{"GET /info": Told(GRAPH)}) as (docker, _):
        for ask in (
            lambda: docker.images.pull("here.example/x", DIGEST, log=tmp_path / "log"),
            lambda: docker.images.digest_at_registry("here.example/x:1", timeout_s=5),
        ):
            with pytest.raises(ImagePullFailed) as failed:
                ask()
            assert failed.value.code == "KIT-CREDENTIAL-HELPER"
            assert "here.example" in failed.value.what
            assert "keychain" in failed.value.detail
