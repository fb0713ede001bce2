"""Stacks that tests share: made once a session under names of their own, purged at its end, whatever happened."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kit.state.ports import any_free
from tests.support.hostile import HOSTILE
from tests.support.program import Program

# Signals are part of what is tested. A shell that starts us in the background has Ctrl-C ignored, and `nohup` a closed terminal:
# by us and by all that we start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _stack(tmp_path_factory: pytest.TempPathFactory, name: str) -> Program:
    # One name per test process: two runs on one machine do not meet.
    return Program(tmp_path_factory.mktemp(name), f"{name}-{os.getpid()}")


def _up(program: Program, *words: str) -> None:
    """Sentry's port is this stack's own: the usual one is anybody's who comes up while a test has stopped the node."""
    described = program.home / "kit.yaml"
    described.write_text(f"ports: {{sentry.https: {any_free()}}}\n")
    replace(program, env=HOSTILE).must("up", "--local", *words, timeout_s=1800)
    described.unlink()  # the stack remembers


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A running engine; `kit setup` is how a user gets one."""
    Program(tmp_path_factory.mktemp("setup"), "setup").must("setup")


@pytest.fixture(scope="session")
def stores(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The five stores, up."""
    program = _stack(tmp_path_factory, "stores")
    try:
        _up(program, "--only", "stores")
        yield program
    finally:
        program.must("purge", "--yes")


@pytest.fixture(scope="session")
def whole(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Everything, up: stores, cluster, Sentry, a received exception."""
    program = _stack(tmp_path_factory, "whole")
    try:
        _up(program)
        yield program
    finally:
        program.must("purge", "--yes")


@pytest.fixture
def scratch(engine: None, tmp_path: Path) -> Iterator[Program]:
    """A stack for one test, not up yet."""
    program = Program(tmp_path, f"scratch-{os.getpid()}")
    try:
        yield program
    finally:
        program.must("purge", "--yes")
