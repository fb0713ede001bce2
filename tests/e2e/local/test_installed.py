"""`pipx install .` works: the wheel brings what a checkout has at its top, and finds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.support.program import ROOT


def test_the_wheel_holds_everything_that_kit_needs(engine: None, tmp_path: Path) -> None:
    wheel = built(ROOT, tmp_path)
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    env = {**os.environ, "PYTHONPATH": str(site), "XDG_DATA_HOME": str(tmp_path / "data")}
    argv = [sys.executable, "-m", "kit", "--stack", "installed", "up", "--local", "--plan"]
    ran = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "prove" in ran.stdout
    assert "supply" not in ran.stdout, "the same recipes, so what this machine has built already serves"
    assert not (tmp_path / "data").exists(), "a plan writes nothing"


def test_what_terraform_leaves_in_a_checkout_is_not_shipped(tmp_path: Path) -> None:
    """A state and a plan hold passwords, and whoever runs terraform by hand has them next to the configuration."""
    checkout = tmp_path / "checkout"
    for name in ("kit", "compose", "kind", "examples", "terraform"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform", "*.tfstate*"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, checkout / name)
    left = (
        ".terraform/providers/p",
        ".terraform/terraform.tfstate",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "my.tfplan",
    )
    for name in left:
        path = checkout / "terraform" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("hunter2")
    with zipfile.ZipFile(built(checkout, tmp_path)) as wheel:
        shipped = [name for name in wheel.namelist() if wheel.read(name) == b"hunter2"]
        assert shipped == []
        assert "kit/_assets/terraform/variables.tf" in wheel.namelist()


def built(checkout: Path, into: Path) -> Path:
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(into), str(checkout)]
    subprocess.run(argv, check=True)
    (wheel,) = into.glob("*.whl")
    return wheel
