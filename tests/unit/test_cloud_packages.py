"""kit without the extra `cloud`: the local stack needs nothing of it, and every cloud command says how to get it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from kit.adapters.yandex.packages import PACKAGES
from tests.support.program import ROOT, Program

# Loaded by every Python that starts with this folder on its path: hides the packages of the extra as if they were not installed.
HIDING = """
import sys

class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {"grpc", "yandexcloud", "yandex"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden)
"""


def test_the_extra_has_what_is_looked_for_and_nothing_else_has_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {
        where: {re.split(r"[\[>=]", each)[0] for each in listed} for where, listed in project["optional-dependencies"].items()
    }
    assert names["cloud"] == set(PACKAGES.values())
    assert not names["cloud"] & {re.split(r"[\[>=]", each)[0] for each in project["dependencies"]}
    locked = re.findall(r"(?m)^(\S+)==", (ROOT / "requirements.lock").read_text())
    assert names["cloud"] <= set(locked), "make installs it"


@pytest.fixture
def kit(tmp_path: Path) -> Program:
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HIDING)
    (tmp_path / "kit.yaml").write_text("cloud: {domain: s.example.com}\n")
    return Program(tmp_path, "no-cloud", env={"PYTHONPATH": f"{hook}:{ROOT}"})


@pytest.mark.parametrize(
    ("words", "exit_codes"),
    [("up --local --plan", {0}), ("status", {4}), ("doctor", {0, 3}), ("yandex emulate --help", {0})],
)
def test_every_local_command_works_without_the_packages_of_the_cloud(kit: Program, words: str, exit_codes: set[int]) -> None:
    ran = kit(*words.split())
    assert ran.exit_code in exit_codes, ran.stderr
    assert "No module named" not in ran.stderr
    assert "KIT-UNEXPECTED" not in ran.stderr


@pytest.mark.parametrize(
    "words",
    [
        *("up --cloud", "up --cloud --rehearse --plan", "status --cloud", "kube-token", "kube-token --cloud --rehearse"),
        *("yandex emulate --control-plane-only", "yandex env", "yandex coverage"),
    ],
)
def test_every_cloud_command_says_how_to_get_them(kit: Program, words: str) -> None:
    ran = kit(*words.split(), "-o", "json")
    assert ran.exit_code == 20, ran.stderr
    assert ran.json["error"]["code"] == "KIT-CLOUD-PACKAGES"
    assert "pip install 'kit[cloud]'" in ran.json["error"]["fix"]
    assert "grpcio, yandexcloud" in ran.json["error"]["why"]
