"""The runtime in front of runc: takes away what the host cannot grant, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit.host import runc_within_bounds as runtime

STATUS = "Name:\tx\nCapBnd:\t000001fffeffffff\nSeccomp:\t0\n"  # all but bit 24


def test_the_missing_capability_is_named() -> None:
    held = runtime.held_capabilities(STATUS)
    assert {f"CAP_{name}" for name in runtime.CAPABILITIES} - held == {"CAP_SYS_RESOURCE"}


def test_only_what_the_host_lacks_is_taken_away() -> None:
    process = {
        "args": ["init"],
        "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"]},
        "oomScoreAdj": -900,
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 65536, "soft": 1024}, {"type": "RLIMIT_CORE", "hard": 0, "soft": 0}],
    }
    bounded = runtime.within_bounds(process, frozenset({"CAP_CHOWN"}), 0, {"RLIMIT_NOFILE": 20000})
    assert bounded == {
        "args": ["init"],
        "capabilities": {"bounding": ["CAP_CHOWN"], "effective": []},
        "oomScoreAdj": 0,
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 20000, "soft": 1024}, {"type": "RLIMIT_CORE", "hard": 0, "soft": 0}],
    }


def test_a_host_that_lacks_nothing_changes_nothing() -> None:
    process = {"capabilities": {"bounding": ["CAP_SYS_RESOURCE"]}, "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 9, "soft": 9}]}
    assert runtime.within_bounds(process, frozenset({"CAP_SYS_RESOURCE"}), 0, {"RLIMIT_NOFILE": 1}) == process


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["create", "--bundle", "/b", "id"], ("/b/config.json", True)),
        (["--log", "x", "run", "-b", "/b", "id"], ("/b/config.json", True)),
        (["create", "--bundle=/b", "id"], ("/b/config.json", True)),
        (["create", "id"], ("config.json", True)),
        (["exec", "--process", "/p.json", "id"], ("/p.json", False)),
        (["exec", "id", "sh"], None),
        (["start", "id"], None),
        (["kill", "id", "9"], None),
    ],
)
def test_the_request_is_found_in_runc_s_own_words(argv: list[str], found: tuple[str, bool] | None) -> None:
    assert runtime.request_file(argv) == found


def test_the_program_rewrites_the_bundle_and_becomes_runc(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"process": {"oomScoreAdj": -1000, "args": ["x"]}, "root": {"path": "/"}}))
    fake = tmp_path / "runc"
    fake.write_text('#!/bin/sh\necho "runc $*"\n')
    fake.chmod(0o755)
    argv = [sys.executable, str(runtime.__file__), "create", "--bundle", str(tmp_path), "id"]
    ran = subprocess.run(argv, env={**os.environ, "KIT_RUNC": str(fake)}, capture_output=True, text=True, check=True)
    assert ran.stdout == f"runc create --bundle {tmp_path} id\n"
    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "process": {"oomScoreAdj": own, "args": ["x"]},
        "root": {"path": "/"},
    }
