"""Preparing the engine: what a killed one leaves behind does not stop the next one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kit.host import engine


@pytest.mark.parametrize(
    "content", ["", "nonsense", "4194305", str(os.getpid())], ids=["empty", "garbage", "gone", "another program"]
)
def test_a_stale_pid_file_is_removed(tmp_path: Path, content: str) -> None:
    (tmp_path / "docker.pid").write_text(content)
    engine.forget_stale_pid(tmp_path / "docker.pid", "dockerd")
    assert not (tmp_path / "docker.pid").exists()


def test_the_pid_file_of_a_running_program_stays(tmp_path: Path) -> None:
    own = Path("/proc/self/comm").read_text().strip()
    (tmp_path / "docker.pid").write_text(str(os.getpid()))
    engine.forget_stale_pid(tmp_path / "docker.pid", own)
    assert (tmp_path / "docker.pid").exists()


def test_no_pid_file_is_no_trouble(tmp_path: Path) -> None:
    engine.forget_stale_pid(tmp_path / "docker.pid", "dockerd")
