"""No command and no option of kit that no test runs: each stands in a call of the program, the option beside its command."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from kit.cli.global_options import OPTIONS, read
from tests.support.commands import tree
from tests.support.vectors import UNKNOWN, Helper, Words, vectors

TESTS = Path(__file__).parents[1]
# Functions of the tests that run kit, where the file that calls them does not show it.
HELPERS = {"running": Helper(("yandex", "emulate"), skipped=2), "emulator": Helper(("yandex", "emulate"))}
REFUSED = TESTS / "unit" / "test_cli_bad_input.py"  # the refusal of a word is no run of its option
FILES = sorted(file for file in TESTS.rglob("*.py") if file != REFUSED)
EVERY = list(tree())
COMMANDS = dict(EVERY)


def all_vectors() -> frozenset[Words]:
    found = (vectors(file, HELPERS) for file in FILES)
    return frozenset(words for each in found for words in each if not {"-h", "--help"} & set(words))


VECTORS = all_vectors()


def options(words: Words) -> tuple[tuple[str, ...], set[str]]:
    """The command that the words run, and those of its options that stand beside it."""
    path: tuple[str, ...] = ()
    rest = list(read(words).words)
    while rest and (*path, rest[0]) in COMMANDS:
        path = (*path, rest.pop(0))
    return path, {word.partition("=")[0] for word in rest}


RUN: dict[tuple[str, ...], set[str]] = {}
for each in VECTORS:
    ran, beside = options(each)
    RUN.setdefault(ran, set()).update(beside)


@pytest.mark.parametrize("path", [path for path, command in EVERY if not isinstance(command, click.Group)], ids=" ".join)
def test_a_command_is_run_with_each_of_its_options(path: tuple[str, ...]) -> None:
    assert path in RUN, "no test runs it"
    wanted = [option for option in COMMANDS[path].params if isinstance(option, click.Option)]
    assert [option.opts[-1] for option in wanted if not {*option.opts, *option.secondary_opts} & RUN[path]] == []


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[-1])
def test_a_global_option_is_used(option: click.Option) -> None:
    used = {word.partition("=")[0] for words in VECTORS for word in words} | {"--stack"}  # the program under test has one always
    assert set(option.opts) & used


SOURCE = """
CLOUD = ("--cloud", "--rehearse")
NOT_RUN = ["logs", "--follow"]

def up(program: Program, chart, *words):
    return program("up", *CLOUD, *words)

@pytest.mark.parametrize(("words", "code"), [("status -o json", 0), (("env",), 1)])
def test_one(kit: Kit, words, code):
    kit(*words.split())
    for verb in ("down", "purge"):
        kit.must(verb, "--yes", str(file))
    up(kit, "chart", "--plan")
    read(["topics", "--mend"])
    assert kit.stack == ("certs", "show")
    subprocess.run((sys.executable, "-m", "kit", "kube-token"))
    CliRunner().invoke(images, ["list", *names])
"""


def test_only_what_stands_in_a_call_of_the_program_counts(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SOURCE)
    assert set(vectors(tmp_path / "test_it.py", {})) - {("up", "--cloud", "--rehearse", UNKNOWN)} == {
        ("status", "-o", "json"),
        ("env",),
        ("down", "--yes", UNKNOWN),
        ("purge", "--yes", UNKNOWN),
        ("up", "--cloud", "--rehearse", "--plan"),
        ("kube-token",),
        ("images", "list", UNKNOWN),
    }
