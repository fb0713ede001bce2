"""The topics as data are what Sentry's own package of schemas says: made again from the package index, byte for byte."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.support.program import ROOT

TOPICS = ROOT / "terraform" / "topics"


@pytest.mark.parametrize("file", sorted(TOPICS.glob("*.json")), ids=lambda file: file.stem)
def test_the_file_is_what_the_package_says(file: Path, tmp_path: Path) -> None:
    described = importlib.util.spec_from_file_location("make_topics", TOPICS / "make.py")
    assert described is not None
    assert described.loader is not None
    make = importlib.util.module_from_spec(described)
    described.loader.exec_module(make)
    wheel = make.download(file.stem, tmp_path)
    assert make.document(wheel, file.stem) == file.read_text()
