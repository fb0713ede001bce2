"""`kit up --cloud --prices FILE`: three numbers of the user's own, or the line that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.cli import render
from kit.targets.cloud.errors import PricesUnreadable


def test_prices_are_read_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("vcpu: 800\nmemory_gb: 210.50\ndisk_gb: 1e1\n")
    assert render.prices(file) == {"vcpu": 800.0, "memory_gb": 210.5, "disk_gb": 10.0}
    assert render.prices(None) is None


@pytest.mark.parametrize(
    ("content", "where", "says"),
    [
        ("vcpu: 1\nmemory_gb: dear\ndisk_gb: 1\n", ":2", "'dear' is no number"),
        ("vcpu: 1\nmemory_gb: 1\n", ":1", "it does not say disk_gb"),
        ("vcpu: [1]\nmemory_gb: 1\ndisk_gb: 1\n", ":1", "a word is expected"),
        ("- 1\n", ":1", "it does not say vcpu"),
        ("vcpu: [\n", ":2", "expected"),
        (None, "", "directory"),
    ],
)
def test_what_is_no_price_is_named_with_its_line(tmp_path: Path, content: str | None, where: str, says: str) -> None:
    file = tmp_path / "prices.yaml"
    file.mkdir() if content is None else file.write_text(content)
    with pytest.raises(PricesUnreadable) as refused:
        render.prices(file)
    assert refused.value.what == f"{file}{where} holds no prices"
    assert says in refused.value.why
