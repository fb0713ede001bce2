"""Two stacks for all modules of this folder: one of the current line, and one of the article's. Each module takes its own out of
them again, so that the next one finds stores and a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.program import Program

LAST = "test_chart.py"  # it moves the stores' data to later lines, breaks the cluster and purges the stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name == LAST)


@pytest.fixture(scope="session")
def cluster(stores: Program) -> Program:
    """The stores of the current line, and a cluster beside them."""
    stores.must("up", "--local", "--only", "cluster", timeout_s=1800)
    return stores


@pytest.fixture(scope="session")
def seed(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The stores that kit gives the article's line, and a cluster beside them."""
    program = Program(tmp_path_factory.mktemp("seed"), f"seed-{os.getpid()}")
    (program.home / "kit.yaml").write_text("sentry: {profile: seed}\n")
    try:
        for part in ("stores", "cluster"):
            program.must("up", "--local", "--only", part, timeout_s=1800)
        yield program
    finally:
        program.must("purge", "--yes")
