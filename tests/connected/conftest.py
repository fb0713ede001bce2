"""What upstream publishes, published once for all tests of this folder, and a fresh computer for each that wants one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.adapters.docker.client import Docker
from tests.connected.laptop import Upstream, fresh, published
from tests.support.program import Program


@pytest.fixture(scope="session")
def docker(engine: None) -> Docker:
    return Docker()


@pytest.fixture(scope="session")
def upstream(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    with published(docker, tmp_path_factory.mktemp("upstream")) as served:
        yield served


@pytest.fixture
def laptop(docker: Docker, upstream: Upstream, tmp_path: Path) -> Iterator[Program]:
    with fresh(docker, upstream, tmp_path) as program:
        yield program
