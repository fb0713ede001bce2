"""`terraform test`, as somebody runs it who has neither kit nor an account: each refusal of the configuration has a run block."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.terraform import program, provider_environment
from tests.terraform.planning import TERRAFORM, copied

TESTS = TERRAFORM / "tests"
MODULE = TERRAFORM / "modules" / "sentry-values"
BLOCK = re.compile(r'^(variable|resource|check) "([^"]+)"(?: "([^"]+)")? \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
CONDITION = re.compile(r"^\s+(?:validation|precondition|postcondition|assert) \{", re.MULTILINE)
PREFIX = {"variable": "var.", "check": "check.", "resource": ""}


def said_by(folder: Path, chosen: str, provider: Mapping[str, str]) -> str:
    """Run the test file in a copy of the configuration, and what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "YC_"))}
    environment |= {**provider, "CHECKPOINT_DISABLE": "1"}
    for words in (("init", "-input=false"), ("test", f"-filter=tests/{chosen}")):
        argv = [str(program()), f"-chdir={folder}", *words, "-no-color"]
        ran = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=600, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def runs(file: Path) -> int:
    return len(re.findall(r'^run "', file.read_text(), re.MULTILINE))


def test_variables_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    said = said_by(copied(tmp_path / "terraform"), "preconditions.tftest.hcl", provider_environment(tmp_path / "mirror"))
    assert f"{runs(TESTS / 'preconditions.tftest.hcl')} passed, 0 failed" in said


def test_every_variable_refuses_what_it_should(tmp_path: Path) -> None:
    """In a folder with the variables alone: what depends on them is planned for nothing, and takes ten times as long."""
    folder = copied(tmp_path / "terraform")
    for path in folder.glob("*.tf"):
        if path.name != "variables.tf":
            path.unlink()
    provider = 'required_providers {\n    yandex = { source = "yandex-cloud/yandex" }\n  }'
    (folder / "versions.tf").write_text(f"terraform {{\n  {provider}\n}}\n")
    said = said_by(folder, "variables.tftest.hcl", provider_environment(tmp_path / "mirror"))
    assert f"{runs(TESTS / 'variables.tftest.hcl')} passed, 0 failed" in said


def test_the_module_refuses_what_it_should_without_any_provider(tmp_path: Path) -> None:
    shutil.copytree(MODULE, tmp_path / "module", ignore=shutil.ignore_patterns(".terraform*"))
    said = said_by(tmp_path / "module", "refusals.tftest.hcl", {})
    assert f"{runs(MODULE / 'tests' / 'refusals.tftest.hcl')} passed, 0 failed" in said


@pytest.mark.parametrize("root", [TERRAFORM, MODULE], ids=["configuration", "module"])
def test_every_validation_and_precondition_has_a_run_that_expects_its_failure(root: Path) -> None:
    """An object with three conditions has three runs that expect it to fail. A new condition without one is named here.

    Not so the precondition of the module's output: only a mistake in its own files would fail it.
    """
    conditions: Counter[str] = Counter()
    for path in root.glob("*.tf"):
        for kind, first, second, body in BLOCK.findall(path.read_text()):
            conditions[PREFIX[kind] + ".".join(filter(None, (first, second)))] += len(CONDITION.findall(body))
    expected: Counter[str] = Counter()
    for path in (root / "tests").glob("*.tftest.hcl"):
        for listed in re.findall(r"expect_failures = \[([^\]]*)\]", path.read_text()):
            expected.update(word.strip() for word in listed.split(","))
    lacking = {name: count - expected[name] for name, count in conditions.items() if expected[name] < count}
    assert lacking == {}, f"write a run block for each into {root.name}/tests"
    assert conditions.total() > 25
