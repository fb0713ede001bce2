"""The command line's frame: options before or after the command, help that loads nothing, failures shown once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kit.cli.app import COMMANDS, hoisted
from kit.errors import KitError
from kit.report import failure
from tests.support.program import Program

HEAVY = (
    "docker",
    "kubernetes",
    "cryptography",
    "confluent_kafka",
    "psycopg",
    "redis",
    "boto3",
    "minio",
    "rich",
    "yaml",
    "sentry_sdk",
)


@pytest.mark.parametrize(
    ("given", "front"),
    [
        (["status", "-o", "json"], ["-o", "json", "status"]),
        (["up", "--local", "--stack", "two", "-v"], ["--stack", "two", "-v", "up", "--local"]),
        (["--stack=two", "status"], ["--stack=two", "status"]),
        (["status", "--output=json"], ["--output=json", "status"]),
        (["status", "--", "-o", "json"], ["status", "--", "-o", "json"]),
        (["status", "-o"], ["-o", "status"]),
    ],
)
def test_global_options_may_stand_after_the_command(given: list[str], front: list[str]) -> None:
    assert hoisted(given) == front


def test_every_command_has_help_with_its_own_words(tmp_path: Path) -> None:
    program = Program(tmp_path, "kit")
    for name in COMMANDS:
        ran = program.must(name, "--help")
        assert f"kit {name}" in ran.stdout


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = f"""
import sys
from kit.cli.app import main
try:
    main(['--help'])
except SystemExit:
    print([name for name in {HEAVY!r} if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_that_shell(tmp_path: Path, shell: str) -> None:
    script = Program(tmp_path, "kit").must("completion", shell).stdout
    assert "_KIT_COMPLETE" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_completion_knows_the_commands(tmp_path: Path) -> None:
    asked = {"_KIT_COMPLETE": "bash_complete", "COMP_WORDS": "kit st", "COMP_CWORD": "1"}
    assert "status" in Program(tmp_path, "kit", asked)().stdout


def test_a_failure_shows_what_why_fix_and_code_once() -> None:
    text = failure.text(KitError(what="it broke", why="so it is", fix="kit up --local"), color=False, verbose=False)
    assert text.splitlines()[0].startswith("✗ it broke")
    assert text.splitlines()[0].endswith("KIT-UNEXPECTED")
    assert text.splitlines()[1:] == ["  why  so it is", "  fix  kit up --local"]


def test_a_traceback_is_shown_only_when_asked_for() -> None:
    try:
        raise RuntimeError("deep inside")
    except RuntimeError as error:
        wrapped = failure.unexpected(error)
    assert "Traceback" not in failure.text(wrapped, color=False, verbose=False)
    assert "Traceback" in failure.text(wrapped, color=False, verbose=True)
