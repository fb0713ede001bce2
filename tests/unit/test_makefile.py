"""The environment that `make` keeps: a half-made one is made anew, and what is lacking is said in one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"


def make(folder: Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """The part of `make up` that comes before anything is installed from the lock."""
    shutil.copy(MAKEFILE, folder / "Makefile")
    argv = ["make", "--no-print-directory", ".venv/bin/pip", f"PYTHON={python}"]
    # `make test` is a make itself, whose variables would make this one a part of it.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def without_ensurepip(tmp_path: Path) -> str:
    """A Python as Debian and Ubuntu have it before python3-venv is installed."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "ensurepip.py").write_text("raise ModuleNotFoundError(\"No module named 'ensurepip'\")\n")
    program = tmp_path / "python3"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path}/modules exec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return str(program)


def test_a_half_made_environment_is_made_anew(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    assert (tmp_path / ".venv" / "bin" / "python").exists()
    assert make(tmp_path).returncode == 0
    pip = subprocess.run([tmp_path / ".venv" / "bin" / "python", "-m", "pip", "--version"], capture_output=True, check=False)
    assert pip.returncode == 0


def test_python_without_its_venv_package_is_said_in_one_line_and_leaves_nothing(tmp_path: Path, without_ensurepip: str) -> None:
    ran = make(tmp_path, without_ensurepip)
    assert ran.returncode != 0
    first, *rest = ran.stderr.splitlines()
    assert "sudo apt-get install python3-venv" in first
    assert all(line.startswith("make: ***") for line in rest)
    assert not (tmp_path / ".venv").exists()
    assert make(tmp_path).returncode == 0  # once it is installed


def test_an_old_python_is_said_in_one_line(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # what sys.exit(sys.version_info < (3, 11)) makes of 3.10
    old.chmod(0o755)
    ran = make(tmp_path, str(old))
    assert ran.returncode != 0
    assert ran.stderr.splitlines()[0] == "kit needs Python 3.11 or newer: make PYTHON=python3.12"
