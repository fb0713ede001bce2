"""What unit tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.in_process import Kit


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Kit:
    """kit in this process, with a home of the test's own."""
    return Kit(tmp_path, capsys, monkeypatch)
