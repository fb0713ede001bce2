"""`pipx install .` works: the wheel brings what a checkout has at its top, and finds it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.support.program import ROOT


def test_the_wheel_holds_everything_that_kit_needs(engine: None, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(argv, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    env = {**os.environ, "PYTHONPATH": str(site), "XDG_DATA_HOME": str(tmp_path / "data")}
    argv = [sys.executable, "-m", "kit", "--stack", "installed", "up", "--local", "--plan"]
    ran = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "prove" in ran.stdout
    assert "supply" not in ran.stdout, "the same recipes, so what this machine has built already serves"
    assert not (tmp_path / "data").exists(), "a plan writes nothing"
