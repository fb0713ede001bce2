"""A limit is raised once, and only by who may."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kit.host import limits


def test_a_low_limit_is_raised_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    file = tmp_path / "max_user_instances"
    file.write_text("128\n")
    assert "1024" in (limits.raise_inotify(file) or "")
    assert file.read_text() == "1024"
    assert limits.raise_inotify(file) is None


def test_nothing_is_touched_without_the_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    file = tmp_path / "max_user_instances"
    file.write_text("128\n")
    assert limits.raise_inotify(file) is None
    assert file.read_text() == "128\n"


def test_a_kernel_without_the_limit_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert limits.raise_inotify(tmp_path / "no proc on a Mac") is None
