"""kubectl for the user's shell: nothing is waited for, and nothing is compiled for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from kit.supply.download import Files
from kit.supply.supply import Supply
from kit.targets import kubectl
from tests.support.file_server import InTurn, Stalled, Whole, file_server

LOCK = """\
version: 1
tools:
  kubectl:
    sources:
      - pulled: {{version: 1.34.3, files: {{{files}}}}}
      - built: {{version: 1.34.3, go_build: {{folder: nowhere, packages: {{kubectl: nowhere}}}}}}
"""
FILE = "{url: https://dl.example/kubectl, sha256: SUM}".replace("SUM", "a" * 64)
PLATFORMS = ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64")


@pytest.fixture
def supply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supply:
    monkeypatch.setenv("PATH", "")
    lock = tmp_path / "lock.yaml"
    lock.write_text(LOCK.format(files=", ".join(f"{name}: {FILE}" for name in PLATFORMS)))
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "nowhere" / "go.mod").write_text("go 1.26\n")
    return Supply(lock, tmp_path / "cache", tmp_path, cast("Any", None))


def test_a_shell_does_not_wait_for_a_host_that_is_silent(
    supply: Supply, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with file_server(tmp_path, tls=False) as server:
        server.paths["/"] = InTurn(Stalled(), Whole(b""))
        supply.__dict__["files"] = Files(f"http://127.0.0.1:{server.port}", ask_s=0.3, patient_s=60)
        assert kubectl.on_path(supply) == {}
        assert server.asked("/", "HEAD") == 1
    told = capsys.readouterr().err
    assert "no answer in time" in told
    assert "kit images pull kubectl" in told
    assert "kit images build kubectl" in told
