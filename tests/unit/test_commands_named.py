"""Advice is worth what its commands are: each command of kit that data, errors and documents name is one that kit has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import Named, in_code, in_markdown, in_prose, mistake

ROOT = Path(__file__).parents[2]
DATA = [
    "kit/sentry/rollout/failures.yaml",
    "kit/sentry/preflight/causes.yaml",
    "kit/sentry/lines/upgrade_path.yaml",
    "kit/targets/cloud/refusals.yaml",
]
ROOMS = ("certs", "compose", "docs", "examples", "kind", "terraform", "tests")
DOCUMENTS = sorted(
    str(file.relative_to(ROOT)) for file in [*ROOT.glob("*.md"), *(md for room in ROOMS for md in ROOT.glob(f"{room}/**/*.md"))]
)
SCRIPTS = sorted(str(file.relative_to(ROOT)) for file in (ROOT / "docs").glob("*.sh"))
FIELD = re.compile(r"\{[^{}]*\}")  # of a template
CODE = sorted(str(file.relative_to(ROOT)) for file in ROOT.glob("kit/**/*.py"))


def texts(document: Any) -> Iterator[str]:
    """Every text in it, however deep."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        for each in document.values() if isinstance(document, dict) else document:
            yield from texts(each)


def remedies(source: str) -> Iterator[str]:
    """The texts given as `fix=` and the templates of error classes, with … where a value is put in."""
    for node in ast.walk(ast.parse(source)):
        is_keyword = isinstance(node, ast.keyword) and node.arg == "fix"
        is_template = isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["fix"]
        if is_keyword or is_template:
            for part in ast.walk(node.value):  # type: ignore[attr-defined]
                if isinstance(part, ast.JoinedStr):
                    yield FIELD.sub(
                        "…", "".join(str(each.value) if isinstance(each, ast.Constant) else "…" for each in part.values)
                    )
                elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield FIELD.sub("…", part.value)


def mistakes(named: Iterator[Named]) -> list[str]:
    return [f"{each}: {problem}" for each in named if (problem := mistake(each))]


@pytest.mark.parametrize("file", DATA)
def test_data_names_commands_that_kit_has(file: str) -> None:
    said = list(texts(yaml.safe_load((ROOT / file).read_text())))
    assert mistakes(each for text in said for each in in_prose(text)) == []


def test_failures_name_every_command_in_backticks() -> None:
    advice = [entry["advice"] for entry in yaml.safe_load((ROOT / DATA[0]).read_text())]
    assert [str(each) for text in advice for each in in_prose(text) if not each.is_code] == []
    assert sum(1 for text in advice for _ in in_prose(text)) > 30


@pytest.mark.parametrize("file", DOCUMENTS)
def test_a_document_names_commands_that_kit_has(file: str) -> None:
    assert mistakes(in_markdown((ROOT / file).read_text())) == []


@pytest.mark.parametrize("file", SCRIPTS)
def test_a_script_of_the_documents_runs_commands_that_kit_has(file: str) -> None:
    lines = [line for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")]
    named = list(in_code("\n".join(lines)))
    assert mistakes(iter(named)) == []
    assert {"up", "verify", "purge"} <= {each.words[0] for each in named}


@pytest.mark.parametrize("file", CODE)
def test_an_error_s_remedy_names_commands_that_kit_has(file: str) -> None:
    assert mistakes(each for text in remedies((ROOT / file).read_text()) for each in in_prose(text)) == []


def test_the_remedies_of_a_class_and_of_a_raise_are_found() -> None:
    source = 'class Lost(KitError):\n    fix = "kit {verb} --stack {stack}"\n\nraise Lost(fix=f"kit {verb}")\n'
    assert {"kit … --stack …", "kit …"} <= set(remedies(source))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kit topics shows which; kit topics mend makes them", "`topics` has an option --mend"),
        ("`kit topics mend`", "`topics` takes no 'mend'"),
        ("`kit topic --mend`", "no command 'topic' in `kit`"),
        ("kit topic shows which", "no command 'topic' in `kit`"),
        ("kit topics --repair, then once more", "`topics` has no option --repair"),
        ("`kit certs list`", "no command 'list' in `certs`"),
        ("`kit up --only kafka`", "--only of `up` is never 'kafka'"),
        ("`kit logs nobody`", "component of `logs` is never 'nobody'"),
        ("`kit images list|drop`", "no command 'list|drop' in `images`"),
        ("`kit up --local --plan --now`", "`up` has no option --now"),
    ],
)
def test_a_command_that_kit_does_not_have_is_found(text: str, problem: str) -> None:
    assert [mistake(each) for each in in_prose(text) if mistake(each)] == [problem]


@pytest.mark.parametrize(
    "text",
    [
        "kit topics shows which; kit topics --mend makes them",
        "`kit up --local [--plan] --sentry lite|chart --stack NAME`",
        "`kit --stack NAME yandex emulate`",
        "`kit images list|build`",
        "`kit logs -f kafka --tail 20`",
        '`eval "$(kit env)" && psql`',
        "`kit status -o json | jq .`",
        "`kit images pull --for chart kafka redis`",
        "what kit issued it renews",
    ],
)
def test_a_command_that_kit_has_is_not_held_against_a_text(text: str) -> None:
    assert mistakes(in_prose(text)) == []


def test_a_block_of_code_names_one_command_a_line() -> None:
    named = in_code("kit up --local   # first\nkit demo && kit status\n")
    assert [str(each) for each in named] == ["kit up --local", "kit demo", "kit status"]
