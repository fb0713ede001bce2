"""kit's code as one importable file: the same bytes whoever packs it, and complete for what the preflight Job imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kit.sentry import archive
from kit.workspace import PACKAGE


def test_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*.py"):
        os.utime(path, (0, 0))
        path.chmod(0o600)
    assert archive.archive(copy) == archive.archive()


def test_a_changed_line_changes_the_bytes(tmp_path: Path) -> None:
    copy = tmp_path / "changed"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "stores" / "wire" / "tls.py").open("a") as source:
        source.write("# changed\n")
    assert archive.archive(copy) != archive.archive()


def test_the_job_and_all_stores_import_from_the_archive_alone(tmp_path: Path) -> None:
    (tmp_path / "kit.zip").write_bytes(archive.archive())
    report = "print(job.__file__, [store.NAME for store in catalog.every()])"
    code = f"import kit.sentry.probes_job as job; from kit.stores import catalog; {report}"
    environment = {"PYTHONPATH": str(tmp_path / "kit.zip"), "PATH": os.environ["PATH"]}
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(str(tmp_path / "kit.zip"))
    assert "['kafka', 'postgres', 'redis', 'clickhouse', 's3']" in ran.stdout


def test_what_does_not_fit_a_config_map_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LIMIT_BYTES", 1000)
    with pytest.raises(ValueError, match="at most 1000"):
        archive.archive()
