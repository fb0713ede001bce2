"""Which engine it is, from its own answers as they were recorded; and that an unfit one is refused before anything is made."""

from __future__ import annotations

import platform
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.host import fitness
from kit.host import platform as platforms
from tests.support.program import Program
from tests.support.recorded_engine import FOLDER, answering, recorded

ENGINES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
UNFIT = [name for name in ENGINES if recorded(name)["expect"]["cause"]]
FIT = [name for name in ENGINES if name not in UNFIT]


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_is_recognised_by_its_own_answers(name: str) -> None:
    engine = recorded(name)
    expect = engine["expect"]
    found = fitness.recognise(engine["info"], engine["version"], engine["kernel"])
    told = {key: getattr(found, key) for key in expect if key != "platform"}
    assert told | {"platform": platforms.named(engine["version"]["Os"], engine["version"]["Arch"])} == expect
    assert (found.memory_bytes, found.processors) == (engine["info"]["MemTotal"], engine["info"]["NCPU"])
    assert not fitness.is_elsewhere(engine["address"])


def test_each_recorded_answer_says_where_it_is_from() -> None:
    assert [name for name in ENGINES if not (FOLDER / f"{name}.yaml").read_text().startswith("# ")] == []
    assert {recorded(name)["expect"]["cause"] for name in UNFIT} | {"remote"} == set(fitness.SENTENCES)


@pytest.mark.parametrize("name", UNFIT)
def test_an_unfit_engine_is_refused_before_anything_is_made(tmp_path: Path, name: str) -> None:
    engine, home = recorded(name), tmp_path / "home"
    home.mkdir()
    with answering(tmp_path / "engine", engine) as asked:
        kit = Program(home, "unfit", {"DOCKER_HOST": f"unix://{tmp_path}/engine", "KIT_CACHE": str(tmp_path / "cache")})
        ran = kit("up", "--local", "-o", "json")
    cause = engine["expect"]["cause"]
    assert (ran.exit_code, ran.json["error"]["code"]) == (35, "KIT-ENGINE-UNFIT")
    assert ran.json["error"]["what"].endswith(f": {cause}")
    assert set(asked) == {"GET /version", "GET /info"}
    assert [path.name for path in home.rglob("*") if path.suffix != ".lock"] == [".kit"]  # the lock of the stack alone
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "address", ["ssh://u@build.example.com", "tcp://10.1.2.3:2376", "tcp://docker:2375", "https://e.example:2376"]
)
def test_an_engine_elsewhere_is_refused_without_being_asked(tmp_path: Path, address: str) -> None:
    kit = Program(tmp_path, "unfit", {"DOCKER_HOST": address, "KIT_CACHE": str(tmp_path / "cache")})
    ran = kit("up", "--local", timeout_s=20)  # a connection to 10.1.2.3 would be waited for
    assert ran.exit_code == 35
    assert f"it is at {address}: " in ran.stderr
    assert "unset DOCKER_HOST" in ran.stderr


@pytest.mark.parametrize(
    "address",
    [
        "unix:///var/run/docker.sock",
        "http+unix:///var/run/docker.sock",
        "npipe:////./pipe/docker_engine",
        "tcp://localhost:2375",
        "tcp://127.0.0.1:2375",
        "tcp://[::1]:2375",
        "tcp://0.0.0.0:2375",
    ],
)
def test_an_address_on_this_computer_is_not_elsewhere(address: str) -> None:
    assert not fitness.is_elsewhere(address)


@pytest.mark.parametrize("name", UNFIT)
def test_doctor_says_the_same(tmp_path: Path, name: str) -> None:
    with answering(tmp_path / "engine", recorded(name)):
        kit = Program(tmp_path, "unfit", {"DOCKER_HOST": f"unix://{tmp_path}/engine", "KIT_CACHE": str(tmp_path / "cache")})
        findings = {finding["check"]: finding for finding in kit("doctor", "-o", "json").json}
    why, _ = fitness.SENTENCES[recorded(name)["expect"]["cause"]]
    assert findings["engine"]["verdict"] == "wrong"
    assert why in findings["engine"]["said"]
    assert findings["engine"]["fix"]


def test_the_advice_names_what_chose_the_engine() -> None:
    assert fitness.turn_to_another({"DOCKER_HOST": "ssh://x"}) == "unset DOCKER_HOST"
    assert fitness.turn_to_another({"DOCKER_CONTEXT": "podman"}) == "unset DOCKER_CONTEXT"
    assert fitness.turn_to_another({}) == "docker context use default"


def test_the_disk_of_images_is_known_only_here(tmp_path: Path) -> None:
    def engine(address: str, **info: str) -> Any:
        told = {"KernelVersion": platform.release(), "DockerRootDir": str(tmp_path), **info}
        return SimpleNamespace(address=address, info=lambda: told)

    here = "unix:///var/run/docker.sock"
    assert fitness.disk_of_images(engine(here)) == tmp_path
    assert fitness.disk_of_images(engine(here, DockerRootDir="/not/there")) is None
    assert fitness.disk_of_images(engine(here, KernelVersion="6.6.0-linuxkit")) is None
    assert fitness.disk_of_images(engine("tcp://10.1.2.3:2376")) is None


def test_the_disk_of_an_engine_in_a_machine_of_its_own_is_not_one_of_this_computer() -> None:
    for name in FIT:
        engine = recorded(name)
        found = fitness.recognise(engine["info"] | {"DockerRootDir": "/"}, engine["version"], engine["kernel"])
        assert (found.root_here is not None) == (found.product == "Docker Engine"), name
